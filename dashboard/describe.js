// What is said of a session wherever one is shown.

import { element } from "./dom.js";
import { span, visibleName } from "./format.js";
import { address } from "./router.js";

/** @param {string} name of a session */
export function link(name) {
  return element("a", { href: address(`session/${encodeURIComponent(name)}`) }, name);
}

/** @param {{topics: string[], patterns: string[], omitted_topics?: number}} session */
export function reads({ topics, patterns, omitted_topics: omitted = 0 }) {
  const names = [...topics, ...patterns].map(visibleName);
  const more = names.length - Math.min(names.length, 3) + omitted;
  return more > 0 ? `${names.slice(0, 3).join(", ")} and ${more} more` : names.join(", ");
}

/**
 * How bad it is to be behind for so long: a colour of the style sheet.
 * @param {number} seconds
 */
export function tone(seconds) {
  return seconds >= 15 ? "bad" : seconds >= 1 ? "warn" : "";
}

/**
 * Why a session is behind, as far as one can see.
 * @param {import("./api.js").Session} session
 */
export function why(session) {
  if (session.state === "closing") return "ends now";
  if ((session.blocked_seconds ?? 0) >= 1) return `client takes nothing for ${span(session.blocked_seconds ?? 0)}`;
  if (session.state === "limited") return "waits for its turn (max_rate)";
  return session.state === "live" ? "up to date" : "catches up";
}

/**
 * Whose it is: the subject of its credential, or else where it comes from.
 * @param {import("./api.js").Session} session
 */
export function holder({ subject, address: from }) {
  return subject === null ? `from ${from}` : visibleName(subject);
}
