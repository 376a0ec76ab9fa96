// One request for the stream, and whether its answer is one.

/** @import { Engine } from "./engine.js" */
/** @import { SubscriptionError } from "./error.js" */

/**
 * Why an attempt has failed.
 * @typedef {"unreachable" | "timeout" | "refused" | "ended" | "closing" | "broken" | "silent"} FailureReason
 */

/**
 * How an attempt ends: it has failed and is tried again, later or at once; or the client closes.
 * @typedef {object} Outcome
 * @property {FailureReason} [failed]
 * @property {boolean} [again] at once
 * @property {boolean} [refused] for the lack of a valid credential
 * @property {number} [status] of the answer that refused
 * @property {number} [floor] what the server asked to wait at least, in milliseconds
 * @property {unknown} [error]
 */

/** The longest time of a timer, in milliseconds: 25 days. */
export const FOREVER = 2 ** 31 - 1;

/**
 * Asks for the stream and waits for the head of the answer.
 * @param {Engine} engine
 * @param {string} accept the media type, of the request and of the answer
 * @param {AbortController} controller ends the exchange, also after the head
 * @param {URL} [url]
 * @param {number} [wait] how long the server may hold it, in seconds
 * @returns {Promise<{response?: Response} & Outcome>}
 */
export function request(engine, accept, controller, url = new URL(engine.url), wait = 0) {
  return within(engine, controller, wait, async () => {
    const { lastEventId } = engine;
    const headers = authorized(engine);
    headers.set("accept", accept);
    // Some ids no header holds as they are.
    if (/^\s|[\0-\x1f\x7f]|\s$/.test(lastEventId)) url.searchParams.set("last_event_id", lastEventId);
    // A header's value has each byte as a character, which is how `fetch` takes it.
    else if (lastEventId) headers.set("last-event-id", String.fromCharCode(...new TextEncoder().encode(lastEventId)));
    const response = await engine.fetch(url, { headers, signal: controller.signal });
    const [type] = `${response.headers.get("content-type")}`.split(";");
    if (response.status === 200 && type.trim().toLowerCase() === accept) return { response };
    return (await import("./beside.js")).refusal(response);
  });
}

/**
 * The header fields of every request.
 * @param {Engine} engine
 */
export function authorized({ options, token }) {
  const headers = new Headers(options.headers);
  if (token) headers.set("authorization", `Bearer ${token}`);
  return headers;
}

/**
 * Does something within the connect limit, or ends the exchange.
 * @template T
 * @param {Engine} engine
 * @param {AbortController} controller
 * @param {number} wait seconds that the server may take beside
 * @param {() => Promise<T>} work
 */
export async function within({ options }, controller, wait, work) {
  const limit = (options.connectTimeout ?? 30_000) + wait * 1000;
  const timer = setTimeout(() => controller.abort("timeout"), Math.min(limit, FOREVER));
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}
