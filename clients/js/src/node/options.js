// The options of a stream, checked once.

/** The number that every timer of JavaScript can hold; more counts as at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Every time is in milliseconds, every size in bytes, and 0 switches a limit off.
 * @typedef {object} StreamOptions
 * @property {number} [heartbeat] silence after which a comment is sent, 15,000
 * @property {number} [retry] the client's reconnect delay, 3,000, varied by half of it either way for each stream
 * @property {number} [maxAge] after which the stream ends and the client comes back, off; varied by a tenth
 * @property {number} [stallTimeout] after which a client that takes nothing is disconnected, 60,000
 * @property {number} [maxBuffer] unsent bytes at which a client is disconnected, when a sender does not wait for it, 1 MiB
 * @property {string} [cursor] the id to go on from for a client that drops before its first event
 * @property {(lastEventId: string, stream: import("./stream.js").EventStream) => Replayed} [resume] gives the events after
 *   the id that a client comes back with. They are sent before everything else; what is sent meanwhile waits, and is left out
 *   where its id was among them
 * @property {AbortSignal} [signal] ends the stream; the client comes back
 * @property {(error: unknown, stream: import("./stream.js").EventStream) => void} [onError] told what a source, a hook or their clean-up
 *   throws, before the stream ends: it may still send an event, or `close()` the stream so that the client comes back. `console.error`
 * @property {Record<string, string>} [headers] more fields of the response
 *
 * @typedef {import("./source.js").Source | undefined | Promise<import("./source.js").Source | undefined>} Replayed
 */

/**
 * @param {StreamOptions} options
 * @returns {Required<Omit<StreamOptions, "cursor" | "resume" | "signal">> & Pick<StreamOptions, "cursor" | "resume" | "signal">}
 */
export function settings(options) {
  return {
    heartbeat: amount("heartbeat", options.heartbeat, 15_000),
    retry: spread(amount("retry", options.retry, 3_000), 0.5),
    maxAge: spread(amount("maxAge", options.maxAge, 0), 0.1),
    stallTimeout: amount("stallTimeout", options.stallTimeout, 60_000),
    maxBuffer: amount("maxBuffer", options.maxBuffer, 1024 * 1024) || Infinity,
    cursor: options.cursor,
    resume: options.resume,
    signal: options.signal,
    onError: options.onError ?? ((error) => console.error(error)),
    headers: fields(options.headers ?? {}),
  };
}

/** @param {Record<string, string>} headers */
function fields(headers) {
  const framing = Object.keys(headers).find((name) => /^(content-length|transfer-encoding)$/i.test(name));
  if (framing) throw new TypeError(`the field ${framing} cannot be set: nobody knows how long a stream will be`);
  return headers;
}

/**
 * @param {string} name
 * @param {number | undefined} given
 * @param {number} otherwise
 */
function amount(name, given, otherwise) {
  const value = given ?? otherwise;
  if (typeof value !== "number" || !(value >= 0 && value <= LONGEST_TIMER_MS / 2)) {
    throw new RangeError(`${name} has to be a number from 0 to ${Math.floor(LONGEST_TIMER_MS / 2)}: ${value}`);
  }
  return value;
}

/**
 * A random number near another, so that clients which came together do not come back together.
 * @param {number} value
 * @param {number} part how far either way, as a part of it
 */
function spread(value, part) {
  return Math.round(value * (1 - part + 2 * part * Math.random()));
}
