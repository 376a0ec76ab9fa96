// One request for the stream, and what its answer means.

import { retryAfter } from "./backoff.js";
import { SubscriptionError } from "./error.js";

/** @import { Engine } from "./engine.js" */

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

/** How much of a refusal is read, in characters. */
const MOST = 65_536;

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
      discard(response);
      return stop("wrong_type", `the answer is of the type "${type}" and not ${accept}: check the address`, 200);
    }
    if (status === 204) return { stop: undefined };
    if (TRANSIENT.includes(status) || status >= 500) {
      discard(response);
      return { failed: "refused", status, floor: retryAfter(response) };
    }
    const says = await problem(response);
    if (status === 401 || status === 403) {
      return { refresh: new SubscriptionError("unauthorized", `the credential was refused with ${status}${says}`, status) };
    }
    return stop("rejected", `the server refused with ${status}${says}`, status);
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
 * Frees the connection of an answer that is not read.
 * @param {Response} response
 */
export function discard(response) {
  response.body?.cancel().catch(() => {});
}

/**
 * @param {"wrong_type" | "rejected"} reason
 * @param {string} message
 * @param {number} status
 */
function stop(reason, message, status) {
  return { stop: new SubscriptionError(reason, message, status) };
}

/**
 * What a problem document says, as the end of a sentence.
 * @param {Response} response
 */
async function problem(response) {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (reader && text.length < MOST) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  reader?.cancel().catch(() => {});
  try {
    const { detail, title } = JSON.parse(text);
    return `: ${detail ?? title}`;
  } catch {
    return "";
  }
}

/**
 * A header's value with each byte as a character, which is how `fetch` takes it.
 * @param {string} text
 */
function utf8(text) {
  return encodeURIComponent(text).replace(/%(..)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
}
