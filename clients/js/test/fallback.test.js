// Long poll where streams do not get through (BRW-02, BRW-03), and nothing of it loaded where they do (BRW-04).

import assert from "node:assert/strict";
import { test } from "node:test";
import { subscribe } from "headwater";
import { Hub, pollAnswer, serve, stream, until } from "./support.js";

const QUICK = { first: 1, most: 1 };
const wantsStream = (request) => request.headers.accept === "text/event-stream";

/**
 * The first items of a subscription; it is closed then.
 * @param {import("headwater").Subscription} subscription
 * @param {number} count
 */
async function take(subscription, count) {
  const items = [];
  for await (const item of subscription) if (items.push(item) === count) break;
  return items;
}

test("a stream whose head or first byte does not come is replaced by long poll", async () => {
  for (const buffer of [() => {}, (response) => stream(response)]) {
    let polls = 0;
    const server = await serve((request, response) => {
      if (wantsStream(request)) return buffer(response);
      polls++;
      if (polls === 1) return pollAnswer(response, [], 4);
      if (polls === 2) return pollAnswer(response, [5, 6], 6);
      if (polls === 3) return pollAnswer(response, [7], 7);
    });
    const states = [];
    const subscription = subscribe(`${server.url}/v1/events?topic=t`, {
      fallback: { late: 20 },
      onState: (state) => states.push(state.transport ?? state.name),
    });
    const items = await take(subscription, 3);
    assert.deepEqual(items.map(({ id, data, topic }) => [id, data, topic]), [["5-a", "5", "t"], ["6-a", "6", "t"], ["7-a", "7", "t"]]);
    assert.ok(states.includes("poll"), `${states}`);
    const cursors = server.requests.filter((request) => !wantsStream(request)).map((request) => request.headers["last-event-id"]);
    assert.deepEqual(cursors.slice(0, 3), [undefined, "4-a", "6-a"]);
    await server.close();
  }
});

test("streams that keep dying young are replaced by long poll, and a stream is tried again later", async () => {
  let dying = true;
  const server = await serve((request, response) => {
    if (wantsStream(request)) {
      stream(response, dying ? "id: 1-a\n\n" : "id: 9-a\ndata: streamed\n\n");
      if (dying) response.end();
      return;
    }
    dying = false;
    pollAnswer(response, [2], 2);
  });
  const subscription = subscribe(`${server.url}/v1/events`, { fallback: { deaths: 3, again: 0 }, retry: QUICK });
  const items = await take(subscription, 2);
  assert.deepEqual(items.map((item) => item.data), ["2", "streamed"]);
  const kinds = server.requests.map((request) => (wantsStream(request) ? "stream" : "poll")).join(" ");
  assert.equal(kinds, "stream stream stream poll stream");
  await server.close();
});

test("a server that does not speak long poll keeps its stream", async () => {
  let late;
  const server = await serve((request, response) => {
    if (wantsStream(request)) {
      stream(response);
      late = response;
    } else {
      response.writeHead(406).end();
      late.write("data: at last\n\n");
    }
  });
  const [item] = await take(subscribe(`${server.url}/v1/events`, { fallback: { late: 20 } }), 1);
  assert.equal(item.data, "at last");
  assert.equal(server.requests.length, 2);
  await server.close();
});

test("no other server, and no request with a body, is asked for a long poll", async () => {
  for (const [path, options] of [["/chat", {}], ["/v1/events", { body: "{}" }], ["/v1/events", { transport: "stream" }]]) {
    const server = await serve((request, response, nth) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" });
      response.end(nth < 9 ? "" : "data: x\n\n");
    });
    await take(subscribe(server.url + path, { fallback: { late: 1, deaths: 2 }, retry: QUICK, ...options }), 1);
    assert.ok(server.requests.every(wantsStream));
    await server.close();
  }
});

test("a gap of a long poll is told, and does not move the cursor past its events", async () => {
  const gap = { reason: "retention", requested: "1-a", resumed_at: "8-a" };
  const server = await serve((_, response, nth) => {
    if (nth === 1) pollAnswer(response, [7, 8], 8, gap);
  });
  const items = await take(subscribe(server.url, { transport: "poll", lastEventId: "1-a" }), 2);
  assert.deepEqual(items[0], { kind: "gap", reason: "retention", requested: "1-a", resumedAt: "8-a", id: "1-a" });
  assert.equal(items[1].id, "7-a");
  await server.close();
});

test("long poll of a hub gives the same events with the same ids as a stream of it", async () => {
  const hub = await Hub.start();
  try {
    for (let n = 0; n < 20; n++) await hub.publish("t/x", `line ${n}\nsecond`, n % 2 ? { event: "odd" } : {});
    await hub.publish("t/x", "bye", { final: "done" });
    const address = `${hub.url}/v1/events?topic=t/x&since=earliest`;
    const all = [];
    for (const transport of ["stream", "poll"]) {
      const items = [];
      for await (const item of subscribe(address, { transport, retry: QUICK })) items.push(item);
      all.push(items);
    }
    assert.equal(all[0].length, 22);
    assert.deepEqual(all[0], all[1]);
  } finally {
    await hub.remove();
  }
});

test("where streams get through nothing of long poll is loaded", async () => {
  const { build } = await import("esbuild");
  const source = 'import { subscribe } from "./src/index.js"; globalThis.subscribe = subscribe;';
  const { metafile } = await build({
    stdin: { contents: source, resolveDir: new URL("..", import.meta.url).pathname },
    bundle: true, format: "esm", splitting: true, outdir: "out", write: false, metafile: true,
  });
  const entry = metafile.outputs["out/stdin.js"];
  const reached = new Set();
  const visit = (output) => {
    Object.keys(output.inputs).forEach((input) => reached.add(input));
    for (const { path, kind } of output.imports) if (kind === "import-statement") visit(metafile.outputs[path]);
  };
  visit(entry);
  assert.ok(reached.has("src/engine.js"));
  for (const part of ["poll", "extras", "saver", "credential", "beside", "doubt", "refusal"]) assert.ok(!reached.has(`src/${part}.js`), part);
});
