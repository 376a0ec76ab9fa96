// What a hub answers to a publish, and what it means when it was another that answered.

import { retryAfter } from "../refusal.js";
import { PublishError } from "./publish-error.js";

/** @import { Problem } from "./publish-error.js" */

/** How much of an answer is read, in characters: 10,000 ids are a third of it. */
const MOST = 1024 * 1024;

/**
 * @param {Response} response
 * @returns {Promise<string>} its body, cut where it is too long to be a hub's
 */
export async function readText(response) {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (reader && text.length <= MOST) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  reader?.cancel().catch(() => {});
  return text;
}

/**
 * @param {Response} response
 * @param {string} text its body
 * @returns {any} its JSON, or the `PublishError` that it stands for
 */
export function answerOf(response, text) {
  const { ok, status } = response;
  const document = parsed(text);
  if (ok) return document ?? unexpected(status, "it has no JSON");
  /** @type {Problem} */
  const problem = document ?? {};
  const kind = /^urn:headwater:problem:(.+)$/.exec(String(problem.type))?.[1] ?? `status-${status}`;
  const says = problem.detail ?? problem.title ?? "there is no problem document, so it may not be a hub that answered";
  const facts = { status, problem, retryAfter: retryAfter(response) };
  return new PublishError(kind, `the publish was refused with ${status}: ${says}`, facts);
}

/**
 * An answer that is none of a hub.
 * @param {number} status
 * @param {string} why
 */
export function unexpected(status, why) {
  return new PublishError("unexpected", `the answer with the status ${status} is not one of a hub: ${why}; check the address`, { status });
}

/**
 * @param {unknown} value
 * @returns {value is string[]}
 */
export function areIds(value) {
  return Array.isArray(value) && value.every((id) => typeof id === "string");
}

/**
 * @param {string} text
 * @returns {Record<string, any> | undefined} its object
 */
function parsed(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value ? value : undefined;
  } catch {
    return undefined;
  }
}
