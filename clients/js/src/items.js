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
 * The members of the control events, each with a value of its type.
 * @type {Record<string, Record<string, string | number>>}
 */
const MEMBERS = {
  "headwater.gap": { reason: "", requested: "", resumed_at: "" },
  "headwater.closing": { reason: "", reconnect_ms: 0 },
  "headwater.expiring": { expires_at: "", session: "" },
  "headwater.end": { reason: "", topic: "" },
};

/**
 * The item that an event stands for. A control event whose JSON is not as documented is an ordinary event.
 * @param {StreamEvent} event
 * @returns {Item}
 */
export function toItem(event) {
  const { type, id } = event;
  if (!type.startsWith("headwater.")) return event;
  /** @type {any} */
  const item = { kind: type.slice(10), id };
  try {
    const json = JSON.parse(event.data);
    for (const [name, sample] of Object.entries(MEMBERS[type])) {
      const value = json[name];
      if (typeof value !== typeof sample || value < 0) return event;
      item[name.replace(/_./, ([, letter]) => letter.toUpperCase())] = value;
    }
    return item;
  } catch {
    // No JSON, or none of them.
    return event;
  }
}
