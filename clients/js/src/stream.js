// Reads a stream, only as fast as its events are taken, and notices when it has fallen silent.

import { Decoder } from "./decode.js";

/** @import { Engine } from "./engine.js" */
/** @import { Outcome } from "./request.js" */

/** How many bytes are decoded at once: they hold at most 683 events. */
const SLICE = 4096;

/**
 * @param {Engine} engine
 * @param {Response} response
 * @param {AbortController} controller
 * @param {() => void} alive is called whenever bytes have come
 * @returns {Promise<Outcome>}
 */
export async function readStream(engine, response, controller, alive) {
  const { options } = engine;
  const { signal } = controller;
  const heartbeat = options.heartbeat ?? Number(response.headers.get("headwater-heartbeat")) * 1000;
  const decoder = new Decoder({ maxEvent: options.maxEvent, lastEventId: engine.lastEventId });
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  let timer;
  try {
    for (;;) {
      engine.deadline = Date.now() + (2.5 * heartbeat || Infinity);
      // The time is counted in five steps: a program or page that was busy or asleep meanwhile has missed one, not all.
      let left = 5;
      if (heartbeat > 0 && heartbeat < 2 ** 31) timer = setInterval(() => --left || controller.abort("silent"), heartbeat / 2);
      const { done, value } = await reader.read();
      clearInterval(timer);
      if (done) return { failed: "ended" };
      alive();
      for (let at = 0; at < value.length; at += SLICE) {
        await engine.room(signal);
        decoder.push(value.subarray(at, at + SLICE), (event, hasId) => {
          // Whoever took the last item may have ended the stream.
          if (!signal.aborted) engine.take(event, hasId);
        });
        signal.throwIfAborted();
        engine.retry = decoder.retry ?? engine.retry;
        engine.move(decoder.lastEventId);
      }
    }
  } catch (error) {
    clearInterval(timer);
    return { failed: signal.aborted ? signal.reason : "broken", error };
  }
}
