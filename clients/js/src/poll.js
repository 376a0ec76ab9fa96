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
const LIMIT = 500;

/**
 * Asks once for what comes after the cursor.
 * @param {Engine} engine
 * @param {AbortController} controller
 * @param {number} wait in seconds
 * @returns {Promise<Answer | Outcome>}
 */
async function ask(engine, controller, wait) {
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
 * Polls until that fails or a stream is to be tried again, or until a tab that shares a stream has what it lacks.
 * @param {Engine} engine
 * @param {AbortController} controller of the attempt
 * @returns {Promise<Outcome>}
 */
export async function poll(engine, controller) {
  const { auto, first, tries, tabs } = engine;
  const { signal } = controller;
  const behind = tabs?.pending;
  const { again = 300_000 } = engine.options.fallback ?? {};
  engine.first = undefined;
  let answer = first ?? (await ask(engine, controller, 0));
  if (!("events" in answer)) {
    if (answer.failed || answer.refused || !answer.error || !(auto || behind)) return answer;
    // The server does not speak it.
    engine.auto = false;
    if (behind) tabs.separate();
    return { again: true };
  }
  const opened = performance.now();
  engine.polling = !behind;
  engine.become({ name: "open", transport: "poll" });
  while ("events" in answer) {
    const { events, cursor, gap } = answer;
    await engine.room(signal);
    // The answer's events may come before the place where a gap resumes, so the cursor stays.
    if (gap) events.unshift({ event: "headwater.gap", data: JSON.stringify(gap), id: engine.lastEventId });
    for (const { event: type = "message", data, id, topic } of events) {
      // Whoever took the last item may have ended it.
      signal.throwIfAborted();
      engine.take(toItem({ kind: "event", type, data, id, topic }), true);
    }
    signal.throwIfAborted();
    engine.move(cursor);
    // With fewer than were asked for, that was all.
    if (behind && events.length < LIMIT) {
      tabs.goOn();
      return { again: true };
    }
    if (auto && performance.now() - opened >= again * 2 ** tries) {
      engine.tries++;
      engine.polling = false;
      return { again: true };
    }
    answer = await ask(engine, controller, behind ? 0 : WAIT);
  }
  return answer;
}
