// What a client of a stream gets, over a real socket (RUN-06).

import assert from "node:assert/strict";
import test from "node:test";
import { eventStream, lastEventId } from "headwater/node";
import { until } from "../../../../tests/browser/support/until.js";
import { RawClient } from "../../support/raw.js";
import { listen, serve } from "../../support/server.js";
import http2 from "node:http2";
import { once } from "node:events";

test("head and first block leave before there is an event", async (context) => {
  const { port } = await serve(context, (request, response) => void eventStream(request, response, { cursor: "9-a" }));
  const client = await RawClient.get(context, port);
  await client.shows("id: 9-a\n\n");
  const [head] = client.text.toLowerCase().split("\r\n\r\n");
  for (const field of [
    "http/1.1 200 ok",
    "content-type: text/event-stream",
    "cache-control: no-store, no-transform",
    "x-accel-buffering: no",
    "x-content-type-options: nosniff",
    "headwater-cursor: 9-a",
    "headwater-heartbeat: 15",
  ]) {
    assert.ok(head.split("\r\n").includes(field), `${field} in ${head}`);
  }
  assert.ok(!head.includes("content-length"));
  assert.match(client.body, /^retry: \d+\nid: 9-a\n\n/);
});

test("the reconnect delay varies by half of it either way", async (context) => {
  const { url } = await serve(context, (request, response) => eventStream(request, response, { retry: 1000 }).finish());
  const delays = new Set();
  for (let round = 0; round < 20; round += 1) {
    const [, delay] = /retry: (\d+)/.exec(await (await fetch(url)).text()) ?? [];
    assert.ok(Number(delay) >= 500 && Number(delay) <= 1500, delay);
    delays.add(delay);
  }
  assert.ok(delays.size > 5);
});

test("each event leaves at once and in one piece", async (context) => {
  /** @type {import("headwater/node").EventStream[]} */
  const streams = [];
  const { port } = await serve(context, (request, response) => void streams.push(eventStream(request, response)));
  const client = await RawClient.get(context, port);
  await until("the stream is there", () => streams.length === 1);
  await client.shows("retry: ");
  for (let n = 1; n <= 5; n += 1) {
    assert.equal(await streams[0].send({ id: String(n), type: "tick", data: "x".repeat(1000) }), true);
    const frame = `id: ${n}\nevent: tick\ndata: ${"x".repeat(1000)}\n\n`;
    await client.shows(frame);
    assert.ok(client.chunks.some((chunk) => chunk.includes(frame)), "one event in one read");
  }
});

test("events of a source arrive in order, then the end, and the stream is told over", async (context) => {
  /** @type {import("headwater/node").EventStream | undefined} */
  let stream;
  const { url } = await serve(context, (request, response) => {
    stream = eventStream(request, response);
    stream.from(async function* () {
      yield "one";
      yield { id: "2", data: { n: 2 } };
    });
  });
  const text = await (await fetch(url)).text();
  assert.match(
    text,
    /^retry: \d+\n\ndata: one\n\nid: 2\ndata: {"n":2}\n\nid: headwater.end\nevent: headwater.end\ndata: {"reason":"done","topic":""}\n\n$/,
  );
  assert.deepEqual(await stream?.closed, { reason: "done" });
});

test("a client that comes back after the end is answered 204, and its source is never made", async (context) => {
  let made = 0;
  const { url } = await serve(context, (request, response) => {
    eventStream(request, response).from(() => [String((made += 1))]);
  });
  const text = await (await fetch(url)).text();
  const [, id] = /id: (\S+)\nevent: headwater.end/.exec(text) ?? [];
  const again = await fetch(url, { headers: { "Last-Event-ID": id } });
  assert.equal(again.status, 204);
  assert.equal(made, 1);
});

test("HEAD gets the head and nothing else", async (context) => {
  const { url } = await serve(context, (request, response) => {
    eventStream(request, response).from(() => assert.fail("no source is made for HEAD"));
  });
  const answer = await fetch(url, { method: "HEAD" });
  assert.equal(answer.headers.get("Content-Type"), "text/event-stream");
});

test("the last event id is the header as UTF-8, else the query", async (context) => {
  const { port } = await serve(context, (request, response) => eventStream(request, response).from([{ data: lastEventId(request) }]));
  const ask = async (/** @type {string} */ path, headers = {}) => {
    const client = await RawClient.get(context, port, path, { headers });
    await client.shows("headwater.end");
    return /data: (.*)\n/.exec(client.body)?.[1];
  };
  assert.equal(await ask("/", { "Last-Event-ID": "zürich-☃-1" }), "zürich-☃-1");
  assert.equal(await ask("/?last_event_id=2%20b"), "2 b");
  assert.equal(await ask("/?topic=a&lastEventId=3"), "3");
  assert.equal(await ask("/?lastEventID=4", { "Last-Event-ID": "5" }), "5");
  assert.equal(await ask("/?lastEventID=4", { "Last-Event-ID": "" }), "4");
  assert.equal(await ask("/"), "");
});

test("heartbeats come before the first event, only in silence, and not after the end", async (context) => {
  /** @type {import("headwater/node").EventStream | undefined} */
  let stream;
  const { port } = await serve(context, (request, response) => {
    stream = eventStream(request, response, { heartbeat: 40 });
  });
  const client = await RawClient.get(context, port);
  await until("three heartbeats have come", () => client.body.split(":\n").length > 3);
  assert.match(client.body, /^retry: \d+\n\n(:\n|\r\n)+$/);
  stream?.finish();
  await client.shows("headwater.end");
  const after = client.body.split("headwater.end")[1];
  assert.ok(!after.includes("\n:\n"), after);
});

test("at its greatest age a stream ends and the client is told when to come back", async (context) => {
  const { url } = await serve(context, (request, response) => {
    eventStream(request, response, { maxAge: 50, retry: 2000 });
  });
  const text = await (await fetch(url)).text();
  const [, retry, delay] = /retry: (\d+)\nevent: headwater.closing\ndata: {"reason":"max_age","reconnect_ms":(\d+)}\n\n$/.exec(text) ?? [];
  assert.ok(retry && retry === delay, text);
});

test("options that make no sense are refused before anything is sent", async (context) => {
  const { url } = await serve(context, (request, response) => {
    assert.throws(() => eventStream(request, response, { heartbeat: Number.NaN }), /^RangeError: heartbeat has to be/);
    assert.throws(() => eventStream(request, response, { maxAge: 2 ** 40 }), /^RangeError: maxAge has to be/);
    assert.throws(() => eventStream(request, response, { headers: { "content-length": "5" } }), /^TypeError: the field content-length/);
    response.writeHead(200);
    response.write("x");
    assert.throws(() => eventStream(request, response), /begun already/);
    response.end();
  });
  assert.equal(await (await fetch(url)).text(), "x");
});

test("HTTP/2 carries it without fields of a connection", async (context) => {
  const { url } = await listen(
    context,
    http2.createServer((request, response) => {
      eventStream(request, response).from([{ id: "1", data: "over http/2" }]);
    }),
  );
  const session = http2.connect(url);
  context.after(() => session.destroy());
  const stream = session.request({ ":path": "/" });
  const [headers] = await once(stream, "response");
  assert.equal(headers[":status"], 200);
  assert.equal(headers["content-type"], "text/event-stream");
  for (const name of ["connection", "keep-alive", "transfer-encoding", "content-length"]) assert.equal(headers[name], undefined);
  let text = "";
  for await (const chunk of stream) text += chunk;
  assert.match(text, /id: 1\ndata: over http\/2\n\n/);
});
