// Resume: what a client missed, then what is live, without a gap and without a duplicate.

import assert from "node:assert/strict";
import test from "node:test";
import { eventStream } from "headwater/node";
import { until } from "../../../../tests/browser/support/until.js";
import { RawClient } from "../../support/raw.js";
import { serve } from "../../support/server.js";

/** @typedef {import("headwater/node").EventStream} EventStream */
/** @param {RawClient} client */
const ids = (client) => [...client.body.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
/** @param {number} n */
const event = (n) => ({ id: String(n), data: String(n) });

test("the hook is given the cursor, and only a client that has one is replayed to", async (context) => {
  /** @type {string[]} */
  const asked = [];
  const { port } = await serve(context, (request, response) => {
    const stream = eventStream(request, response, {
      resume: (lastEventId) => {
        asked.push(lastEventId);
        return [event(8), event(9)];
      },
    });
    stream.from([event(10)]);
  });
  const back = await RawClient.get(context, port, "/", { headers: { "Last-Event-ID": "7" } });
  await back.shows("headwater.end");
  assert.deepEqual(ids(back), [8, 9, 10]);
  const fresh = await RawClient.get(context, port);
  await fresh.shows("headwater.end");
  assert.deepEqual(ids(fresh), [10]);
  assert.deepEqual(asked, ["7"]);
});

test("events sent during a replay follow it, each once, in order", async (context) => {
  /** @type {EventStream | undefined} */
  let stream;
  /** @type {(value?: unknown) => void} */
  let goOn = () => {};
  const wait = new Promise((resolve) => (goOn = resolve));
  const { port } = await serve(context, (request, response) => {
    stream = eventStream(request, response, {
      resume: async function* () {
        yield event(1);
        await wait;
        // The history was read after 3 had been published.
        yield event(2);
        yield event(3);
      },
    });
  });
  const client = await RawClient.get(context, port, "/", { headers: { "Last-Event-ID": "0" } });
  await client.shows("id: 1\n");
  const sent = [3, 4, 5].map((n) => stream?.send(event(n)));
  stream?.send({ data: "without an id" });
  assert.deepEqual(ids(client), [1]);
  goOn();
  assert.deepEqual(await Promise.all(sent), [true, true, true]);
  // The bus may be later still than the history.
  await stream?.send(event(2));
  await stream?.send(event(6));
  await client.shows("id: 6\n");
  assert.deepEqual(ids(client), [1, 2, 3, 4, 5, 6]);
  assert.ok(client.body.includes("data: without an id"));
});

test("a stream that finishes during a replay gives all of it first", async (context) => {
  const { port } = await serve(context, (request, response) => {
    const stream = eventStream(request, response, { resume: async () => [event(1), event(2)] });
    stream.send(event(3));
    stream.finish();
  });
  const client = await RawClient.get(context, port, "/", { headers: { "Last-Event-ID": "0" } });
  await client.shows("headwater.end");
  assert.deepEqual(ids(client), [1, 2, 3]);
});

test("a replay that fails lets the client come back with its cursor", async (context) => {
  /** @type {unknown[]} */
  const reported = [];
  const { port } = await serve(context, (request, response) => {
    eventStream(request, response, {
      onError: (error) => reported.push(error),
      resume: () => {
        throw new Error("no history");
      },
    });
  });
  const client = await RawClient.get(context, port, "/", { headers: { "Last-Event-ID": "7" } });
  await client.shows('event: headwater.closing\ndata: {"reason":"error"');
  assert.deepEqual(reported.map(String), ["Error: no history"]);
});

test("what waits behind an endless replay is bounded", async (context) => {
  /** @type {EventStream | undefined} */
  let stream;
  const { port } = await serve(context, (request, response) => {
    stream = eventStream(request, response, { resume: () => new Promise(() => {}), maxBuffer: 10_000 });
  });
  await RawClient.get(context, port, "/", { headers: { "Last-Event-ID": "7" } });
  await until("the stream is there", () => stream);
  for (let n = 0; n < 20; n += 1) stream?.send("x".repeat(1000));
  assert.deepEqual(await stream?.closed, { reason: "lagged" });
});
