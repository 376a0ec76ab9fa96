// One request for the stream, and what its answer means.

import { retryAfter } from "./backoff.js";

/** @import { Engine } from "./engine.js" */
/** @import { SubscriptionError } from "./error.js" */

/**
 * Why an attempt has failed.
 * @typedef {"unreachable" | "timeout" | "refused" | "ended" | "closing" | "broken" | "silent"} FailureReason
 */

/**
 * An attempt that has failed: the client waits and tries again.
 * @typedef {object} Failure
 * @property {FailureReason} failed
 * @property {number} [status]
 * @property {string} [closing] the reason of the closing event
 * @property {number} [floor] what the server asked to wait at least, in milliseconds
 * @property {unknown} [error]
 */

/**
 * How an attempt ends: it failed; the credential was refused; the client closes; or it goes on at once.
 * @typedef {Failure | {refresh: SubscriptionError} | {stop: SubscriptionError | undefined} | {again: true}} Outcome
 */

/** Statuses below 500 that are worth another attempt. */
const TRANSIENT = [408, 425, 429];

/**
 * Asks for the stream and waits for the head of the answer.
 * @param {Engine} engine
 * @param {string} accept the media type, of the request and of the answer
 * @param {AbortController} controller ends the exchange, also after the head
 * @param {{wait: number, limit: number}} [poll] of a long poll: seconds to hold it, and most events in the answer
 * @returns {Promise<{response: Response} | Outcome>}
 */
export async function request(engine, accept, controller, poll) {
  const { options, lastEventId } = engine;
  const url = new URL(engine.url);
  const headers = new Headers(options.headers);
  headers.set("accept", accept);
  if (engine.token) headers.set("authorization", `Bearer ${engine.token}`);
  if (/^\s|[\0-\x1f\x7f]|\s$/.test(lastEventId)) {
    // No header holds such an id as it is.
    url.searchParams.set("last_event_id", lastEventId);
  } else if (lastEventId) {
    headers.set("last-event-id", utf8(lastEventId));
  }
  for (const [name, value] of Object.entries(poll ?? {})) url.searchParams.set(name, `${value}`);
  const limit = (options.connectTimeout ?? 30_000) + (poll?.wait ?? 0) * 1000;
  /** @returns {Promise<{response: Response} | Outcome>} */
  const exchange = async () => {
    const response = await engine.fetch(url, { headers, signal: controller.signal });
    const { status } = response;
    if (status === 200) {
      const type = response.headers.get("content-type") ?? "";
      if (type.split(";")[0].trim().toLowerCase() === accept) return { response };
    } else if (status === 204) {
      return { stop: undefined };
    } else if (TRANSIENT.includes(status) || status >= 500) {
      response.body?.cancel();
      return { failed: "refused", status, floor: retryAfter(response) };
    }
    return (await import("./refusal.js")).refusal(response);
  };
  return within(limit, controller, exchange);
}

/**
 * Does something within a time, or ends the exchange.
 * @template T
 * @param {number} limit milliseconds
 * @param {AbortController} controller
 * @param {() => Promise<T>} work
 * @returns {Promise<T | Failure>}
 */
export async function within(limit, controller, work) {
  const timer = setTimeout(() => controller.abort("timeout"), Math.min(limit, 2 ** 31 - 1));
  try {
    return await work();
  } catch (error) {
    return { failed: controller.signal.aborted ? controller.signal.reason : "unreachable", error };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A header's value with each byte as a character, which is how `fetch` takes it.
 * @param {string} text
 */
function utf8(text) {
  return encodeURIComponent(text).replace(/%(..)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}
