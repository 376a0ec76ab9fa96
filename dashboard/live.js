// What the hub tells about itself: one stream of `$hub/stats`, `$hub/sessions` and `$hub/log`, turned into figures over time.

import { credential } from "./credential.js";
import { timeOfDay } from "./format.js";
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
/** Longest wait for a hub that does not answer. */
const MOST_WAIT_MS = 10_000;
/** Figures come every second; after so long without any the page says so. */
const SILENT_MS = 4000;
/** How far back the page asks at first, in seconds. */
const BACK_S = 900;
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
  /** Streams lost in a row. */
  #losses = 0;
  #open = false;
  /** When the stream was opened, or last brought figures. */
  #heard = 0;

  constructor() {
    setInterval(() => this.#listen(), 1000);
  }

  /** Starts, or starts again with another credential. What was received is kept. */
  start() {
    this.onlink("connecting", "Connecting");
    this.#connect();
  }

  /**
   * Asks for what the page does not have yet: without an id, as the hub keeps these topics in memory, and would tell of a gap after
   * each of its restarts.
   */
  #connect() {
    clearTimeout(this.#again);
    this.#stream?.close();
    this.#open = false;
    const missed = this.stats ? Math.ceil((Date.now() - this.#heard) / 1000) + 5 : BACK_S;
    const query = new URLSearchParams([...TOPICS.map((topic) => ["topic", topic]), ["since", `${Math.min(missed, BACK_S)}s`]]);
    this.#stream = follow(`/v1/events?${query}`, {
      onitem: (item) => item.kind === "event" && this.#take(item.topic, item.data),
      onstate: (state, refusal) => this.#state(state, refusal),
    });
  }

  /** Says when an open stream brings nothing. */
  #listen() {
    if (!this.#open || Date.now() - this.#heard < SILENT_MS) return;
    this.onlink("lost", `No figures since ${timeOfDay(this.#heard / 1000)}`);
  }

  /**
   * @param {string} topic
   * @param {string} data
   */
  #take(topic, data) {
    const said = JSON.parse(data);
    this.#heard = Date.now();
    this.#losses = 0;
    this.onlink("live", "Live");
    if (topic === "$hub/stats") this.#count(said);
    else if (topic === "$hub/sessions") this.#measure(said);
    else if (topic === "$hub/log") this.log = said;
    this.onchange();
  }

  /** @param {Stats} stats */
  #count(stats) {
    this.stats = stats;
    const time = Date.parse(stats.time) / 1000;
    // It was here before the connection was lost.
    if (time <= this.history.newest) return;
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
  }

  /** @param {Sample} sample */
  #measure(sample) {
    const figures = Object.fromEntries(sample.lag.map(({ sessions }, step) => [LAG[step], sessions]));
    this.lags.add(Date.parse(sample.time) / 1000, figures);
    this.sample = sample;
  }

  /**
   * @param {import("./stream.js").State} state
   * @param {import("./api.js").Refusal | null} refusal
   */
  #state(state, refusal) {
    this.#open = state.name === "open";
    if (this.#open) this.#heard = Date.now();
    if (this.#open || state.name === "connecting") return;
    if (state.name === "waiting") {
      this.onlink("lost", `No answer (${state.reason})`);
      // Without a network, or asleep, the client knows best when to come back.
      if (state.reason === "offline") return;
      // Else it would come back by itself, with its id.
      this.#stream?.close();
      this.#again = setTimeout(() => this.#connect(), Math.min(MOST_WAIT_MS, (state.delayMs ?? 0) * 2 ** this.#losses++));
    } else {
      this.onlink("refused", refusal ? `Refused: ${refusal.title}` : "Closed");
      if (!credential.refused) this.#again = setTimeout(() => this.start(), AGAIN_MS);
    }
  }
}

/** @param {{added: Record<string, number>, rates: Record<string, number>}} growth */
function rates({ added, rates }) {
  const ends = Object.entries(added).filter(([name]) => name.startsWith("closed_"));
  const perSecond = TOTALS.map((name) => [`${name}_s`, rates[name]]);
  const once = ["gaps", "refused", "failed"].map((name) => [name, added[name]]);
  return Object.fromEntries([...perSecond, ...once, ...ends]);
}
