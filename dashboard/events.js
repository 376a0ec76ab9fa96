// The list of received events: bounded, newest first, with pause and clear.

import { CONTROL_TYPES } from "./feed.js";
import { element, find, say } from "./dom.js";
import { atOrBefore, clock } from "./format.js";

/** @typedef {import("./feed.js").Received} Received */
/** @typedef {import("./api.js").Recorded} Recorded */

/** Most rows on the page, and most events held while paused. */
export const KEPT = 200;
/** Longest data shown in a closed row. */
const PREVIEW = 400;
/** How often a screen reader hears a summary. */
const SUMMARY_MS = 4000;

/** The event list and its toolbar. */
export class EventList {
  /** Told when the last row goes or the first comes. */
  onempty = () => {};

  /** Received since the page watches this topic. */
  received = 0;

  #list = find("events", HTMLOListElement);
  #pause = find("pause", HTMLButtonElement);
  #counts = find("counts", HTMLElement);
  #spoken = find("spoken", HTMLElement);
  /** Newest last, waiting for the next frame or the end of the pause. @type {Received[]} */
  #waiting = [];
  #dropped = 0;
  #paused = false;
  #unspoken = 0;
  /** The one topic watched, or empty with a pattern: EventSource does not tell it. */
  #topic = "";
  /** What counts as replayed. @type {{connection: string, until: string}} */
  #replay = { connection: "", until: "" };
  #drawing = false;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  /** @type {(id: string) => Recorded | undefined} */
  #recorded;

  /** @param {(id: string) => Recorded | undefined} recorded what else is known about an event */
  constructor(recorded) {
    this.#recorded = recorded;
    this.#pause.addEventListener("click", () => this.#togglePause());
    find("clear", HTMLButtonElement).addEventListener("click", () => this.clear());
    setInterval(() => this.#speak(), SUMMARY_MS);
  }

  get empty() {
    return this.#list.childElementCount === 0;
  }

  /** @param {Received} event */
  add(event) {
    this.received += 1;
    this.#unspoken += 1;
    this.#waiting.push(event);
    if (this.#waiting.length > KEPT) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
    this.#schedule();
  }

  /** Empties the list; the subscription goes on. */
  clear() {
    this.#waiting = [];
    this.#dropped = 0;
    this.#rows.clear();
    this.#list.replaceChildren();
    this.#count();
    this.onempty();
  }

  /**
   * Empties the list and its counters for another subscription.
   * @param {string} topic its topic or pattern
   */
  reset(topic) {
    this.#topic = topic.includes("*") ? "" : topic;
    this.received = 0;
    this.#replay = { connection: "", until: "" };
    this.clear();
  }

  /**
   * Fills in what the hub recorded about an event that is already shown.
   * @param {Recorded} record
   */
  annotate(record) {
    const row = this.#rows.get(record.id);
    if (row) describe(row, record);
  }

  /**
   * Marks rows of a connection up to an id as replayed, now and later: they were stored before it
   * was opened.
   * @param {number} connection
   * @param {string} until
   */
  markReplayed(connection, until) {
    this.#replay = { connection: String(connection), until };
    for (const row of this.#rows.values()) this.#mark(row);
  }

  #togglePause() {
    this.#paused = !this.#paused;
    this.#pause.setAttribute("aria-pressed", String(this.#paused));
    this.#schedule();
  }

  #schedule() {
    if (this.#drawing) return;
    this.#drawing = true;
    // A hidden page gets no frames; the waiting list is bounded, so nothing piles up meanwhile.
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  #draw() {
    if (!this.#paused && this.#waiting.length > 0) {
      const rows = this.#waiting.map((event) => this.#row(event));
      this.#list.prepend(...rows.reverse());
      this.#waiting = [];
      this.#dropped = 0;
      while (this.#list.childElementCount > KEPT) this.#forget(/** @type {HTMLElement} */ (this.#list.lastElementChild));
      this.onempty();
    }
    this.#count();
  }

  /** @param {Received} event */
  #row(event) {
    const row = CONTROL_TYPES.includes(event.type) ? controlRow(event) : eventRow(event, this.#topic);
    row.dataset.connection = String(event.connection);
    row.dataset.id = event.id;
    if (this.#rows.has(event.id)) row.classList.add("repeated");
    this.#rows.set(event.id, row);
    this.#mark(row);
    const record = this.#recorded(event.id);
    if (record) describe(row, record);
    return row;
  }

  /** @param {HTMLElement} row */
  #mark(row) {
    const { connection, until } = this.#replay;
    if (row.dataset.connection === connection && atOrBefore(row.dataset.id ?? "", until)) row.classList.add("replayed");
  }

  /** @param {HTMLElement} row */
  #forget(row) {
    if (this.#rows.get(row.dataset.id ?? "") === row) this.#rows.delete(row.dataset.id ?? "");
    row.remove();
  }

  #count() {
    const held = this.#paused ? `, ${this.#waiting.length + this.#dropped} since the pause` : "";
    const lost = this.#dropped > 0 ? ` (${KEPT} newest kept)` : "";
    say(this.#counts, `${this.received} received, ${this.#list.childElementCount} shown${held}${lost}`);
  }

  #speak() {
    if (this.#unspoken === 0) return;
    say(this.#spoken, `${this.#unspoken} new ${this.#unspoken === 1 ? "event" : "events"}, ${this.received} in all`);
    this.#unspoken = 0;
  }
}

/**
 * @param {Received} event
 * @param {string} topic as far as known
 */
function eventRow(event, topic) {
  const preview = event.data.length > PREVIEW ? `${event.data.slice(0, PREVIEW)}…` : event.data;
  const details = element(
    "details",
    {},
    element(
      "summary",
      {},
      element("span", { class: "id" }, event.id),
      element("span", { class: event.type === "message" ? "type" : "type named" }, event.type),
      element("span", { class: "topic" }, topic),
      element("code", { class: "data" }, preview || "(empty)"),
      element("span", { class: "mark" }),
      element("time", { datetime: event.at.toISOString() }, clock(event.at)),
    ),
  );
  // The whole text is laid out only when somebody opens the row.
  details.addEventListener(
    "toggle",
    () => details.append(element("pre", {}, pretty(event.data)), element("dl", { class: "record" })),
    { once: true },
  );
  details.addEventListener("toggle", () => showRecord(details.parentElement));
  return element("li", {}, details);
}

/** @param {Received} event */
function controlRow(event) {
  const { title, text, tone } = explain(event);
  return element(
    "li",
    { class: `control ${tone}` },
    element("strong", {}, title),
    element("time", { datetime: event.at.toISOString() }, clock(event.at)),
    element("p", {}, text),
    element("code", {}, `${event.type} ${event.data}`),
  );
}

/**
 * What a control event means for somebody who watches.
 * @param {Received} event
 */
export function explain(event) {
  /** @type {Record<string, any>} */
  let facts = {};
  try {
    facts = JSON.parse(event.data);
  } catch {
    // Shown as it came.
  }
  const reason = String(facts.reason ?? "no reason given");
  if (event.type === "headwater.gap") {
    const why = GAPS[reason] ?? reason;
    return {
      tone: "gap",
      title: `Gap: ${reason}`,
      text: `Events after ${facts.requested ?? "the cursor"} are missing: ${why}. Reading goes on after ${facts.resumed_at ?? event.id}.`,
    };
  }
  if (event.type === "headwater.closing") {
    const wait = facts.reconnect_ms === undefined ? "" : ` in about ${(facts.reconnect_ms / 1000).toFixed(1)} s`;
    return {
      tone: "closing",
      title: `Closing: ${reason}`,
      text: `The hub ends this stream: ${CLOSINGS[reason] ?? reason}. The browser comes back by itself${wait} and resumes.`,
    };
  }
  if (event.type === "headwater.end") {
    return {
      tone: "end",
      title: `End: ${reason}`,
      text: `The topic ${facts.topic ?? ""} is finished: no event will follow, and publishing to it is refused.`,
    };
  }
  return { tone: "closing", title: "Credential expires soon", text: `This stream ends at ${facts.expires_at ?? "expiry"} unless it is renewed.` };
}

/** @type {Record<string, string>} */
const GAPS = {
  retention: "they were older than the hub keeps",
  epoch: "the id belongs to another log",
  unknown: "the id was never given by this hub",
  lagged: "this reader fell too far behind",
};

/** @type {Record<string, string>} */
const CLOSINGS = {
  drain: "it is shutting down",
  max_age: "the stream reached its greatest age",
  lagged: "this reader fell too far behind",
  expired: "the credential has expired",
  revoked: "the credential was revoked",
};

/** @type {WeakMap<HTMLElement, Recorded>} */
const records = new WeakMap();

/**
 * @param {HTMLElement} row
 * @param {Recorded} record
 */
function describe(row, record) {
  records.set(row, record);
  const topic = row.querySelector(".topic");
  if (topic) topic.textContent = record.topic;
  showRecord(row);
}

/** @param {HTMLElement | null} row */
function showRecord(row) {
  const shown = row?.querySelector("dl.record");
  const record = row && records.get(row);
  if (!shown || !record) return;
  const facts = [["Topic", record.topic], ["Stored at", record.time], ...(record.key ? [["Key", record.key]] : [])];
  shown.replaceChildren(...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

/** @param {string} data */
function pretty(data) {
  try {
    return JSON.stringify(JSON.parse(data), null, 2);
  } catch {
    return data;
  }
}
