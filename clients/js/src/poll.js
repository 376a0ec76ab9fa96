// The same events by long poll. Loaded only where streams do not get through.

import { SubscriptionError } from "./error.js";
import { toItem } from "./items.js";
import { request, within } from "./request.js";

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
  if (Array.isArray(body.events) && typeof body.cursor === "string") return body;
  return { error: new SubscriptionError("wrong_type", "the answer is no long poll's: choose the transport `stream`", 200) };
}

/**
 * A stream brings nothing: asks whether the server speaks long poll, and then polls instead.
 * @param {Engine} engine
 * @param {AbortSignal} signal of the stream
 */
export async function probe(engine, signal) {
  const controller = new AbortController();
  signal.addEventListener("abort", () => controller.abort());
  const answer = await ask(engine, controller, 0);
  // The stream has begun to speak, or is over.
  if (engine.heard || signal.aborted) return;
  if ("events" in answer) {
    engine.first = answer;
    engine.polling = true;
    engine.restart();
  } else if (!answer.failed && !answer.refused) {
    engine.auto = false;
  }
}

/**
 * Polls until that fails or a stream is to be tried again.
 * @param {Engine} engine
 * @param {AbortController} controller of the attempt
 * @returns {Promise<Outcome>}
 */
export async function poll(engine, controller) {
  const { auto, first } = engine;
  const { signal } = controller;
  const time = auto ? (engine.pollFor ??= engine.options.fallback?.again ?? 300_000) : Infinity;
  engine.first = undefined;
  let answer = first ?? (await ask(engine, controller, 0));
  if (!("events" in answer)) {
    if (!auto || answer.failed || answer.refused || !answer.error) return answer;
    engine.auto = false;
    return { again: true };
  }
  const opened = performance.now();
  engine.polling = true;
  engine.become({ name: "open", transport: "poll" });
  while ("events" in answer) {
    await engine.room(signal);
    deliver(engine, answer, signal);
    if (performance.now() - opened >= time) {
      engine.pollFor = 2 * time;
      engine.polling = false;
      return { again: true };
    }
    answer = await ask(engine, controller, WAIT);
  }
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
    engine.take(toItem({ kind: "event", type, data, id, topic }), true);
  }
  if (!signal.aborted) engine.move(cursor);
}
