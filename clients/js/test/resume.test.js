// A subscription to a real hub keeps its place through everything, and leaves nothing behind.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { subscribe } from "headwater";
import { Hub, serve, stream, until } from "./support.js";

const EVENTS = 10_000;
const CUTS = 100;

/** A relay to a port that can cut all its connections. */
async function relay(port) {
  const sockets = new Set();
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    }
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut: () => sockets.forEach((socket) => socket.resetAndDestroy()),
    close: () => server.close(),
  };
}

// IDG-08: duplicates dropped, no gap, the order kept.
for (const transport of ["stream", "poll"]) {
  test(`${EVENTS} events through ${CUTS} forced disconnects come once each and in order, by ${transport}`, async () => {
    const hub = await Hub.start();
    const way = await relay(hub.port);
    try {
      const subscription = subscribe(`${way.url}/v1/events?topic=n`, { transport, retry: { first: 1, most: 5 } });
      await until("the subscription is open", () => subscription.state.name === "open");
      const publishing = (async () => {
        for (let first = 0; first < EVENTS; first += 100) {
          const batch = Array.from({ length: 100 }, (_, n) => ({ topic: "n", data: `${first + n}` }));
          const headers = { "Content-Type": "application/json" };
          const response = await fetch(`${hub.url}/v1/events`, { method: "POST", headers, body: JSON.stringify(batch) });
          assert.equal(response.status, 201);
          await response.body?.cancel();
        }
      })();
      let next = 0;
      let cuts = 0;
      for await (const item of subscription) {
        assert.equal(item.kind, "event");
        assert.equal(item.data, `${next}`);
        next++;
        if (next === EVENTS) break;
        if (next % (EVENTS / CUTS) === 50) {
          way.cut();
          cuts++;
        }
      }
      assert.equal(cuts, CUTS);
      await publishing;
    } finally {
      way.cut();
      way.close();
      await hub.remove();
    }
  });
}

test("a wait is over at once when whoever is told of it connects again or closes", async () => {
  const server = await serve((_, response, nth) => (nth === 1 ? response.writeHead(503).end() : stream(response, "data: x\n\n")));
  const slow = { first: 1e9, most: 1e9 };
  const again = subscribe(server.url, { retry: slow, onState: ({ name }) => name === "waiting" && again.restart() });
  for await (const item of again) {
    assert.equal(item.data, "x");
    break;
  }
  const refused = await serve((_, response) => response.writeHead(503).end());
  const ended = subscribe(refused.url, { retry: slow, onState: ({ name }) => name === "waiting" && ended.close() });
  for await (const item of ended) assert.fail(item);
  assert.equal(ended.state.reason, "aborted");
  await server.close();
  await refused.close();
});

test("a subscription that is closed in any state leaves the process free to end", async () => {
  const hung = await serve(() => {});
  const open = await serve((_, response) => stream(response, "data: x\n\n"));
  const refused = await serve((_, response) => response.writeHead(503).end());
  const program = `
    import { subscribe } from "headwater";
    const [hung, open, refused] = process.argv.slice(1);
    const closed = [];
    for (const how of ["close", "signal", "break"]) {
      for (const [url, name] of [[hung, "connecting"], [open, "open"], [refused, "waiting"], ["http://127.0.0.1:9", "waiting"]]) {
        for (const transport of ["stream", "poll"]) {
          if (transport === "poll" && name === "open") continue;
          closed.push(new Promise((resolve) => {
            const stop = new AbortController();
            const subscription = subscribe(url + "/v1/events", { transport, signal: stop.signal, fallback: { late: 1 },
              onState: (state) => {
                if (state.name === name) setTimeout(() => how === "signal" ? stop.abort() : subscription.close(), 20);
                if (state.name === "closed") resolve(state.reason);
              } });
            (async () => { for await (const item of subscription) if (how === "break") break; })();
          }));
        }
      }
    }
    const aborted = AbortSignal.abort();
    for await (const item of subscribe(open, { signal: aborted })) throw item;
    console.log(new Set(await Promise.all(closed)));
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, hung.url, open.url, refused.url], {
    cwd: new URL("..", import.meta.url),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [text, [code]] = await Promise.all([child.stdout.toArray(), once(child, "exit")]);
  assert.equal(code, 0);
  assert.equal(Buffer.concat(text).toString(), "Set(1) { 'aborted' }\n");
  for (const server of [hung, open, refused]) await server.close();
});

test("a refusal whose problem document never ends is a refusal all the same", async () => {
  const server = await serve((_, response) => response.writeHead(400, { "Content-Type": "application/problem+json" }).write("{"));
  const subscription = subscribe(server.url, { connectTimeout: 300 });
  await assert.rejects(subscription[Symbol.asyncIterator]().next(), { reason: "rejected", status: 400 });
  await server.close();
});

test("a token that no header can hold is refused at once", () => {
  assert.throws(() => subscribe("http://127.0.0.1:9", { token: "a\nb" }), TypeError);
});
