// What an answer means that is no event stream.

import { SubscriptionError } from "./error.js";

/** @import { Outcome } from "./request.js" */

/** Statuses that are worth another attempt. */
const TRANSIENT = /408|425|429|5../;

/** How much of an answer is read, in characters. */
const MOST = 65_536;

/**
 * @param {Response} response
 * @returns {Promise<Outcome>}
 */
export async function refusal(response) {
  const { status, headers, body } = response;
  if (status === 204) return {};
  if (TRANSIENT.test(`${status}`)) {
    body?.cancel();
    return { failed: "refused", status, floor: retryAfter(response) };
  }
  if (status === 200) {
    body?.cancel();
    const message = `the answer is of the type "${headers.get("content-type") ?? ""}", which was not asked for: check the address`;
    return { error: new SubscriptionError("wrong_type", message, status) };
  }
  const refused = status === 401 || status === 403;
  const message = `the ${refused ? "credential was" : "server"} refused with ${status}${await problem(response)}`;
  return { refused, status, error: new SubscriptionError(refused ? "unauthorized" : "rejected", message, status) };
}

/**
 * What a problem document says, as the end of a sentence.
 * @param {Response} response
 */
async function problem(response) {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  // Whatever becomes of the text, the status has said what counts.
  try {
    while (reader && text.length < MOST) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    reader?.cancel().catch(() => {});
    const { detail, title } = JSON.parse(text);
    return `: ${detail ?? title}`;
  } catch {
    return "";
  }
}

/**
 * @param {Response} response
 * @returns {number} what its `Retry-After` says, in milliseconds
 */
export function retryAfter(response) {
  const value = /** @type {any} */ (response.headers.get("retry-after"));
  return value * 1000 || Date.parse(value) - Date.now() || 0;
}
