// What is loaded while the first request is on its way: a stream opens without it, and what may happen to a stream needs it.

import { doubt } from "./doubt.js";
import { followPage } from "./lifecycle.js";

export { exhausted } from "./error.js";
export { toItem } from "./items.js";
export { refusal } from "./refusal.js";

/** @import { Engine } from "./engine.js" */

/**
 * Watches over an engine from the first attempt on during which this is there.
 * @param {Engine} engine
 * @param {AbortSignal} attempt is aborted at the end of the attempt
 * @param {AbortSignal} end is aborted at the end of everything
 */
export function attend(engine, attempt, end) {
  if (!engine.watch) followPage(engine, end);
  engine.watch = doubt;
  doubt(engine, attempt);
}
