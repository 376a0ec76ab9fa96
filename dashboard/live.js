// What the hub tells about itself: one stream of `$hub/stats`, `$hub/sessions` and `$hub/log`, turned into figures over time.

import { whyRefused } from "./api.js";
import { credential } from "./credential.js";
import { Growth, History } from "./series.js";
import { follow } from "./stream.js";

/**
 * One event of `$hub/stats`.
 * @typedef {{time: string, uptime_s: number, sessions: number, sessions_limit: number, connections: number,
 *   connections_limit: number, opened: number, closed: Record<string, number>, publishes: number, events: number,
 *   deliveries: number, bytes_out: number, gaps: number, refused: number, failed: number,
 *   latency: {count: number, p50_ms: number | null, p99_ms: number | null, max_ms: number | null}, head: string,
 *   topics: number, log_bytes: number, log_events: number, log_ready: boolean, tail_bytes: number, memory_bytes: number,
 *   descriptors: number | null, descriptors_limit: number | null}} Stats
 *
 * One event of `$hub/sessions`.
 * @typedef {import("./api.js").Session & {omitted_topics: number}} Named
 * @typedef {{time: string, took_ms: number, sessions: number, lag: {below_s: number | null, sessions: number}[], limited: number,
 *   closing: number, blocked: number, slowest: (Named & {behind_seconds: number})[],
 *   ended: (Named & {reason: string, ended_at: string})[]}} Sample
 *
 * One event of `$hub/log`.
 * @typedef {{time: string, health: string, detail: string | null, bytes: number, events: number, topics: number, segments: number,
 *   complete: boolean, classes: {patterns: string[], durability: string, retention: {age_s: number, events: number, bytes: number},
 *   topics: number, finished: number, events: number, bytes: number, oldest: string | null}[]}} LogFigures
 */

const TOPICS = ["$hub/stats", "$hub/sessions", "$hub/log"];
/** Totals of `$hub/stats` of which the page shows rates. */
const TOTALS = /** @type {const} */ (["events", "deliveries", "bytes_out", "opened", "gaps", "refused", "failed"]);
/** A refused stream is tried again after so long, in case rights or settings change. */
const AGAIN_MS = 10_000;
/** Names of the columns of lag in `lags`. */
export const LAG = ["lag0", "lag1", "lag2", "lag3", "lag4", "lag5", "lag6", "lag7"];

/** The hub's figures, as they come. */
export class Live {
  /** Figures of each second. */
  history = new History();
  /** Sessions by lag. */
  lags = new History();
  /** @type {Stats | null} */
  stats = null;
  /** @type {Sample | null} */
  sample = null;
  /** @type {LogFigures | null} */
  log = null;

  /** Told when there is something new. */
  onchange = () => {};
  /** Told how the stream is: `live`, `connecting`, `lost` or `refused`, with a sentence. @type {(state: string, text: string) => void} */
  onlink = () => {};

  #growth = new Growth();
  /** @type {{close: () => void} | null} */
  #stream = null;
  #again = 0;

  /** Starts, or starts again with another credential. What was received is kept. */
  start() {
    clearTimeout(this.#again);
    this.#stream?.close();
    const query = new URLSearchParams([...TOPICS.map((topic) => ["topic", topic]), ["since", "15m"]]);
    const url = `/v1/events?${query}`;
    this.onlink("connecting", "Connecting");
    this.#stream = follow(url, {
      onitem: (item) => item.kind === "event" && this.#take(item.topic, item.data),
      onstate: (state) => this.#state(state, url),
    });
  }

  /**
   * @param {string} topic
   * @param {string} data
   */
  #take(topic, data) {
    const said = JSON.parse(data);
    if (topic === "$hub/stats") this.#count(said);
    else if (topic === "$hub/sessions") this.#measure(said);
    else if (topic === "$hub/log") this.log = said;
    this.onchange();
  }

  /** @param {Stats} stats */
  #count(stats) {
    const time = Date.parse(stats.time) / 1000;
    const ends = Object.fromEntries(Object.entries(stats.closed).map(([reason, count]) => [`closed_${reason}`, count]));
    const totals = { ...Object.fromEntries(TOTALS.map((name) => [name, stats[name]])), ...ends };
    const growth = this.#growth.add(time, totals);
    this.history.add(time, {
      sessions: stats.sessions,
      memory: stats.memory_bytes,
      p50: stats.latency.p50_ms,
      p99: stats.latency.p99_ms,
      max: stats.latency.max_ms,
      ...(growth ? rates(growth) : {}),
    });
    this.stats = stats;
  }

  /** @param {Sample} sample */
  #measure(sample) {
    const figures = Object.fromEntries(sample.lag.map(({ sessions }, step) => [LAG[step], sessions]));
    this.lags.add(Date.parse(sample.time) / 1000, figures);
    this.sample = sample;
  }

  /**
   * @param {import("./stream.js").State} state
   * @param {string} url
   */
  async #state(state, url) {
    if (state.name === "open") return this.onlink("live", "Live");
    if (state.name === "connecting") return;
    if (state.name === "waiting") return this.onlink("lost", `Hub not reachable (${state.reason}), trying again`);
    const token = credential.token;
    this.#again = setTimeout(() => this.start(), AGAIN_MS);
    const refusal = await whyRefused(url).catch(() => null);
    if (token === credential.token) this.onlink("refused", refusal ? `Refused: ${refusal.title}` : "Closed, trying again");
  }
}

/** @param {{added: Record<string, number>, rates: Record<string, number>}} growth */
function rates({ added, rates }) {
  const ends = Object.entries(added).filter(([name]) => name.startsWith("closed_"));
  const perSecond = TOTALS.map((name) => [`${name}_s`, rates[name]]);
  const once = ["gaps", "refused", "failed"].map((name) => [name, added[name]]);
  return Object.fromEntries([...perSecond, ...once, ...ends]);
}
