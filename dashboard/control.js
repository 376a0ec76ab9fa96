// What a control event means for somebody who watches.

import { visibleName } from "./format.js";

/**
 * @param {import("./feed.js").Received} received
 * @returns {{title: string, text: string, tone: string}}
 */
export function explain({ kind, id, item }) {
  const reason = String(item.reason ?? "no reason given");
  if (kind === "gap") {
    const why = GAPS[reason] ?? reason;
    return {
      tone: "gap",
      title: `Gap: ${reason}`,
      text: `Events after ${item.requested ?? "the cursor"} are missing: ${why}. Reading goes on after ${item.resumedAt ?? id}.`,
    };
  }
  if (kind === "closing") {
    const wait = item.reconnectMs === undefined ? "" : ` in about ${(item.reconnectMs / 1000).toFixed(1)} s`;
    return {
      tone: "closing",
      title: `Closing: ${reason}`,
      text: `The hub ends this stream: ${CLOSINGS[reason] ?? reason}. The page comes back by itself${wait} and resumes.`,
    };
  }
  if (kind === "end") {
    return {
      tone: "end",
      title: `End: ${reason}`,
      text: `The topic ${visibleName(item.topic ?? "")} is finished: no event will follow, and publishing to it is refused.`,
    };
  }
  return { tone: "closing", title: "Credential expires soon", text: `This stream ends at ${item.expiresAt ?? "expiry"} unless it is renewed.` };
}

/** @type {Record<string, string>} */
const GAPS = {
  retention: "they were older than the hub keeps",
  epoch: "the id belongs to another log",
  unknown: "the id was never given by this hub",
  lagged: "this reader fell too far behind",
  conflated: "newer ones took their place",
  oversized: "one is larger than this page takes",
};

/** @type {Record<string, string>} */
const CLOSINGS = {
  drain: "it is shutting down",
  max_age: "the stream reached its greatest age",
  lagged: "this reader fell too far behind",
  expired: "the credential has expired",
  revoked: "the credential was revoked",
  admin: "an administrator ended it",
};
