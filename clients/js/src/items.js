// What the application receives, and how control events become items of their own kind.

/** @import { Gap, StreamEvent } from "./decode.js" */

/**
 * The server ends the stream now, cleanly, and the client comes back.
 * @typedef {object} Closing
 * @property {"closing"} kind
 * @property {string} reason
 * @property {number} reconnectMs
 * @property {string} id
 */

/**
 * The credential ends soon.
 * @typedef {object} Expiring
 * @property {"expiring"} kind
 * @property {string} expiresAt RFC 3339
 * @property {string} session
 * @property {string} id
 */

/**
 * A topic is finished.
 * @typedef {object} End
 * @property {"end"} kind
 * @property {string} reason
 * @property {string} topic
 * @property {string} id
 */

/** @typedef {StreamEvent | Gap | Closing | Expiring | End} Item */

/**
 * The item that an event stands for. A control event whose JSON is not as documented is an ordinary event.
 * @param {StreamEvent} event
 * @returns {Item}
 */
export function toItem(event) {
  if (!event.type.startsWith("headwater.")) return event;
  const { id } = event;
  try {
    const { reason, requested, resumed_at, reconnect_ms, expires_at, session, topic } = JSON.parse(event.data);
    const texts = (/** @type {unknown[]} */ ...members) => members.every((member) => typeof member === "string");
    switch (event.type.slice(10)) {
      case "gap":
        if (texts(reason, requested, resumed_at)) return { kind: "gap", reason, requested, resumedAt: resumed_at, id };
        break;
      case "closing":
        if (texts(reason) && typeof reconnect_ms === "number" && reconnect_ms >= 0) return { kind: "closing", reason, reconnectMs: reconnect_ms, id };
        break;
      case "expiring":
        if (texts(expires_at, session)) return { kind: "expiring", expiresAt: expires_at, session, id };
        break;
      case "end":
        if (texts(reason, topic)) return { kind: "end", reason, topic, id };
    }
  } catch {
    // Not JSON.
  }
  return event;
}
