// How fast event streams are decoded, beside the two decoders that most programs use. First that all of them
// find the same events, then the medians of alternating runs.

import assert from "node:assert/strict";
import { DECODERS } from "./decoders.js";
import { chunks, streams } from "./streams.js";

/** Size of a chunk, bytes to decode, and runs. */
const MEASURED = [
  { chunk: 16_384, bytes: 4_000_000, runs: 15 },
  { chunk: 1, bytes: 200_000, runs: 15 },
];

console.log(`Node ${process.version}; MB/s of processor time, and how many times as long as headwater it takes\n`);
for (const { chunk, bytes, runs } of MEASURED) {
  const names = Object.keys(DECODERS);
  console.log(`| chunks of ${chunk} | ${names.join(" | ")} |\n|---|${"---|".repeat(names.length)}`);
  for (const [shape, stream] of streams(bytes)) {
    const pieces = chunks(stream, chunk);
    agree(pieces, shape);
    const times = measure(pieces, runs);
    const cells = names.map((name) => {
      const ratio = times[name] / times[names[0]];
      return `${(stream.length / times[name]).toFixed(1)}${name === names[0] ? "" : ` (${ratio.toFixed(2)})`}`;
    });
    console.log(`| ${shape} | ${cells.join(" | ")} |`);
  }
  console.log();
}

/**
 * All decoders give the same events.
 * @param {Uint8Array[]} pieces
 * @param {string} shape
 */
function agree(pieces, shape) {
  const found = Object.entries(DECODERS).map(([name, decode]) => {
    /** @type {string[][]} */
    const events = [];
    decode(pieces, (...event) => events.push(event));
    return { name, events };
  });
  assert.ok(found[0].events.length > 0);
  for (const { name, events } of found) assert.deepEqual(events, found[0].events, `${name}, ${shape}`);
}

/**
 * Median processor times in microseconds, by decoder.
 * @param {Uint8Array[]} pieces
 * @param {number} runs
 */
function measure(pieces, runs) {
  /** @type {Record<string, number[]>} */
  const times = {};
  // The first two warm the compiler up.
  for (let run = -2; run < runs; run++) {
    for (const [name, decode] of Object.entries(DECODERS)) {
      let size = 0;
      const before = process.cpuUsage();
      decode(pieces, (_, data) => {
        size += data.length;
      });
      const { user, system } = process.cpuUsage(before);
      assert.ok(size > 0);
      if (run >= 0) (times[name] ??= []).push(user + system);
    }
  }
  const median = (/** @type {number[]} */ all) => all.sort((a, b) => a - b)[Math.floor(all.length / 2)];
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
}
