// Publishing to a real hub, and to servers that fail as a test wants it.

import assert from "node:assert/strict";
import test from "node:test";
import { Publisher, PublishError } from "headwater/node";
import { Hub } from "../../../../tests/browser/support/hub.js";
import { until } from "../../../../tests/browser/support/until.js";
import { serve } from "../../support/server.js";

const QUICK = { first: 20, most: 100 };

/** @param {import("node:test").TestContext} context */
async function hub(context) {
  const hub = await Hub.start();
  context.after(() => hub.remove());
  return hub;
}

/**
 * Everything a topic has.
 * @param {Hub} hub
 * @param {string} topic
 * @returns {Promise<{id: string, topic: string, event: string, data: string, key: string | null}[]>}
 */
async function stored(hub, topic) {
  const query = new URLSearchParams({ topic, since: "earliest", wait: "0", limit: "10000" });
  const answer = await fetch(`${hub.url}/v1/events?${query}`, { headers: { Accept: "application/json" } });
  return answer.status === 204 ? [] : (await answer.json()).events;
}

test("an event is published with all it has, and its id is the hub's", async (context) => {
  const running = await hub(context);
  const publisher = new Publisher(running.url);
  const id = await publisher.publish({ topic: "orders/zürich 1", data: { total: 12 }, type: "order.paid", key: "42" });
  const [event] = await stored(running, "orders/zürich 1");
  assert.deepEqual(
    { ...event, time: undefined },
    { id, topic: "orders/zürich 1", event: "order.paid", data: '{"total":12}', key: "42", time: undefined },
  );
});

test("a burst of publishes shares requests, and keeps its order", async (context) => {
  const running = await hub(context);
  let requests = 0;
  const publisher = new Publisher(running.url, {
    fetch: (...request) => {
      requests += 1;
      return fetch(...request);
    },
  });
  const ids = await Promise.all(Array.from({ length: 500 }, (_, n) => publisher.publish({ topic: "burst", data: String(n) })));
  assert.ok(requests <= 3, `${requests} requests`);
  const events = await stored(running, "burst");
  assert.deepEqual(events.map(({ data }) => Number(data)), [...ids.keys()]);
  assert.deepEqual(events.map(({ id }) => id), ids);
});

test("a batch is stored whole or not at all", async (context) => {
  const running = await hub(context);
  const publisher = new Publisher(running.url);
  assert.equal((await publisher.publishMany([{ topic: "a", data: "1" }, { topic: "b", data: "2" }])).length, 2);
  await assert.rejects(
    publisher.publishMany([{ topic: "a", data: "3" }, { topic: "b//c", data: "4" }]),
    (/** @type {PublishError} */ error) => {
      assert.ok(error instanceof PublishError);
      assert.deepEqual([error.kind, error.status, error.field], ["malformed-request", 400, "[1].topic"]);
      assert.match(error.message, /refused with 400: The topic "b\/\/c"/);
      return true;
    },
  );
  assert.equal((await stored(running, "a")).length, 1);
});

test("of publishes that share a request only the one at fault fails", async (context) => {
  const running = await hub(context);
  let requests = 0;
  const publisher = new Publisher(running.url, {
    fetch: (...request) => {
      requests += 1;
      return fetch(...request);
    },
  });
  const topic = (/** @type {number} */ n) => (n === 3 || n === 77 ? "x//y" : "x");
  const outcomes = await Promise.allSettled(Array.from({ length: 100 }, (_, n) => publisher.publish({ topic: topic(n), data: String(n) })));
  const failed = outcomes.flatMap((outcome, n) => (outcome.status === "rejected" ? [{ n, error: outcome.reason }] : []));
  assert.deepEqual(failed.map(({ n, error }) => [n, error.kind, error.field]), [3, 77].map((n) => [n, "malformed-request", "topic"]));
  const kept = [...Array(100).keys()].filter((n) => topic(n) === "x");
  assert.deepEqual((await stored(running, "x")).map(({ data }) => Number(data)), kept);
  assert.equal(requests, 3);
});

test("where a refusal names no event the one at fault is found by halves", async (context) => {
  /** @type {number[]} */
  const batches = [];
  const { url } = await serve(context, async (request, response) => {
    /** @type {{data: string}[]} */
    const events = JSON.parse(Buffer.concat(await request.toArray()).toString());
    batches.push(events.length);
    if (events.some(({ data }) => data === "5")) response.writeHead(413).end();
    else response.writeHead(201).end(JSON.stringify({ ids: events.map(({ data }) => `${data}-a`) }));
  });
  const publisher = new Publisher(url);
  const outcomes = await Promise.allSettled([...Array(8).keys()].map((n) => publisher.publish({ topic: "a", data: String(n) })));
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason.status)),
    ["0-a", "1-a", "2-a", "3-a", "4-a", 413, "6-a", "7-a"],
  );
  assert.deepEqual(batches, [8, 4, 4, 2, 1, 1, 2]);
});

test("answers that are none of a hub are errors, however long they are", async (context) => {
  /** @type {(response: import("node:http").ServerResponse) => void} */
  let answer = () => {};
  const { url } = await serve(context, (request, response) => void request.resume().on("end", () => answer(response)));
  const publisher = new Publisher(url, { connectTimeout: 300, retry: { ...QUICK, within: 0 } });
  const publish = () => publisher.publish({ topic: "a", data: "x" });

  for (const body of ["<h1>Welcome</h1>", "{}", "null", "[]", '{"ids":["1-a","2-a"]}', '{"ids":"x"}', '{"ids":[{}]}']) {
    answer = (response) => response.end(body);
    await assert.rejects(publish(), { kind: "unexpected", status: 200, message: /not one of a hub/ });
  }
  answer = (response) => response.end("[]");
  await assert.rejects(publisher.finish("a"), { kind: "unexpected" });
  await assert.rejects(publisher.publishStream("a", ["x"]), { kind: "unexpected" });

  // A document without an end is read only so far, and one that stops only so long.
  const piece = Buffer.alloc(65_536, "x");
  let written = 0;
  const endless = (/** @type {number} */ status) => (/** @type {import("node:http").ServerResponse} */ response) => {
    response.writeHead(status);
    const write = () => {
      while (!response.destroyed && response.write(piece)) written += piece.length;
    };
    response.on("drain", write);
    write();
  };
  answer = endless(400);
  await assert.rejects(publish(), { kind: "status-400", message: /no problem document/ });
  answer = endless(200);
  await assert.rejects(publish(), { kind: "unexpected" });
  assert.ok(written < 64 * 1024 * 1024, `${written} bytes`);
  answer = (response) => response.writeHead(409).write('{"detail":');
  await assert.rejects(publish(), { kind: "status-409" });
  answer = (response) => response.writeHead(201).write('{"ids":');
  await assert.rejects(publish(), { kind: "timeout", message: /gave no answer within 300 ms/ });
});

test("what a hub that was killed has not answered is stored once, when it is back", async (context) => {
  const running = await hub(context);
  const publisher = new Publisher(running.url, { retry: QUICK });
  await publisher.publish({ topic: "kill", data: "0" });
  await running.kill();
  const ids = [1, 2, 3].map((n) => publisher.publish({ topic: "kill", data: String(n) }));
  await running.start();
  await Promise.all(ids);
  assert.deepEqual((await stored(running, "kill")).map(({ data }) => data), ["0", "1", "2", "3"]);
});

test("an answer that was lost on its way makes no duplicate", async (context) => {
  const running = await hub(context);
  let lost = 0;
  const publisher = new Publisher(running.url, {
    retry: QUICK,
    fetch: async (...request) => {
      const response = await fetch(...request);
      if ((lost += 1) > 2) return response;
      await response.body?.cancel();
      throw new TypeError("the connection broke before the answer");
    },
  });
  const id = await publisher.publish({ topic: "lost", data: "once" });
  assert.equal(lost, 3);
  assert.deepEqual((await stored(running, "lost")).map((event) => event.id), [id]);
});

test("Retry-After is waited for, refusals for good are not tried again", async (context) => {
  /** @type {number[]} */
  const times = [];
  let status = 503;
  const { url } = await serve(context, (request, response) => {
    times.push(Date.now());
    request.resume().on("end", () => {
      if (times.length > 1 && status === 503) return void response.writeHead(201).end('{"ids":["1-a"]}');
      response.writeHead(status, { "Retry-After": "1", "Content-Type": "application/problem+json" });
      response.end('{"type":"urn:headwater:problem:conflict","detail":"The topic is finished."}');
    });
  });
  const publisher = new Publisher(url, { retry: { first: 1, most: 1 } });
  assert.equal(await publisher.publish({ topic: "a", data: "x" }), "1-a");
  assert.ok(times[1] - times[0] >= 1000, `${times[1] - times[0]} ms`);
  status = 409;
  await assert.rejects(publisher.publish({ topic: "a", data: "x" }), { kind: "conflict", status: 409 });
  assert.equal(times.length, 3);
});

test("it gives up in time, with the reason of the last attempt", async (context) => {
  const { url, server } = await serve(context, (request, response) => {
    request.resume().on("end", () => response.writeHead(502).end("<h1>Bad gateway</h1>"));
  });
  const publisher = new Publisher(url, { retry: { ...QUICK, within: 200 } });
  await assert.rejects(publisher.publish({ topic: "a", data: "x" }), { kind: "status-502", message: /there is no problem document/ });
  server.closeAllConnections();
  server.close();
  await assert.rejects(publisher.publish({ topic: "a", data: "x" }), { kind: "unreachable", status: 0 });
});

test("a server that never answers is left after the connect limit", async (context) => {
  const { url } = await serve(context, () => {});
  const publisher = new Publisher(url, { connectTimeout: 100, retry: { ...QUICK, within: 150 } });
  await assert.rejects(publisher.publish({ topic: "a", data: "x" }), { kind: "timeout", message: /gave no answer within 100 ms/ });
});

test("a refused token is replaced once by the refresh hook, for good when that is refused too", async (context) => {
  /** @type {string[]} */
  const seen = [];
  const { url } = await serve(context, (request, response) => {
    const token = request.headers.authorization ?? "";
    seen.push(token);
    request.resume().on("end", () => {
      if (token === "Bearer new") return void response.writeHead(201).end('{"ids":["1-a"]}');
      response.writeHead(401, { "Content-Type": "application/problem+json" }).end('{"reason":"expired","detail":"The token has ended."}');
    });
  });
  /** @type {unknown[]} */
  const causes = [];
  let next = "new";
  const refresh = (/** @type {unknown} */ cause) => {
    causes.push(cause);
    return next;
  };
  const publisher = new Publisher(url, { token: "old", refresh });
  assert.equal(await publisher.publish({ topic: "a", data: "x" }), "1-a");
  assert.deepEqual(seen, ["Bearer old", "Bearer new"]);
  assert.deepEqual(causes, [{ status: 401, reason: "expired" }]);
  next = "worse";
  const other = new Publisher(url, { token: "old", refresh });
  await assert.rejects(other.publish({ topic: "a", data: "x" }), { status: 401, message: /The token has ended/ });
  assert.deepEqual(seen.slice(2), ["Bearer old", "Bearer worse"]);
});

test("a refresh hook that fails is asked again after the usual wait, until it is too late", async (context) => {
  /** @type {string[]} */
  const seen = [];
  const { url } = await serve(context, (request, response) => {
    const token = request.headers.authorization ?? "";
    seen.push(token);
    request.resume().on("end", () => response.writeHead(token === "Bearer new" ? 201 : 401).end('{"ids":["1-a"]}'));
  });
  let asked = 0;
  const refresh = () => {
    asked += 1;
    if (asked < 4) throw new Error("no identity provider");
    // A token that no header can hold is none.
    return asked === 4 ? "line\nend" : "new";
  };
  const publisher = new Publisher(url, { token: "old", refresh, retry: QUICK });
  assert.equal(await publisher.publish({ topic: "a", data: "x" }), "1-a");
  assert.deepEqual([asked, seen], [5, [...Array(5).fill("Bearer old"), "Bearer new"]]);

  const failing = new Publisher(url, { refresh: () => Promise.reject(new Error("no identity provider")), retry: { ...QUICK, within: 200 } });
  const unauthorized = { kind: "unauthorized", status: 401, message: /no identity provider/ };
  await assert.rejects(failing.publish({ topic: "a", data: "x" }), unauthorized);
  assert.ok(seen.length > 7, `${seen.length} requests`);

  const hanging = new Publisher(url, { refresh: () => new Promise(() => {}) });
  const publish = hanging.publish({ topic: "a", data: "x" });
  const before = seen.length;
  await until("the token is refused", () => seen.length > before);
  hanging.close();
  await assert.rejects(publish, { kind: "closed" });
});

test("a stream is readable while it is published, and ends its topic", async (context) => {
  const running = await hub(context);
  /** @type {(value?: unknown) => void} */
  let goOn = () => {};
  const read = new Promise((resolve) => (goOn = resolve));
  async function* answer() {
    yield "Hel";
    await read;
    yield "lo\nworld";
    yield { type: "usage", data: { tokens: 2 } };
  }
  const published = new Publisher(running.url).publishStream("chat/7", answer(), { type: "token", key: "k", final: true });
  await until("the first token is readable", async () => (await stored(running, "chat/7")).length === 1);
  goOn();
  assert.equal((await published).length, 3);
  assert.deepEqual(
    (await stored(running, "chat/7")).map(({ event, data }) => [event, data]),
    [
      ["token", "Hel"],
      ["token", "lo\nworld"],
      ["usage", '{"tokens":2}'],
      ["headwater.end", '{"reason":"done","topic":"chat/7"}'],
    ],
  );
});

test("a stream whose hub is killed halfway arrives once and whole", async (context) => {
  const running = await hub(context);
  async function* answer() {
    for (let n = 0; n < 200; n += 1) {
      if (n === 100) {
        await until("half of it is stored", async () => (await stored(running, "chat/8")).length === 100);
        await running.kill();
        await running.start();
      }
      yield String(n);
    }
  }
  const ids = await new Publisher(running.url, { retry: QUICK }).publishStream("chat/8", answer(), { final: true });
  assert.equal(ids.length, 200);
  const events = await stored(running, "chat/8");
  assert.deepEqual(events.slice(0, 200).map(({ data }) => Number(data)), [...ids.keys()]);
  assert.deepEqual(events.slice(200).map(({ event }) => event), ["headwater.end"]);
});

test("a stream that is too long to be kept fails with its connection instead of losing its beginning", async (context) => {
  let bodies = 0;
  const { url } = await serve(context, (request) => {
    bodies += 1;
    let size = 0;
    request.on("data", (bytes) => {
      size += bytes.length;
      if (size > 2 * 1024 * 1024) request.destroy();
    });
  });
  let cleaned = 0;
  async function* endless() {
    try {
      for (;;) yield "x".repeat(10_000);
    } finally {
      cleaned += 1;
    }
  }
  await assert.rejects(new Publisher(url, { retry: QUICK }).publishStream("long", endless()), { kind: "not-replayable" });
  assert.deepEqual([bodies, cleaned], [1, 1]);
});

test("a source that fails ends its topic with an error, one that is aborted as cancelled", async (context) => {
  const running = await hub(context);
  const publisher = new Publisher(running.url);
  async function* failing() {
    yield "a";
    throw new Error("the model is gone");
  }
  await assert.rejects(publisher.publishStream("chat/9", failing(), { final: true }), /the model is gone/);
  assert.deepEqual((await stored(running, "chat/9")).map(({ data }) => data), ["a", '{"reason":"error","topic":"chat/9"}']);

  const stop = new AbortController();
  let cleaned = 0;
  async function* waiting() {
    try {
      yield "a";
      await until("the first token is stored", async () => (await stored(running, "chat/10")).length === 1);
      stop.abort();
      yield "b";
    } finally {
      cleaned += 1;
    }
  }
  await assert.rejects(publisher.publishStream("chat/10", waiting(), { final: true, signal: stop.signal }), { name: "AbortError" });
  const events = await stored(running, "chat/10");
  assert.equal(events.at(-1)?.data, '{"reason":"cancelled","topic":"chat/10"}');
  await until("the source is cleaned up", () => cleaned === 1);
});

test("a finished topic takes no more, and the publisher that was closed neither", async (context) => {
  const running = await hub(context);
  const publisher = new Publisher(running.url);
  await publisher.publish({ topic: "job/1", data: "100 %" });
  await publisher.finish("job/1");
  await assert.rejects(publisher.publish({ topic: "job/1", data: "101 %" }), { status: 409 });
  publisher.close();
  await assert.rejects(publisher.publish({ topic: "job/2", data: "x" }), { kind: "closed" });
});

test("a topic that would be another address is refused before it is sent", async (context) => {
  const { url } = await serve(context, () => assert.fail("nothing was to be asked"));
  const publisher = new Publisher(url);
  for (const topic of ["", "a//b", "../admin/revocations", "a/./b"]) {
    await assert.rejects(publisher.finish(topic), { kind: "malformed-request", status: 0 });
    await assert.rejects(publisher.publishStream(topic, ["x"]), { kind: "malformed-request", status: 0 });
  }
});

test("an address or a token that can never work is refused at once, and nothing is published without a request", async () => {
  for (const address of ["ftp://127.0.0.1/", "http://user:secret@127.0.0.1/", "hub"]) assert.throws(() => new Publisher(address), TypeError);
  assert.throws(() => new Publisher("http://127.0.0.1/", { token: "line\nend" }), { name: "TypeError", message: /^(?!.*line\nend)/ });
  const publisher = new Publisher("http://127.0.0.1:1/");
  assert.deepEqual(await publisher.publishMany([]), []);
  for (const source of ["a text", 5, null, {}]) {
    await assert.rejects(publisher.publishStream("a", /** @type {any} */ (source)), { name: "TypeError", message: /something to iterate over/ });
  }
});

test("a caller that never waits is refused before memory fills", async (context) => {
  const { url } = await serve(context, () => {});
  const publisher = new Publisher(url);
  const data = "x".repeat(1024 * 1024);
  const outcomes = Array.from({ length: 40 }, () => publisher.publish({ topic: "a", data }).catch((error) => error.kind));
  assert.equal(await Promise.race(outcomes), "queue-full");
  publisher.close();
  const kinds = await Promise.all(outcomes);
  assert.ok(kinds.filter((kind) => kind === "closed").length <= 17);
});
