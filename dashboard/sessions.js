// The view of open sessions: searched by the hub, sorted here, those that are furthest behind first.

import * as api from "./api.js";
import { holder, link, reads, tone, why } from "./describe.js";
import { find, say, whileSeen } from "./dom.js";
import { bytes, count, duration, many, span } from "./format.js";
import { More } from "./more.js";
import { complain } from "./problem.js";
import { Table } from "./table.js";

const EVERY_MS = 3000;
/** Sessions that one more request brings. */
const PAGE = 200;

/** The list of sessions. */
export class Sessions {
  #topic = find("session-topic", HTMLInputElement);
  #subject = find("session-subject", HTMLInputElement);
  #note = find("sessions-note", HTMLElement);
  #more = new More("sessions-more", PAGE, () => this.#refresh());
  #visible = false;
  #refresh;
  #table = new Table(find("sessions-table", HTMLElement), {
    label: "Sessions",
    key: (/** @type {api.Session} */ row) => row.session,
    empty: "No session is open.",
    sorted: 1,
    columns: [
      { title: "Session", cell: (row) => link(row.session), sort: (row) => row.session },
      {
        title: "Behind",
        figure: true,
        cell: (row) => (row.state === "live" ? "–" : row.lag.seconds === null ? span(row.age_seconds) : span(row.lag.seconds)),
        sort: (row) => behind(row),
        tone: (row) => tone(behind(row)),
      },
      { title: "Positions", figure: true, minor: true, cell: (row) => count(row.lag.positions), sort: (row) => row.lag.positions },
      { title: "State", cell: (row) => why(row), sort: (row) => row.state },
      { title: "Reads", cell: (row) => reads(row), sort: (row) => reads(row) },
      { title: "Who", cell: (row) => holder(row), sort: (row) => holder(row) },
      { title: "Age", figure: true, minor: true, cell: (row) => duration(row.age_seconds), sort: (row) => row.age_seconds },
      { title: "Sent", figure: true, minor: true, cell: (row) => bytes(row.bytes), sort: (row) => row.bytes },
    ],
  });

  /** @param {import("./router.js").Router} router */
  constructor(router) {
    this.#refresh = whileSeen(EVERY_MS, () => this.#visible, () => this.#load());
    find("session-search", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#more.reset();
      router.keep("sessions", { topic: this.#topic.value.trim(), subject: this.#subject.value.trim() });
      this.#refresh();
    });
  }

  /** @param {URLSearchParams | null} query null when another view is shown */
  show(query) {
    this.#visible = query !== null;
    if (!query) return;
    this.#topic.value = query.get("topic") ?? "";
    this.#subject.value = query.get("subject") ?? "";
    this.#refresh();
  }

  async #load() {
    const [topic, subject] = [this.#topic.value.trim(), this.#subject.value.trim()];
    try {
      const { sessions, total } = await api.sessions({ topic, subject, limit: this.#more.limit });
      this.#table.empty = topic || subject ? "No open session matches." : "No session is open.";
      this.#table.update(sessions);
      const rest = total > sessions.length;
      this.#more.update(rest || null);
      const more = rest ? `; the ${count(sessions.length)} furthest behind are shown, and a column sorts these` : "";
      say(this.#note, `${many(total, "session")}${topic || subject ? " found" : ""}${more}.`);
    } catch (error) {
      this.#table.known = false;
      complain(this.#note, error);
    }
  }
}

/** @param {api.Session} session */
function behind(session) {
  return session.state === "live" ? -1 : (session.lag.seconds ?? session.age_seconds);
}
