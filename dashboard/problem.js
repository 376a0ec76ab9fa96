// A refusal as people read it: what was refused, why, and what to do.

import { Refusal } from "./api.js";
import { element, say } from "./dom.js";

/**
 * Says in a line why something did not work; anything but a refusal is a mistake of this page.
 * @param {HTMLElement} node
 * @param {unknown} error
 */
export function complain(node, error) {
  if (!(error instanceof Refusal)) throw error;
  say(node, [error.title, error.detail, error.remedy].filter(Boolean).join(": "));
}

/**
 * A refusal in full.
 * @param {Refusal} refusal
 * @returns {HTMLElement[]}
 */
export function problem(refusal) {
  const status = refusal.status ? `${refusal.status} · ` : "";
  const lines = [element("strong", {}, status + refusal.title)];
  if (refusal.detail) lines.push(element("p", {}, refusal.detail));
  if (refusal.remedy) lines.push(element("p", { class: "remedy" }, refusal.remedy));
  if (refusal.reason) lines.push(element("p", { class: "hint" }, `Reason: ${refusal.reason}`));
  return lines;
}
