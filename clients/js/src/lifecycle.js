// Follows the life of a page: it goes offline, sleeps, is put away and fetched back.

/** @import { Engine } from "./engine.js" */

/** A server that asked for the time has a reason; these have none. */
const AT_ONCE = ["unreachable", "timeout", "broken", "silent"];

/**
 * Lets a page's events suspend an engine, and wake it without waiting for timers that slept.
 * @param {Engine} engine
 * @returns {() => void} ends it
 */
export function watch(engine) {
  const end = new AbortController();
  const on = (/** @type {EventTarget} */ target, /** @type {string} */ type, /** @type {() => void} */ act) =>
    target.addEventListener(type, act, { signal: end.signal });
  const suspend = () => engine.suspend();
  const awake = () => {
    engine.resume();
    const { state } = engine;
    const waits = state?.name === "waiting" && AT_ONCE.includes(state.reason);
    const asleep = state?.name === "open" && Date.now() - engine.heard > engine.silence;
    if (waits || asleep) engine.restart();
  };
  on(globalThis, "offline", suspend);
  on(globalThis, "online", awake);
  // A page with an open connection cannot be kept for the back button.
  on(globalThis, "pagehide", suspend);
  on(globalThis, "pageshow", awake);
  on(document, "freeze", suspend);
  on(document, "resume", awake);
  on(document, "visibilitychange", () => {
    if (!document.hidden) awake();
  });
  return () => end.abort();
}
