// What an event costs by event stream, by long poll and by polling (TRN-04): bytes on the wire, delay, requests, the hub's
// processor time and memory. All three in one run, from the same hub.

import { startHub } from "./hub.js";
import { LongPoll, POLL_EVERY_MS, ShortPoll, Stream } from "./readers.js";

const READERS = Number(process.env.BENCH_READERS ?? 500);
const IDLE = Number(process.env.BENCH_IDLE ?? 5000);
const EVENTS = Number(process.env.BENCH_EVENTS ?? 20);
const EVERY_MS = 1000;
const PAYLOAD = 130;
/** At most so many clients are starting at a time: a crowd at the door is not what is measured. */
const AT_ONCE = 100;

const MODES = [
  ["event stream", Stream],
  ["long poll", LongPoll],
  [`poll every ${POLL_EVERY_MS / 1000} s`, ShortPoll],
];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

async function startAll(readers) {
  for (let from = 0; from < readers.length; from += AT_ONCE) {
    await Promise.all(readers.slice(from, from + AT_ONCE).map((reader) => reader.start()));
  }
}

async function publish(url, topic) {
  const at = performance.now().toFixed(3);
  const body = JSON.stringify({ at, pad: "x".repeat(PAYLOAD) }).slice(0, PAYLOAD - 2) + '"}';
  const response = await fetch(`${url}/v1/topics/${topic}`, { method: "POST", body });
  if (response.status !== 201) throw new Error(`publish was answered ${response.status}`);
  await response.arrayBuffer();
}

/** One event a second to many readers. */
async function busy(hub, name, Mode) {
  const topic = `busy/${Mode.name}`;
  const delays = [];
  const readers = Array.from({ length: READERS }, () => new Mode(hub.url, topic, (data) => delays.push(performance.now() - JSON.parse(data).at)));
  await startAll(readers);
  const total = (of) => readers.reduce((sum, reader) => sum + of(reader), 0);
  const read = () => ({ down: total((r) => r.bytes.down), up: total((r) => r.bytes.up), requests: total((r) => r.requests) });
  const before = { ...read(), cpu: await hub.cpu() };
  for (let n = 0; n < EVENTS; n += 1) {
    const next = pause(EVERY_MS);
    await publish(hub.url, topic);
    await next;
  }
  const expected = READERS * EVENTS;
  for (let waited = 0; delays.length < expected && waited < 3 * POLL_EVERY_MS; waited += 50) await pause(50);
  const after = { ...read(), cpu: await hub.cpu() };
  for (const reader of readers) reader.stop();
  if (delays.length !== expected) throw new Error(`${name}: ${delays.length} of ${expected} events arrived`);
  delays.sort((a, b) => a - b);
  return {
    down: (after.down - before.down) / expected,
    up: (after.up - before.up) / expected,
    requests: (after.requests - before.requests) / expected,
    p50: percentile(delays, 0.5),
    p99: percentile(delays, 0.99),
    cpu: ((after.cpu - before.cpu) * 1e6) / expected,
  };
}

/** What a reader costs while nothing happens. */
async function idle(hub, Mode) {
  const before = await hub.memory();
  const readers = Array.from({ length: IDLE }, () => new Mode(hub.url, `idle/${Mode.name}`, () => {}));
  await startAll(readers);
  await pause(1000);
  const memory = ((await hub.memory()) - before) / IDLE;
  const sockets = readers.reduce((sum, reader) => sum + [...reader.sockets].filter((socket) => !socket.destroyed).length, 0) / IDLE;
  for (const reader of readers) reader.stop();
  return { memory, sockets };
}

console.log(`${READERS} readers of one topic, one event of ${PAYLOAD} bytes a second, ${EVENTS} events; ${IDLE} idle readers; per event and reader`);
console.log("| | bytes down | bytes up | requests | delay p50 | p99 | hub's CPU | idle: sockets | idle: memory of the hub |");
console.log("|---|---|---|---|---|---|---|---|---|");
for (const [name, Mode] of MODES) {
  // A hub for each: the memory of one way is not the room of the next.
  const hub = await startHub();
  try {
    const rest = await idle(hub, Mode);
    const work = await busy(hub, name, Mode);
    const cells = [
      name,
      work.down.toFixed(0),
      work.up.toFixed(0),
      work.requests.toFixed(2),
      `${work.p50.toFixed(1)} ms`,
      `${work.p99.toFixed(1)} ms`,
      `${work.cpu.toFixed(1)} µs`,
      rest.sockets.toFixed(2),
      `${rest.memory.toFixed(0)} B`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
  } finally {
    await hub.stop();
  }
}
