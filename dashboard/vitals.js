// The strip of live counters, fed by the hub's own topic `$hub/stats`.

import { element, find, say } from "./dom.js";
import { bytes, count, duration } from "./format.js";
import { Level, Rate } from "./rates.js";
import { Spark } from "./spark.js";

/**
 * One event of `$hub/stats`: totals since the hub's start.
 * @typedef {{time: string, uptime_s: number, sessions: number, publishes: number, events: number,
 *   deliveries: number, bytes_out: number, head: string, topics: number, log_bytes: number,
 *   log_events: number, memory_bytes: number, closed: Record<string, number>}} Stats
 */

/** @type {Record<string, string>} */
const ENDS = { client: "by clients", drain: "by drain", max_age: "by age" };

/** Ends of streams that somebody should look at, as opposed to readers who left. */
const TROUBLE = ["stalled", "lagged"];

/** @type {{label: string, unit: string, kind: "rate" | "level", of: keyof Stats, show: (n: number) => string}[]} */
const TILES = [
  { label: "Events stored", unit: "per second", kind: "rate", of: "events", show: count },
  { label: "Deliveries", unit: "per second", kind: "rate", of: "deliveries", show: count },
  { label: "Sent", unit: "per second", kind: "rate", of: "bytes_out", show: bytes },
  { label: "Sessions", unit: "open streams", kind: "level", of: "sessions", show: count },
  { label: "Log", unit: "on disk", kind: "level", of: "log_bytes", show: bytes },
  { label: "Memory", unit: "of the process", kind: "level", of: "memory_bytes", show: bytes },
];

/** The strip of tiles and the line of facts in the header. */
export class Vitals {
  /** Told of every sample. @type {(stats: Stats) => void} */
  onstats = () => {};

  constructor() {
    const strip = find("tiles", HTMLElement);
    this.tiles = TILES.map((tile) => {
      const value = element("dd", { class: "value" }, "–");
      const total = element("dd", { class: "total" }, tile.unit);
      const spark = new Spark();
      const node = element("div", { class: "tile" }, element("dt", {}, tile.label), value, total);
      node.append(spark.node);
      strip.append(node);
      return { ...tile, node, value, total, spark, meter: tile.kind === "rate" ? new Rate() : new Level() };
    });
    this.link = find("link", HTMLElement);
    this.facts = find("facts", HTMLElement);
  }

  /** Starts listening; the browser reconnects by itself for as long as the page is open. */
  start() {
    const source = new EventSource(`/v1/events?${new URLSearchParams({ topic: "$hub/stats" })}`);
    source.onopen = () => this.#linked("live", "Live");
    source.onerror = () => {
      if (source.readyState !== EventSource.CLOSED) return this.#linked("lost", "Hub not reachable, trying again");
      this.#linked("lost", "Hub refuses its counters, trying again");
      setTimeout(() => this.start(), RETRY_MS);
    };
    source.onmessage = (event) => this.#show(JSON.parse(event.data));
  }

  /** @param {Stats} stats */
  #show(stats) {
    const at = Date.parse(stats.time);
    for (const tile of this.tiles) {
      const raw = Number(stats[tile.of]);
      const shown = tile.meter.add(raw, at);
      say(tile.value, shown === null ? "–" : tile.show(shown));
      if (tile.kind === "rate") say(tile.total, `${tile.unit} · ${tile.show(raw)} in all`);
      tile.spark.draw(tile.meter.series);
    }
    const closed = Object.entries(stats.closed).filter(([, n]) => n > 0);
    const trouble = closed.some(([reason]) => TROUBLE.includes(reason));
    this.facts.replaceChildren(
      fact("Up", duration(stats.uptime_s)),
      fact("Head", stats.head),
      fact("Topics", count(stats.topics)),
      fact("Kept", `${count(stats.log_events)} events`),
      fact("Streams ended", closed.map(([reason, n]) => `${count(n)} ${ENDS[reason] ?? reason}`).join(", ") || "none", trouble),
    );
    this.onstats(stats);
  }

  /**
   * @param {string} state
   * @param {string} text
   */
  #linked(state, text) {
    this.link.dataset.state = state;
    say(this.link, text);
  }
}

/** EventSource is final about a refusal; a page that stays open is not. */
const RETRY_MS = 5000;

/**
 * @param {string} name
 * @param {string} value
 * @param {boolean} [trouble]
 */
function fact(name, value, trouble = false) {
  const node = element("div", {}, element("dt", {}, name), element("dd", {}, value));
  if (trouble) node.classList.add("trouble");
  return node;
}
