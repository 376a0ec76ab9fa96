// Reads a stream, only as fast as its events are taken, and notices when it has fallen silent.

import { Decoder } from "./decode.js";

/** @import { Engine } from "./engine.js" */
/** @import { Failure } from "./request.js" */

/** How many bytes are decoded at once: they hold at most 683 events. */
const SLICE = 4096;

/**
 * @param {Engine} engine
 * @param {Response} response
 * @param {AbortController} controller
 * @param {() => void} alive is called whenever bytes have come
 * @returns {Promise<Failure>}
 */
export async function readStream(engine, response, controller, alive) {
  const { options, sink } = engine;
  const { signal } = controller;
  const heartbeat = options.heartbeat ?? Number(response.headers.get("headwater-heartbeat")) * 1000;
  engine.heard = Date.now();
  engine.silence = 2.5 * heartbeat || Infinity;
  const decoder = new Decoder({ maxEvent: options.maxEvent, lastEventId: engine.lastEventId });
  const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  try {
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
    for (;;) {
      const { done, value } = await watched(reader.read(), heartbeat, controller);
      if (done) return { failed: "ended" };
      alive();
      engine.heard = Date.now();
      for (let at = 0; at < value.length; at += SLICE) {
        const room = sink.room?.();
        if (room) await Promise.race([room, aborted]);
        signal.throwIfAborted();
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
    return { failed: signal.aborted ? signal.reason : "broken", error };
  }
}

/**
 * Ends the exchange when nothing comes for 2.5 heartbeats. The time is counted in five steps: a program or page that was
 * busy or asleep meanwhile has missed one, not all.
 * @template T
 * @param {Promise<T>} reading
 * @param {number} heartbeat in milliseconds; 0 watches nothing
 * @param {AbortController} controller
 */
async function watched(reading, heartbeat, controller) {
  if (!(heartbeat > 0 && heartbeat < 2 ** 31)) return reading;
  let left = 5;
  const timer = setInterval(() => --left || controller.abort("silent"), heartbeat / 2);
  try {
    return await reading;
  } finally {
    clearInterval(timer);
  }
}
