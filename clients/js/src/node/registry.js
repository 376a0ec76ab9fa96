// Every open stream of this process: counted, and ended together when the process stops.

/** @type {Set<import("./stream.js").EventStream>} */
const open = new Set();
/** @type {Record<string, number>} */
const ended = {};
let opened = 0;
let socketErrors = 0;
let draining = 0;

/** Streams are ended at least this fast while the process stops. */
const LEAST_PER_SECOND = 200;
/** How often connections that have become idle are looked for. */
const IDLE_CHECK_MS = 50;

/**
 * How many streams there are and were: `open` now, `opened` since the start, `ended` by reason, and `socketErrors` of
 * clients that had gone.
 * @returns {{open: number, opened: number, ended: Record<string, number>, socketErrors: number}}
 */
export function streamCounts() {
  return { open: open.size, opened, ended: { ...ended }, socketErrors };
}

/**
 * Stops a server without tearing a stream: no new connections; every stream of the process ends at an event boundary, spread
 * over the time there is but at least 200 a second, and its client comes back to another process; what is left at the end is cut.
 * @param {Stoppable | null} [server] of `node:http`, `node:https` or `node:http2`; null where the runtime owns it
 * @param {{within?: number}} [options] `within`: milliseconds, 25,000
 * @returns {Promise<void>} when the server is closed, or the time is over
 */
export async function drain(server = null, { within = 25_000 } = {}) {
  draining += 1;
  const deadline = timer(within);
  const streams = [...open];
  try {
    const closed = server ? new Promise((resolve) => server.close(() => resolve(undefined))) : Promise.resolve();
    const pause = Math.min(within / 2, (streams.length * 1000) / LEAST_PER_SECOND) / (streams.length || 1);
    for (const stream of streams) {
      stream.close("drain");
      if (pause >= 1) await timer(pause).over;
    }
    const idle = setInterval(() => server?.closeIdleConnections?.(), IDLE_CHECK_MS);
    await Promise.race([Promise.all([closed, ...[...open, ...streams].map((stream) => stream.flushed)]), deadline.over]);
    clearInterval(idle);
  } finally {
    deadline.stop();
    for (const stream of streams) stream.cut();
    server?.closeAllConnections?.();
    draining -= 1;
  }
}

/**
 * @typedef {{close(done: () => void): unknown, closeIdleConnections?(): void, closeAllConnections?(): void}} Stoppable
 */

/** Whether a stream that begins now is to end at once. */
export function isDraining() {
  return draining > 0;
}

/** @param {import("./stream.js").EventStream} stream */
export function enter(stream) {
  opened += 1;
  open.add(stream);
}

/**
 * @param {import("./stream.js").EventStream} stream
 * @param {string} reason
 */
export function leave(stream, reason) {
  open.delete(stream);
  ended[reason] = (ended[reason] ?? 0) + 1;
}

/** An error of a socket whose client has gone: expected, so counted and not logged. */
export function countSocketError() {
  socketErrors += 1;
}

/** @param {number} ms */
function timer(ms) {
  /** @type {ReturnType<typeof setTimeout>} */
  let handle;
  const over = new Promise((resolve) => (handle = setTimeout(resolve, ms)));
  return { over, stop: () => clearTimeout(handle) };
}
