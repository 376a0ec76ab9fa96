// The decoder against the vectors of the format, at any split.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Decoder } from "headwater/decode";

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
