// Waiting by condition, with a bound.

import { setTimeout as pause } from "node:timers/promises";

/** Longest wait, far above what a slow shared machine needs. */
const BOUND_MS = 30_000;

/**
 * Waits until `condition` gives something truthy, and returns it.
 * @template T
 * @param {string | (() => string)} what completes "waited in vain until …"
 * @param {() => T | Promise<T>} condition
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, condition) {
  const end = Date.now() + BOUND_MS;
  for (;;) {
    const found = await condition();
    if (found) return /** @type {NonNullable<T>} */ (found);
    if (Date.now() > end) throw new Error(`waited in vain until ${typeof what === "string" ? what : what()}`);
    await pause(20);
  }
}
