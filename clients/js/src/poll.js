// The same events by long poll. Loaded only where streams do not get through.

import { request, within } from "./request.js";
import { SubscriptionError } from "./error.js";

/** @import { Engine } from "./engine.js" */
/** @import { Outcome } from "./request.js" */

/**
 * One answer of a server that speaks long poll.
 * @typedef {object} Answer
 * @property {{id: string, topic?: string, event?: string, data: string}[]} events
 * @property {string} cursor
 * @property {{reason: string, requested: string, resumed_at: string} | null} gap
 */

/** How long the server holds a question, in seconds. */
const WAIT = 25;

/** Most events in one answer: so many have room in every sink. */
export const LIMIT = 500;

/**
 * Asks once for what comes after the cursor.
 * @param {Engine} engine
 * @param {AbortController} controller
 * @param {number} wait in seconds
 * @returns {Promise<Answer | Outcome>}
 */
export async function ask(engine, controller, wait) {
  const url = new URL(engine.url);
  url.searchParams.set("wait", `${wait}`);
  url.searchParams.set("limit", `${LIMIT}`);
  const { response, ...outcome } = await request(engine, "application/json", controller, url, wait);
  if (!response) return outcome;
  const body = await within(engine, controller, 0, () => response.json());
  if (body.failed || (Array.isArray(body.events) && typeof body.cursor === "string")) return body;
  return { error: new SubscriptionError("wrong_type", "the answer is no long poll's: choose the transport `stream`", 200) };
}

/**
 * Polls until that fails, or for a time.
 * @param {Engine} engine
 * @param {AbortController} controller
 * @param {Answer | undefined} first an answer that is there already
 * @param {number} time in milliseconds
 * @returns {Promise<Outcome>}
 */
export async function poll(engine, controller, first, time) {
  let answer = first ?? (await ask(engine, controller, 0));
  if (!("events" in answer)) return answer;
  const opened = performance.now();
  engine.become({ name: "open", transport: "poll" });
  while ("events" in answer) {
    await engine.room(controller.signal);
    deliver(engine, answer, controller.signal);
    if (performance.now() - opened >= time) return { again: true };
    answer = await ask(engine, controller, WAIT);
  }
  engine.stable(opened);
  return answer;
}

/**
 * @param {Engine} engine
 * @param {Answer} answer
 * @param {AbortSignal} signal
 */
export function deliver(engine, { events, cursor, gap }, signal) {
  if (gap && !signal.aborted) {
    const { reason, requested, resumed_at: resumedAt } = gap;
    // The answer's events may come before the place where it resumes, so the cursor stays.
    engine.take({ kind: "gap", reason, requested, resumedAt, id: engine.lastEventId }, false);
  }
  for (const { event: type = "message", data, id, topic } of events) {
    // Whoever took the last item may have ended it.
    if (signal.aborted) return;
    engine.take({ kind: "event", type, data, id, topic }, true);
  }
  if (!signal.aborted) engine.move(cursor);
}
