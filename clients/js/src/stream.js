// Reads a stream, only as fast as its events are taken, and notices when it has fallen silent.

import { Decoder } from "./decode.js";
import { FOREVER } from "./request.js";

/** @import { Gap, StreamEvent } from "./decode.js" */
/** @import { Engine } from "./engine.js" */
/** @import { Outcome } from "./request.js" */

/** How many bytes are decoded at once: they hold at most 683 events. */
const SLICE = 4096;

/**
 * @param {Engine} engine
 * @param {Response} response
 * @param {AbortController} controller
 * @returns {Promise<Outcome>} that it has ended
 * @throws when it is broken, or given up
 */
export async function readStream(engine, response, controller) {
  const { maxEvent, heartbeat = engine.heartbeat } = engine.options;
  const { signal } = controller;
  const decoder = new Decoder({ maxEvent, lastEventId: engine.lastEventId });
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  for (;;) {
    engine.deadline = Date.now() + (2.5 * heartbeat || Infinity);
    // The time is counted in five steps: a program or page that was busy or asleep meanwhile has missed one, not all.
    let left = 5;
    const step = () => --left || controller.abort("silent");
    const timer = heartbeat > 0 && heartbeat < FOREVER ? setInterval(step, heartbeat / 2) : 0;
    const { done, value } = await reader.read().finally(() => clearInterval(timer));
    if (done) return { failed: "ended" };
    engine.heard = true;
    for (let at = 0; at < value.length; at += SLICE) {
      await engine.room(signal);
      /** @type {[StreamEvent | Gap, boolean][]} */
      const events = [];
      decoder.push(value.subarray(at, at + SLICE), (event, hasId) => events.push([event, hasId]));
      for (const [event, hasId] of events) {
        const control = event.kind === "event" && event.type.startsWith("headwater.");
        const item = control ? (await import("./beside.js")).toItem(event) : event;
        // Whoever took the last item may have ended the stream.
        signal.throwIfAborted();
        engine.take(item, hasId);
      }
      engine.retry = decoder.retry ?? engine.retry;
      engine.move(decoder.lastEventId);
    }
  }
}
