// Sees whether streams get through, or long poll has to take their place.
//
// A hub sends its first block with the head. Where nothing comes a proxy on the way is gathering the answer, and where
// one stream after the other dies young something on the way does not let them live. Then the same events are asked
// for by long poll, from servers that speak it.

/** @import { Engine } from "./engine.js" */

/**
 * @param {Engine} engine
 * @param {AbortSignal} signal of the attempt that begins, aborted at its end
 */
export function doubt(engine, signal) {
  const { late = 5000, deaths = 5 } = engine.options.fallback ?? {};
  const speaks = () => engine.auto && (engine.heartbeat || engine.url.pathname.endsWith("/v1/events"));
  if (speaks() && engine.deaths >= deaths) {
    engine.polling = true;
    engine.deaths = 0;
  }
  if (engine.polling || signal.aborted) return;
  const timer = setTimeout(() => {
    if (speaks() && !engine.heard) import("./poll.js").then(({ probe }) => probe(engine, signal)).catch(() => {});
  }, late);
  signal.addEventListener("abort", () => clearTimeout(timer));
}
