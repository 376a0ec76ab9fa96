// The list of received events: bounded, newest first, with pause and clear.

import * as api from "./api.js";
import { explain } from "./control.js";
import { element, facts, find, say } from "./dom.js";
import { atOrBefore, bytes, clock, count, visible, visibleName } from "./format.js";
import { problem } from "./problem.js";

/** @typedef {import("./feed.js").Received} Received */

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
  #filter = find("filter", HTMLInputElement);
  /** What counts as replayed. @type {{connection: string, until: string}} */
  #replay = { connection: "", until: "" };
  #drawing = false;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();

  constructor() {
    this.#pause.addEventListener("click", () => this.#togglePause());
    find("clear", HTMLButtonElement).addEventListener("click", () => this.clear());
    this.#filter.addEventListener("input", () => this.#sift());
    // `toggle` does not bubble.
    this.#list.addEventListener("toggle", () => this.#schedule(), true);
    this.#list.addEventListener("focusout", () => this.#schedule());
    setInterval(() => this.#speak(), SUMMARY_MS);
  }

  /** Whether somebody reads an event: the list then stays as it is, so that it does not run away. */
  get #read() {
    return this.#list.querySelector("details[open], :focus-visible") !== null;
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

  /** Empties the list and its counters for another subscription. */
  reset() {
    this.received = 0;
    this.#unspoken = 0;
    say(this.#spoken, "");
    this.#replay = { connection: "", until: "" };
    this.clear();
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
    if (!this.#paused && !this.#read && this.#waiting.length > 0) {
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
    const row = event.kind === "event" ? eventRow(event) : controlRow(event);
    row.dataset.connection = String(event.connection);
    row.dataset.id = event.id;
    if (this.#rows.has(event.id)) row.classList.add("repeated");
    this.#rows.set(event.id, row);
    this.#mark(row);
    row.hidden = !this.#passes(row);
    return row;
  }

  /** @param {HTMLElement} row */
  #mark(row) {
    const { connection, until } = this.#replay;
    if (row.dataset.connection === connection && atOrBefore(row.dataset.id ?? "", until)) row.classList.add("replayed");
  }

  /** Shows the rows that contain what is looked for; control events always. */
  #sift() {
    for (const row of this.#list.children) if (row instanceof HTMLElement) row.hidden = !this.#passes(row);
    this.#count();
  }

  /** @param {HTMLElement} row */
  #passes(row) {
    const wanted = this.#filter.value.trim().toLowerCase();
    return !wanted || row.classList.contains("control") || (row.dataset.text ?? "").includes(wanted);
  }

  /** @param {HTMLElement} row */
  #forget(row) {
    if (this.#rows.get(row.dataset.id ?? "") === row) this.#rows.delete(row.dataset.id ?? "");
    row.remove();
  }

  #count() {
    const waiting = this.#waiting.length + this.#dropped;
    const held = this.#paused ? `, ${waiting} since the pause` : waiting > 0 ? `, ${waiting} wait while you read` : "";
    const lost = this.#dropped > 0 ? ` (${KEPT} newest kept)` : "";
    const shown = this.#filter.value.trim() ? this.#list.querySelectorAll("li:not([hidden])").length : this.#list.childElementCount;
    say(this.#counts, `${this.received} received, ${shown} shown${held}${lost}`);
  }

  #speak() {
    if (this.#unspoken === 0) return;
    say(this.#spoken, `${this.#unspoken} new ${this.#unspoken === 1 ? "event" : "events"}, ${this.received} in all`);
    this.#unspoken = 0;
  }
}

/** @param {Received} event */
function eventRow(event) {
  const preview = visible(event.data.length > PREVIEW ? `${event.data.slice(0, PREVIEW)}…` : event.data);
  const details = element(
    "details",
    {},
    element(
      "summary",
      {},
      element("span", { class: "id" }, event.id),
      element("span", { class: event.type === "message" ? "type" : "type named" }, visibleName(event.type)),
      element("span", { class: "topic" }, visibleName(event.topic)),
      element("code", { class: "data" }, preview || "(empty)"),
      element("span", { class: "mark" }),
      element("time", { datetime: event.at.toISOString() }, clock(event.at)),
    ),
  );
  // The whole text is laid out, and the hub asked what it knows, only when somebody opens the row.
  details.addEventListener(
    "toggle",
    () => {
      const known = element("dl", { class: "record facts" });
      details.append(element("pre", { tabindex: "0" }, visible(pretty(event.data))), known);
      describe(event, known);
    },
    { once: true },
  );
  const row = element("li", {}, details);
  row.dataset.text = `${event.topic} ${event.type} ${preview}`.toLowerCase();
  return row;
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
  );
}

/**
 * Fills in what the hub knows about an event.
 * @param {Received} event
 * @param {HTMLElement} known
 */
async function describe(event, known) {
  try {
    const fate = await api.event(event.id);
    if (!fate.stored) return known.replaceChildren(...facts([["Stored", `no longer: ${fate.detail}`]]));
    const { matching, behind } = fate.sessions;
    known.replaceChildren(
      ...facts([
        ["Stored at", fate.time],
        ["Topic", visibleName(fate.topic)],
        ...(fate.key ? [/** @type {[string, string]} */ (["Key", visibleName(fate.key)])] : []),
        ["Size", bytes(fate.bytes)],
        ["Sessions now", `${count(matching)} read its topic, ${count(behind)} of them have not got as far`],
      ]),
    );
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    known.replaceChildren(...problem(error));
  }
}

/** @param {string} data */
function pretty(data) {
  try {
    return JSON.stringify(JSON.parse(data), null, 2);
  } catch {
    return data;
  }
}
