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
    const waits = state?.name === "waiting" && AT_ONCE.includes(state.reason);
    const asleep = state?.name === "open" && Date.now() > engine.deadline;
    engine.offline = false;
    if (offline || waits || asleep) engine.restart();
  };
  const on = (/** @type {string} */ types, /** @type {() => void} */ act, /** @type {EventTarget} */ target = globalThis) => {
    for (const type of types.split(" ")) target.addEventListener(type, act, { signal });
  };
  // A page with an open connection cannot be kept for the back button.
  on("offline pagehide", suspend);
  on("online pageshow", awake);
  on("freeze", suspend, document);
  on("resume", awake, document);
  on("visibilitychange", () => document.hidden || awake(), document);
}
