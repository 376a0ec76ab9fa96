// Every way in which a stream ends: cleaned up after exactly once (RUN-01), nothing written afterwards (RUN-02).

import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { eventStream, streamCounts } from "headwater/node";
import { until } from "../../../../tests/browser/support/until.js";
import { RawClient } from "../../support/raw.js";
import { listen, serve } from "../../support/server.js";

/** @typedef {import("headwater/node").EventStream} EventStream */

/**
 * A source that counts how often it is cleaned up, and otherwise waits until its stream is over.
 * @param {{made: number, cleaned: number}} counts
 */
function counted(counts) {
  return async function* (/** @type {EventStream} */ stream) {
    counts.made += 1;
    try {
      yield { id: "1", data: "first" };
      await pause(60_000, undefined, { signal: stream.signal });
    } finally {
      counts.cleaned += 1;
    }
  };
}

/** What ends the stream, and the reason its application is told. */
const ENDS = [
  { name: "the client leaves", reason: "client", end: ({ client }) => client.socket.destroy() },
  { name: "the client resets the connection", reason: "client", end: ({ client }) => client.reset() },
  { name: "the client closes its half", reason: "client", end: ({ client }) => client.halfClose() },
  { name: "the server closes all connections", reason: "client", end: ({ server }) => server.closeAllConnections() },
  { name: "the response is destroyed by somebody else", reason: "client", end: ({ response }) => response.destroy() },
  { name: "the response is ended by somebody else", reason: "client", end: ({ response }) => response.end() },
  { name: "the application closes it", reason: "closed", end: ({ stream }) => stream.close() },
  { name: "the application finishes it", reason: "done", end: ({ stream }) => stream.finish() },
  { name: "its signal aborts", reason: "aborted", end: ({ stop }) => stop.abort() },
  { name: "it is cut", reason: "closed", end: ({ stream }) => stream.cut() },
];

for (const { name, reason, end } of ENDS) {
  test(`cleaned up after once when ${name}`, async (context) => {
    const counts = { made: 0, cleaned: 0 };
    const before = streamCounts();
    const stop = new AbortController();
    /** @type {unknown[]} */
    const reported = [];
    /** @type {EventStream | undefined} */
    let stream;
    let response;
    let read;
    const { port, server } = await serve(context, (request, answer) => {
      response = answer;
      stream = eventStream(request, answer, { signal: stop.signal, heartbeat: 20, onError: (error) => reported.push(error) });
      read = stream.from(counted(counts));
    });
    const client = await RawClient.get(context, port);
    await client.shows("data: first");
    assert.equal(streamCounts().open, before.open + 1);

    end({ client, server, stream, response, stop });

    assert.deepEqual(await stream.closed, { reason });
    await read;
    assert.deepEqual(counts, { made: 1, cleaned: 1 });
    assert.equal(streamCounts().open, before.open);
    assert.equal(streamCounts().ended[reason], (before.ended[reason] ?? 0) + 1);
    assert.ok(stream.signal.aborted);
    assert.equal(await stream.send("too late"), false);
    await stream.flushed;
    assert.deepEqual(reported, []);
    assert.ok(!client.text.includes("too late"));
  });
}

test("a producer that fails ends its stream with an event, not with a torn one", async (context) => {
  /** @type {unknown[]} */
  const reported = [];
  const { url } = await serve(context, (request, response) => {
    const comesBack = request.url === "/comes-back";
    const onError = (/** @type {unknown} */ error, /** @type {EventStream} */ stream) => {
      reported.push(error);
      if (comesBack) stream.close("error");
      else stream.send({ type: "failed", data: "sorry" });
    };
    eventStream(request, response, { onError }).from(async function* () {
      yield { id: "1", topic: "chat/7", data: "token" };
      throw new Error("the model is gone");
    });
  });
  assert.match(
    await (await fetch(url)).text(),
    /token\n\nevent: failed\ndata: sorry\n\nid: headwater.end\nevent: headwater.end\ndata: {"reason":"error","topic":"chat\/7"}\n\n$/,
  );
  assert.match(
    await (await fetch(`${url}/comes-back`)).text(),
    /token\n\nretry: \d+\nevent: headwater.closing\ndata: {"reason":"error","reconnect_ms":\d+}\n\n$/,
  );
  assert.deepEqual(reported.map(String), ["Error: the model is gone", "Error: the model is gone"]);
});

test("an error handler that throws itself does not keep the client waiting", async (context) => {
  const said = context.mock.method(console, "error", () => {});
  const { port } = await serve(context, (request, response) => {
    const onError = () => {
      throw new Error("the handler is broken, too");
    };
    eventStream(request, response, { onError }).from(() => Promise.reject(new Error("the source is broken")));
  });
  const client = await RawClient.get(context, port);
  await client.over();
  assert.match(client.body, /event: headwater.end\ndata: \{"reason":"error"/);
  assert.deepEqual(said.mock.calls.map(({ arguments: [error] }) => error.message), ["the handler is broken, too"]);
});

test("an event that cannot be written ends the stream like a producer that fails, and the source is cleaned up", async (context) => {
  let cleaned = 0;
  /** @type {unknown[]} */
  const reported = [];
  const { url } = await serve(context, (request, response) => {
    eventStream(request, response, { onError: (error) => reported.push(error) }).from(async function* () {
      try {
        yield { type: "two\nlines", data: "x" };
      } finally {
        cleaned += 1;
      }
    });
  });
  assert.match(await (await fetch(url)).text(), /"reason":"error"/);
  assert.match(String(reported[0]), /^TypeError: type has to be text without CR/);
  assert.equal(cleaned, 1);
});

test("an iterator that is no generator has return() called once, while it waits", async (context) => {
  let returned = 0;
  /** @type {EventStream | undefined} */
  let stream;
  const source = {
    [Symbol.asyncIterator]: () => source,
    next: () => new Promise(() => {}),
    return: async () => ({ done: /** @type {const} */ (true), value: String((returned += 1)) }),
  };
  const { port } = await serve(context, (request, response) => {
    stream = eventStream(request, response);
    stream.from(source);
  });
  const client = await RawClient.get(context, port);
  await client.shows("retry:");
  client.reset();
  await until("return() is called", () => returned === 1);
  await stream?.closed;
  assert.equal(returned, 1);
});

test("clean-up that fails is reported, once", async (context) => {
  /** @type {unknown[]} */
  const reported = [];
  let read;
  const { port } = await serve(context, (request, response) => {
    const stream = eventStream(request, response, { onError: (error) => reported.push(error) });
    read = stream.from(async function* () {
      try {
        yield "first";
        await pause(60_000, undefined, { signal: stream.signal });
      } finally {
        throw new Error("no clean-up");
      }
    });
  });
  const client = await RawClient.get(context, port);
  await client.shows("first");
  client.reset();
  await until("the server noticed", () => reported.length > 0);
  await read;
  assert.deepEqual(reported.map(String), ["Error: no clean-up"]);
});

test("a client that left before the handler ran costs nothing", async (context) => {
  let made = 0;
  /** @type {Promise<unknown> | undefined} */
  let closed;
  const { port } = await serve(context, async (request, response) => {
    await once(response, "close");
    const stream = eventStream(request, response);
    stream.from(() => [String((made += 1))]);
    closed = stream.closed;
  });
  const client = await RawClient.get(context, port);
  client.reset();
  assert.deepEqual(await until("the handler ran", () => closed), { reason: "client" });
  assert.equal(made, 0);
});

test("sends to a socket that has died are counted and thrown nowhere", async (context) => {
  /** @type {EventStream[]} */
  const streams = [];
  /** @type {unknown[]} */
  const errors = [];
  const { port } = await serve(context, (request, response) => {
    response.on("error", (error) => errors.push(error));
    streams.push(eventStream(request, response));
  });
  const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.get(context, port)));
  await Promise.all(clients.map((client) => client.shows("retry:")));
  for (const client of clients) client.reset();
  // The server does not know yet: some of these go into sockets that are dead.
  await until("every stream has ended", async () => {
    for (const stream of streams) await stream.send("x".repeat(10_000));
    return streams.every((stream) => stream.ended);
  });
  for (const stream of streams) assert.equal(await stream.send("y"), false);
  assert.ok(errors.every((error) => !/after end/.test(String(error))), String(errors));
  assert.equal(streamCounts().open, 0);
});

test("on HTTP/2 a stream that is reset is cleaned up after, and its connection goes on", async (context) => {
  const counts = { made: 0, cleaned: 0 };
  /** @type {EventStream[]} */
  const streams = [];
  const server = http2.createServer((request, response) => {
    const stream = eventStream(request, response);
    streams.push(stream);
    stream.from(counted(counts));
  });
  const { url } = await listen(context, server);
  const session = http2.connect(url);
  context.after(() => session.destroy());
  const [first, second] = [session.request({ ":path": "/1" }), session.request({ ":path": "/2" })];
  await Promise.all([once(first, "data"), once(second, "data")]);
  first.close(http2.constants.NGHTTP2_CANCEL);
  const ended = await Promise.race(streams.map((stream) => stream.closed.then(() => stream)));
  await until("it is cleaned up", () => counts.cleaned === 1);
  const [open] = streams.filter((stream) => stream !== ended);
  assert.equal(await open.send("still here"), true);
  session.destroy();
  assert.deepEqual(await open.closed, { reason: "client" });
  await until("both are cleaned up", () => counts.cleaned === 2);
});
