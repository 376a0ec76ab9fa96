// A client that does not keep up: bounded memory, and nobody else waits (RUN-05).

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import test from "node:test";
import { eventStream, streamCounts } from "headwater/node";
import { until } from "../../../../tests/browser/support/until.js";
import { RawClient } from "../../support/raw.js";
import { serve } from "../../support/server.js";

/** @typedef {import("headwater/node").EventStream} EventStream */

const KIB = "x".repeat(1024);

test("a source is asked for no more than its client takes, and goes on when it does", async (context) => {
  let given = 0;
  /** @type {import("node:http").ServerResponse | undefined} */
  let answer;
  const { port } = await serve(context, (request, response) => {
    answer = response;
    eventStream(request, response).from(async function* () {
      while (given < 20_000) yield { id: String((given += 1)), data: KIB };
    });
  });
  const client = await RawClient.get(context, port, "/", { reading: false });
  await until("the source has to wait", settled(() => given));
  const held = given;
  assert.ok(held < 20_000, "the kernel's buffers took everything: no backpressure was met");
  // Beside what is in the kernel: one event and Node's own high-water mark.
  assert.ok((answer?.writableLength ?? Infinity) < 80 * 1024, `${answer?.writableLength}`);
  client.socket.resume();
  await client.shows("id: 20000\n");
  assert.equal(client.text.match(/^data: x/gm)?.length, 20_000);
});

test("a client that takes nothing is disconnected after a while, and comes back where it was", async (context) => {
  /** @type {EventStream | undefined} */
  let stream;
  const { port } = await serve(context, (request, response) => {
    stream = eventStream(request, response, { stallTimeout: 200 });
    stream.from(async function* () {
      for (let n = 1; ; n += 1) yield { id: String(n), data: KIB };
    });
  });
  await RawClient.get(context, port, "/", { reading: false });
  await until("the stream is there", () => stream);
  assert.deepEqual(await stream?.closed, { reason: "stalled" });
});

test("a sender that does not wait fills no memory: the client is disconnected at the limit", async (context) => {
  /** @type {Map<string, EventStream>} */
  const streams = new Map();
  const { port } = await serve(context, (request, response) => {
    streams.set(request.url ?? "", eventStream(request, response, { maxBuffer: 256 * 1024 }));
  });
  const stalled = await RawClient.get(context, port, "/stalled", { reading: false });
  const reading = await RawClient.get(context, port, "/reading");
  await until("both are there", () => streams.size === 2);
  const [slow, fast] = [streams.get("/stalled"), streams.get("/reading")];
  const events = 1_500;
  for (let n = 1; n <= events; n += 1) {
    const event = { id: String(n), data: KIB.repeat(16) };
    slow?.send(event);
    assert.equal(await fast?.send(event), true);
  }
  assert.deepEqual(await slow?.closed, { reason: "lagged" });
  await reading.shows(`id: ${events}\n`);
  assert.equal(reading.text.match(/^data: x/gm)?.length, events, "the one who reads has got every event");
  stalled.socket.resume();
  await stalled.over();
});

test("of a hundred clients one is stalled, and the others get everything while it is", async (context) => {
  /** @type {Map<string, EventStream>} */
  const streams = new Map();
  const { port } = await serve(context, (request, response) => {
    streams.set(request.url ?? "", eventStream(request, response));
  });
  const stalled = await RawClient.get(context, port, "/stalled", { reading: false });
  const clients = await Promise.all(Array.from({ length: 99 }, (_, n) => RawClient.get(context, port, `/${n}`)));
  await until("all are there", () => streams.size === 100);
  const waits = streams.get("/stalled");
  const filled = waits?.from(async function* () {
    for (;;) yield KIB;
  });
  for (let n = 1; n <= 50; n += 1) {
    const others = [...streams.values()].filter((stream) => stream !== waits);
    assert.ok((await Promise.all(others.map((stream) => stream.send({ id: String(n), data: KIB })))).every(Boolean));
  }
  await Promise.all(clients.map((client) => client.shows("id: 50\n")));
  assert.equal(waits?.ended, false, "the stalled one is still connected");
  stalled.reset();
  await filled;
});

test("a source that never waits, read as fast as it gives, leaves everybody else their turn", async (context) => {
  const { url } = await serve(context, (request, response) => {
    if (request.url === "/page") return void response.end("page");
    eventStream(request, response).from(function* () {
      for (;;) yield KIB;
    });
  });
  // Another process: it reads on while this one does not get to its own sockets.
  const reader = spawn(process.execPath, ["-e", `fetch("${url}").then(async (r) => { for await (const _ of r.body); })`]);
  context.after(() => reader.kill());
  await until("the reader is there", () => streamCounts().open === 1);
  for (let n = 0; n < 20; n += 1) assert.equal(await (await fetch(`${url}/page`)).text(), "page");
});

/**
 * A condition: the number has not changed for a quarter of a second.
 * @param {() => number} number
 */
function settled(number) {
  let last = -1;
  let since = 0;
  return () => {
    if (number() !== last) [last, since] = [number(), Date.now()];
    return last > 0 && Date.now() - since > 250;
  };
}
