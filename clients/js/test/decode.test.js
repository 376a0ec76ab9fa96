// The decoder against the vectors of the format, at any split.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Decoder, events } from "headwater/decode";

const { vectors } = JSON.parse(readFileSync(new URL("../../../vectors/event-stream.json", import.meta.url), "utf8"));

/**
 * Decodes pieces and shows what a vector tells.
 * @param {Uint8Array[]} pieces
 */
function decode(pieces) {
  const decoder = new Decoder();
  const events = pieces.flatMap((piece) => decoder.push(piece));
  return { events: events.map(({ type, data, id }) => ({ event: type, data, id })), retry: decoder.retry ?? null };
}

test("every vector gives its events whole, byte by byte and at every split into two", () => {
  for (const { name, input_hex, events, retry } of vectors) {
    const bytes = Buffer.from(input_hex, "hex");
    const check = (pieces, how) => {
      const found = decode(pieces);
      assert.deepEqual(found.events, events, `${name}, ${how}`);
      if (retry !== undefined) assert.equal(found.retry, retry, `${name}, ${how}`);
    };
    check([bytes], "whole");
    check([...bytes].map((byte) => Uint8Array.of(byte)), "byte by byte");
    for (let at = 0; at <= bytes.length; at++) check([bytes.subarray(0, at), bytes.subarray(at)], `split at ${at}`);
  }
});

/** Random numbers from a seed, the same every time. */
function random(seed) {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

test("any bytes decode alike however they are cut, also beside a limit", () => {
  const words = ["data", "id", "event", "retry", "topic", ":", ": ", " ", "\n", "\r", "\r\n", "\n\n", "ä", "🙂", "\ufeff", "\0", "7", "x".repeat(40)];
  for (let seed = 1; seed <= 300; seed++) {
    const next = random(seed);
    const parts = Array.from({ length: 60 }, () => (next(20) ? Buffer.from(words[next(words.length)]) : Buffer.of(next(256))));
    const bytes = Buffer.concat(parts);
    const maxEvent = next(2) ? 50 : undefined;
    const all = (pieces) => {
      const decoder = new Decoder({ maxEvent });
      return [pieces.flatMap((piece) => decoder.push(piece)), decoder.lastEventId, decoder.retry];
    };
    const whole = all([bytes]);
    for (let round = 0; round < 5; round++) {
      const pieces = [];
      for (let at = 0; at < bytes.length; ) pieces.push(bytes.subarray(at, (at += 1 + next(round ? 9 : 1))));
      assert.deepEqual(all(pieces), whole, `seed ${seed}, round ${round}`);
    }
  }
});

test("an event over the limit is a gap, and its id moves the cursor", () => {
  for (const size of [1, 7, 10_000]) {
    const decoder = new Decoder({ maxEvent: 100 });
    const bytes = Buffer.from(`id: 1\ndata: a\n\nid: 2\ndata: ${"x".repeat(1000)}\n\n${"data: many\n".repeat(50)}\n: ${"c".repeat(1000)}\ndata: b\n\n`);
    const events = [];
    for (let at = 0; at < bytes.length; at += size) events.push(...decoder.push(bytes.subarray(at, at + size)));
    const gap = { kind: "gap", reason: "oversized", requested: "1", resumedAt: "2", id: "2" };
    assert.deepEqual(events.map((event) => event.data ?? event), ["a", gap, { ...gap, requested: "2" }, "b"]);
  }
});

test("one line of a mebibyte is one event, byte by byte too", () => {
  const decoder = new Decoder();
  const bytes = Buffer.from(`data:${"y".repeat(1024 * 1024)}\n\n`);
  const events = [];
  for (const byte of bytes) events.push(...decoder.push(Uint8Array.of(byte)));
  assert.equal(events.length, 1);
  assert.equal(events[0].data.length, 1024 * 1024);
});

test("events are read from responses, streams and iterables of bytes or text, and leaving cancels", async () => {
  const text = "data: a\n\ndata: ä\n\n";
  const sources = [new Response(text), new Response(text).body, [text], [Buffer.from(text)], new Response(text).body.pipeThrough(new TextDecoderStream())];
  for (const source of sources) {
    const found = [];
    for await (const event of events(source)) found.push(event.data);
    assert.deepEqual(found, ["a", "ä"]);
  }
  let cancelled = false;
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(Buffer.from(text)),
    cancel: () => (cancelled = true),
  });
  for await (const event of events(endless)) if (event.data) break;
  assert.ok(cancelled);
});
