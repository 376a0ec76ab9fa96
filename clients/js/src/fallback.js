// Long poll in place of streams, loaded where they do not seem to get through.
//
// A hub sends its first block with the head. Where nothing comes a proxy on the way is gathering the answer, and where
// one stream after the other dies young something on the way does not let them live. Then the same events are asked
// for by long poll, from servers that speak it.

import { ask, poll } from "./poll.js";

/** @import { Engine } from "./engine.js" */
/** @import { Answer } from "./poll.js" */
/** @import { Outcome } from "./request.js" */

/** @param {Engine} engine */
export function fallback(engine) {
  /** @type {Answer | undefined} the answer to the question whether the server speaks it */
  let first;
  /** How long it is polled before a stream is tried again, in milliseconds; longer each time. */
  let again = engine.options.fallback?.again ?? 300_000;
  return {
    /**
     * A stream brings nothing: asks whether the server speaks long poll, and then polls instead.
     * @param {AbortController} controller of the stream
     * @param {AbortController} probe ends the question, as when the stream begins to speak
     */
    async probe(controller, probe) {
      const answer = await ask(engine, probe, 0);
      if (probe.signal.aborted) return;
      if ("events" in answer) {
        first = answer;
        engine.polling = true;
        controller.abort("restart");
      } else if (!answer.failed && !answer.refused) {
        engine.auto = false;
      }
    },

    /**
     * Polls until that fails or a stream is to be tried again.
     * @param {AbortController} controller of the attempt
     * @returns {Promise<Outcome>}
     */
    async poll(controller) {
      const answer = first;
      first = undefined;
      const outcome = await poll(engine, controller, answer, engine.auto ? again : Infinity);
      if (!engine.auto) return outcome;
      if (outcome.again) again *= 2;
      else if (engine.state.name === "open") return outcome;
      // A stream is tried next.
      engine.polling = false;
      engine.deaths = 0;
      if (outcome.failed || outcome.refused || !outcome.error) return outcome;
      engine.auto = false;
      return { again: true };
    },
  };
}
