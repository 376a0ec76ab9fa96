// Follows the life of a page: it goes offline, sleeps, is put away and fetched back.

/** @import { Engine } from "./engine.js" */

/** A server that asked for the time has a reason; these have none. */
const AT_ONCE = ["unreachable", "timeout", "broken", "silent"];

/**
 * Lets a page's events suspend an engine, and wake it without waiting for timers that slept.
 * @param {Engine} engine
 * @param {AbortSignal} signal ends it
 */
export function followPage(engine, signal) {
  if (!globalThis.document) return;
  const suspend = () => {
    // A page that is put away is frozen, too.
    if (engine.offline) return;
    engine.offline = true;
    engine.restart();
    engine.become({ name: "waiting", reason: "offline", failures: engine.failures });
  };
  const awake = () => {
    const { state, offline } = engine;
    const waits = state.name === "waiting" && AT_ONCE.includes(state.reason);
    const asleep = state.name === "open" && Date.now() > engine.deadline;
    engine.offline = false;
    if (offline || waits || asleep) engine.restart();
  };
  const on = (/** @type {EventTarget} */ target, /** @type {() => void} */ act, /** @type {string[]} */ ...types) => {
    for (const type of types) target.addEventListener(type, act, { signal });
  };
  // A page with an open connection cannot be kept for the back button.
  on(globalThis, suspend, "offline", "pagehide");
  on(globalThis, awake, "online", "pageshow");
  on(document, suspend, "freeze");
  on(document, awake, "resume");
  on(document, () => document.hidden || awake(), "visibilitychange");
}
