// What an answer means that is no event stream and not worth another attempt. Loaded when there is one.

import { SubscriptionError } from "./error.js";

/** @import { Outcome } from "./request.js" */

/** How much of it is read, in characters. */
const MOST = 65_536;

/**
 * @param {Response} response
 * @returns {Promise<Outcome>}
 */
export async function refusal(response) {
  const { status, headers, body } = response;
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
 * @param {number} failures
 * @param {string} reason of the last
 * @param {number | undefined} status
 */
export function exhausted(failures, reason, status) {
  const last = status ? `${reason} (${status})` : reason;
  return new SubscriptionError("exhausted", `${failures} attempts in a row failed, the last: ${last}`, status);
}
