// The first view: what the hub does right now, and did lately.

import { holder, link, reads, tone, why } from "./describe.js";
import { find, say } from "./dom.js";
import { EndsPanel, REASONS } from "./ends.js";
import { ago, bytes, count, duration, many, millis, span, timeOfDay, visibleName } from "./format.js";
import { HeatPanel } from "./heat.js";
import { LinePanel } from "./line.js";
import { Table } from "./table.js";

/** Lag from which a session counts as behind: from this step on. */
const BEHIND = 3;

/** The overview. */
export class Overview {
  #live;
  #range = find("range", HTMLSelectElement);
  #drawing = false;
  /** Whether the figures are those of now. */
  #current = false;
  #published = new LinePanel(find("published", HTMLElement), {
    title: "Published",
    lines: [{ name: "events_s", label: "events per second", colour: "accent", fill: true }],
    show: count,
    least: 5,
  });
  #delivered = new LinePanel(find("delivered", HTMLElement), {
    title: "Delivered",
    lines: [{ name: "deliveries_s", label: "events per second", colour: "accent", fill: true }],
    show: count,
    least: 5,
  });
  #latency = new LinePanel(find("latency", HTMLElement), {
    title: "Publish to write",
    lines: [
      { name: "max", label: "longest", colour: "warn" },
      { name: "p99", label: "99 %", colour: "accent" },
      { name: "p50", label: "half", colour: "calm" },
    ],
    show: millis,
    least: 1,
  });
  #sessions = new LinePanel(find("open-sessions", HTMLElement), {
    title: "Sessions",
    lines: [{ name: "sessions", label: "open streams", colour: "accent", fill: true }],
    show: count,
    least: 5,
  });
  #heat = new HeatPanel(find("lag", HTMLElement));
  #ends = new EndsPanel(find("ends", HTMLElement));
  #slowest = new Table(find("slowest", HTMLElement), {
    label: "Slowest sessions",
    key: (/** @type {import("./live.js").Sample["slowest"][0]} */ row) => row.session,
    empty: "Nobody is behind: every session has everything there is.",
    columns: [
      { title: "Session", cell: (row) => link(row.session) },
      { title: "Behind", figure: true, cell: (row) => span(row.behind_seconds), tone: (row) => tone(row.behind_seconds) },
      { title: "Positions", figure: true, minor: true, cell: (row) => count(row.lag.positions) },
      { title: "Why", cell: (row) => why(row) },
      { title: "Reads", cell: (row) => reads(row) },
      { title: "Who", minor: true, cell: (row) => holder(row) },
    ],
  });
  #ended = new Table(find("ended", HTMLElement), {
    label: "Ended by the hub",
    key: (/** @type {import("./live.js").Sample["ended"][0]} */ row) => row.session,
    empty: "The hub has ended no stream yet.",
    columns: [
      { title: "When", cell: (row) => ago(row.ended_at) },
      { title: "Reason", cell: (row) => REASONS[row.reason]?.text ?? row.reason, tone: (row) => REASONS[row.reason]?.tone ?? "" },
      { title: "Session", minor: true, cell: (row) => row.session },
      { title: "Reads", cell: (row) => reads(row) },
      { title: "Who", cell: (row) => holder(row) },
      { title: "Age", figure: true, minor: true, cell: (row) => duration(row.age_seconds) },
    ],
  });
  #log = new Table(find("log-classes", HTMLElement), {
    label: "The log by class",
    key: (/** @type {import("./live.js").LogFigures["classes"][0]} */ row) => row.patterns.join(" "),
    empty: "The log has no class.",
    columns: [
      { title: "Class", cell: (row) => row.patterns.map(visibleName).join(", ") },
      { title: "Topics", figure: true, minor: true, cell: (row) => count(row.topics) },
      { title: "Events", figure: true, cell: (row) => count(row.events) },
      { title: "Size", figure: true, cell: (row) => bytes(row.bytes) },
      { title: "Oldest", cell: (row) => ago(row.oldest) },
      { title: "Keeps, a topic", minor: true, cell: (row) => keeps(row.retention) },
      { title: "In", minor: true, cell: (row) => row.durability },
    ],
  });

  /**
   * @param {import("./live.js").Live} live
   * @param {import("./router.js").Router} router
   */
  constructor(live, router) {
    this.#live = live;
    this.#range.addEventListener("change", () => {
      router.keep("overview", { minutes: this.#range.value });
      this.draw();
    });
    document.addEventListener("visibilitychange", () => this.draw());
  }

  /** @param {URLSearchParams} query */
  show(query) {
    const wanted = query.get("minutes");
    if (wanted && [...this.#range.options].some((option) => option.value === wanted)) this.#range.value = wanted;
    this.draw();
  }

  /**
   * Figures that are not those of now look so.
   * @param {boolean} live
   */
  mark(live) {
    this.#current = live;
    const { stats } = this.#live;
    const stale = !live && stats !== null;
    find("view-overview", HTMLElement).toggleAttribute("data-stale", stale);
    const note = stale ? `The last figures are of ${timeOfDay(Date.parse(stats.time) / 1000)}: how it is now is not known.` : "";
    say(find("overview-note", HTMLElement), note);
    this.#doubt();
  }

  #doubt() {
    if (!this.#current) for (const table of [this.#slowest, this.#ended, this.#log]) table.known = false;
  }

  /** Draws with the next frame; a hidden page gets none. */
  draw() {
    if (this.#drawing || document.hidden || find("view-overview", HTMLElement).hidden) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      if (this.#live.stats) this.#charts(this.#live.stats);
      if (this.#live.sample) this.#lag(this.#live.sample);
      if (this.#live.log) this.#storage(this.#live.log);
      this.#doubt();
    });
  }

  /** @param {import("./live.js").Stats} stats */
  #charts(stats) {
    const { history } = this.#live;
    const seconds = Number(this.#range.value) * 60;
    const rate = (/** @type {string} */ name) => history.last(name) ?? 0;
    this.#published.draw(history, seconds, count(rate("events_s")), `per second, ${count(stats.events)} since the start`);
    this.#delivered.draw(history, seconds, count(rate("deliveries_s")), `per second, ${bytes(rate("bytes_out_s"))}/s`);
    const { latency } = stats;
    this.#latency.draw(history, seconds, millis(latency.p99_ms), latency.count ? `99 % of ${count(latency.count)} in the last second` : "nothing to deliver");
    this.#sessions.draw(history, seconds, count(stats.sessions), `of at most ${count(stats.sessions_limit)}`);
    this.#ends.draw(history, seconds);
    this.#strip(stats, seconds);
  }

  /**
   * @param {import("./live.js").Stats} stats
   * @param {number} seconds
   */
  #strip(stats, seconds) {
    const { history } = this.#live;
    const lately = (/** @type {string} */ name) => history.sum(seconds, name);
    const blocked = this.#live.sample?.blocked ?? 0;
    figure("blocked", count(blocked), "for a second or more", blocked > 0 ? "warn" : "");
    const gaps = lately("gaps");
    figure("gaps", count(gaps), "told in this time", gaps > 0 ? "warn" : "");
    const failed = lately("failed");
    figure("refused", `${count(lately("refused"))} / ${count(failed)}`, "4xx / 5xx in this time", failed > 0 ? "bad" : "");
    figure("log-size", bytes(stats.log_bytes), `${many(stats.log_events, "event")} in ${many(stats.topics, "topic")}`, stats.log_ready ? "" : "bad");
    figure("memory", bytes(stats.memory_bytes), `${bytes(stats.tail_bytes)} of recent events`);
    const { descriptors, descriptors_limit: most } = stats;
    const full = descriptors !== null && most !== null && descriptors > most * 0.9;
    figure("descriptors", descriptors === null ? "–" : count(descriptors), most === null ? "" : `of ${count(most)}`, full ? "bad" : "");
    figure("connections", count(stats.connections), `of ${count(stats.connections_limit)}`);
    figure("uptime", duration(stats.uptime_s), `head ${stats.head}`);
  }

  /** @param {import("./live.js").Sample} sample */
  #lag(sample) {
    const behind = sample.lag.slice(BEHIND).reduce((total, { sessions }) => total + sessions, 0);
    const note = behind === 1 ? "session is more than a second behind" : "sessions are more than a second behind";
    this.#heat.draw(this.#live.lags, Number(this.#range.value) * 60, count(behind), `${note}, of ${count(sample.sessions)}`);
    this.#slowest.update(sample.slowest);
    this.#ended.update(sample.ended);
  }

  /** @param {import("./live.js").LogFigures} log */
  #storage(log) {
    this.#log.update(log.classes);
    const health = log.health === "ready" ? "takes events" : log.health === "full" ? "is full and takes nothing" : `has failed: ${log.detail}`;
    const text = `${bytes(log.bytes)} in ${many(log.segments, "segment")}; ${health}.${log.complete ? "" : " More topics than are added up here."}`;
    const note = find("log-note", HTMLElement);
    say(note, text);
    note.dataset.tone = log.health === "ready" ? "" : "bad";
  }
}

/**
 * A figure of the strip.
 * @param {string} id
 * @param {string} value
 * @param {string} note
 * @param {string} [tone]
 */
function figure(id, value, note, tone = "") {
  const node = find(`figure-${id}`, HTMLElement);
  say(/** @type {HTMLElement} */ (node.querySelector(".value")), value);
  say(/** @type {HTMLElement} */ (node.querySelector(".note")), note);
  if ((node.dataset.tone ?? "") !== tone) node.dataset.tone = tone;
}

/** @param {{age_s: number, events: number, bytes: number}} retention */
function keeps({ age_s: age, events, bytes: size }) {
  const limits = [age && duration(age), events && many(events, "event"), size && bytes(size)];
  return limits.filter(Boolean).join(", ") || "for ever";
}
