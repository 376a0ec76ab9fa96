// Keeps a stream open: connects, reads, waits and comes back after the last id received, until it is closed.
//
// The engine knows nothing of who takes the items: it gives them to a sink, which is an iterator's buffer, an
// `EventSource`, or the tabs of an origin.

import { delay } from "./backoff.js";
import { toItem } from "./items.js";
import { Known } from "./known.js";
import { request } from "./request.js";
import { readStream } from "./stream.js";

/** @import { Gap, StreamEvent } from "./decode.js" */
/** @import { SubscriptionError } from "./error.js" */
/** @import { Fallback } from "./fallback.js" */
/** @import { Closing, Item } from "./items.js" */
/** @import { Failure, FailureReason, Outcome } from "./request.js" */
/** @import { Saver } from "./saver.js" */
/** @import { Store } from "./store.js" */

/**
 * Why a credential is asked for: the status that refused the last one, or 0 with `expiring`, `expired` or `revoked`.
 * @typedef {{status: number, reason: string}} RefreshCause
 */

/**
 * All times are in milliseconds.
 * @typedef {object} Options
 * @property {HeadersInit} [headers] of every request
 * @property {string} [token] bearer token to begin with
 * @property {string} [method] default GET, with a body POST
 * @property {Exclude<BodyInit, ReadableStream>} [body] sent with every attempt
 * @property {RequestCredentials} [credentials] whether cookies go along, as for `fetch`
 * @property {string} [lastEventId] the cursor to start from; it wins over the stored one
 * @property {Store} [store] keeps the cursor
 * @property {string} [storeKey] the cursor's key; default: the address without its credentials and its cursor
 * @property {(cause: RefreshCause) => string | void | Promise<string | void>} [refresh] gets a new bearer token;
 *   without one in return the old is kept, as where the credential is a cookie
 * @property {(state: State) => void} [onState] is told every change of state
 * @property {{first?: number, most?: number, stable?: number, failures?: number}} [retry] the waiting times:
 *   default 1 s, 30 s, a minute, and any number of failures in a row
 * @property {number} [connectTimeout] how long the head of an answer may take; default 30 s
 * @property {number} [heartbeat] instead of the server's `Headwater-Heartbeat`; after 2.5 of them without a byte the stream
 *   is dead; 0 watches nothing
 * @property {number} [maxEvent] the largest event, in UTF-16 code units; default 1 MiB
 * @property {boolean} [dedupe] drop events that were received on an earlier connection; default true
 * @property {"auto" | "stream" | "poll"} [transport] default `auto`: long poll where a stream does not get through
 * @property {{late?: number, deaths?: number, again?: number}} [fallback] when `auto` polls: no byte for so long (5 s), or so
 *   many streams in a row that died before they were stable (5); and when it tries a stream again (5 min)
 * @property {typeof fetch} [fetch] instead of the global one
 * @property {AbortSignal} [signal] closes the subscription
 * @property {boolean | string} [share] one stream for all tabs of the origin with the same address and credentials; a name stands
 *   for the credentials
 */

/**
 * @typedef {{name: "connecting"}
 *   | {name: "open", transport: "stream" | "poll"}
 *   | {name: "waiting", reason: FailureReason | "offline", failures: number, delayMs?: number, status?: number,
 *       closing?: string, error?: unknown}
 *   | {name: "closed", reason: "aborted" | "finished" | SubscriptionError["reason"], error?: SubscriptionError}} State
 */

/**
 * Takes what the engine receives.
 * @typedef {object} Sink
 * @property {(item: Item, hasId: boolean) => void} item the item, and whether it has an id of its own
 * @property {(id: string) => void} cursor the cursor has moved without an item
 * @property {(state: State) => void} [state]
 * @property {() => Promise<void> | undefined} [room] resolves when more may come; nothing is read before
 */

/** The path of a hub's streams. */
const HUB = /\/v1\/events$/;

export class Engine {
  /** @type {State | undefined} */
  state;
  /** The last id received: where the next attempt goes on. */
  lastEventId = "";
  /** @type {number | undefined} the reconnection time of the stream, in milliseconds */
  retry;
  /** Attempts poll instead of reading a stream. */
  polling = false;
  /** Whether that may change; a request with a body is not made twice. */
  auto = false;
  /** Streams in a row that died young. */
  deaths = 0;

  /** When bytes came last, and how long none may come; in milliseconds. */
  heard = 0;
  silence = Infinity;

  /** The server is a hub, which may speak long poll. */
  #hub;
  /** @type {Fallback | undefined} */
  #fallback;
  /** @type {Saver | undefined} */
  #saver;
  #failures = 0;
  #closed = false;
  #suspended = false;
  #known = new Known();
  /** The next attempt is the one right after a refresh. */
  #refreshed = false;
  /** @type {Closing | undefined} the closing event of this stream */
  #closing;
  /** @type {AbortController | undefined} of the attempt under way */
  #controller;
  /** @type {(() => void) | undefined} ends the waiting */
  #wake;
  #aborted = () => this.close();
  /** @type {(() => void) | undefined} */
  #unwatch;

  /**
   * @param {string | URL} url
   * @param {Options} options
   * @param {Sink} sink
   * @throws {TypeError} when no request can be made of the address and the options
   */
  constructor(url, options, sink) {
    // A worker has no document.
    this.url = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
    this.options = options;
    this.sink = sink;
    this.token = options.token;
    const { body, method = body == null ? "GET" : "POST", headers, credentials, transport = "auto" } = options;
    this.polling = transport === "poll";
    this.auto = transport === "auto" && method === "GET";
    this.#hub = HUB.test(this.url.pathname);
    /** @type {RequestInit} */
    this.init = { method, body, headers, credentials, cache: "no-store" };
    // What is wrong with them is said here and not after every attempt.
    new Request(this.url, this.init);
  }

  /** Begins. */
  start() {
    const { signal } = this.options;
    if (signal?.aborted) return this.close();
    signal?.addEventListener("abort", this.#aborted);
    this.#live();
    this.#run();
  }

  /** Lets the life of the page suspend and wake it. */
  async #live() {
    if (!globalThis.document) return;
    const part = await import("./lifecycle.js").catch(() => undefined);
    if (!this.#closed) this.#unwatch = part?.watch(this);
  }

  /** Drops the connection, or the waiting, and connects at once. */
  restart() {
    this.#controller?.abort("restart");
    this.#wake?.();
  }

  /** Drops the connection until `resume`: the network is gone, or the page sleeps. */
  suspend() {
    this.#suspended = true;
    this.restart();
  }

  /** Connects again after `suspend`. */
  resume() {
    if (!this.#suspended) return;
    this.#suspended = false;
    this.#wake?.();
  }

  /**
   * Ends it for good.
   * @param {"aborted" | "finished"} [reason]
   * @param {SubscriptionError} [error] where it did not end well
   */
  close(reason = "aborted", error) {
    if (this.#closed) return;
    this.#closed = true;
    this.#unwatch?.();
    this.options.signal?.removeEventListener("abort", this.#aborted);
    this.restart();
    this.become({ name: "closed", reason: error?.reason ?? reason, error });
  }

  /**
   * Everything up to here was handled: it is stored.
   * @param {string} id
   */
  handled(id) {
    this.#saver?.save(id);
  }

  /**
   * @param {URL} url
   * @param {RequestInit} init
   */
  fetch(url, init) {
    return (this.options.fetch ?? fetch)(url, { ...this.init, ...init });
  }

  /**
   * Takes an event from a connection.
   * @param {Item} event
   * @param {boolean} hasId whether its block had an id of its own
   * @param {boolean} [relayed] another tab has read it
   */
  take(event, hasId, relayed) {
    const item = event.kind === "event" ? toItem(event) : event;
    const { kind, id } = item;
    // A gap or the like is news on every connection.
    const repeatable = hasId && id && (kind === "event" || kind === "end");
    if (repeatable && this.options.dedupe !== false && this.#known.has(id)) return this.move(id);
    this.lastEventId = id;
    if (kind === "closing") this.#closing = item;
    const renewable = kind === "expiring" && !relayed && this.options.refresh && HUB.test(this.url.pathname);
    if (renewable) this.#renew(item.session);
    this.sink.item(item, hasId);
  }

  /** What was received until now is not to be repeated from here on. */
  again() {
    this.#known.next();
  }

  /**
   * Moves the cursor without an item.
   * @param {string} id
   */
  move(id) {
    if (id === this.lastEventId) return;
    this.lastEventId = id;
    this.sink.cursor(id);
  }

  /** @param {State} state */
  become(state) {
    if (state.name === "connecting" && this.state?.name === "connecting") return;
    this.state = state;
    this.sink.state?.(state);
    try {
      this.options.onState?.(state);
    } catch (error) {
      // It is the caller's, and no reason to stop.
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  async #run() {
    const { lastEventId, store, storeKey } = this.options;
    this.become({ name: "connecting" });
    if (store) {
      const { saver } = await import("./saver.js");
      this.#saver = saver(store, storeKey, this.url);
    }
    // Whoever closes it right away, also behind an `await`, makes no request.
    await null;
    this.lastEventId = await (lastEventId ?? this.#saver?.load() ?? "");
    if (lastEventId === undefined && this.lastEventId) this.#known.has(this.lastEventId);
    const tabs = this.options.share && (await import("./tabs.js").then(({ join }) => join(this)).catch(() => undefined));
    while (!this.#closed) {
      if (this.#suspended) {
        this.become({ name: "waiting", reason: "offline", failures: this.#failures });
        await this.#pause();
        continue;
      }
      if (tabs && !tabs.lead()) {
        await this.#pause();
        continue;
      }
      const closing = this.#closing?.reason;
      this.#closing = undefined;
      const controller = (this.#controller = new AbortController());
      if (closing === "expired" || closing === "revoked") await this.#refresh({ status: 0, reason: closing });
      this.become({ name: "connecting" });
      if (!controller.signal.aborted) await this.#conclude(await this.#attempt(controller), controller.signal);
    }
  }

  /**
   * @param {AbortController} controller
   * @returns {Promise<Outcome>}
   */
  async #attempt(controller) {
    this.again();
    const fallback = this.polling && (await this.#load());
    if (fallback) return fallback.poll(controller);
    const { late = 5000, deaths = 5 } = this.options.fallback ?? {};
    const probe = new AbortController();
    const watch = async () => (await this.#load())?.probe(controller, probe);
    const timer = this.auto && this.#hub ? setTimeout(watch, late) : undefined;
    const alive = () => {
      clearTimeout(timer);
      probe.abort();
    };
    try {
      const answer = await request(this, "text/event-stream", controller);
      if (!("response" in answer)) return answer;
      this.#refreshed = false;
      this.become({ name: "open", transport: "stream" });
      const opened = performance.now();
      this.#hub ||= answer.response.headers.has("headwater-heartbeat");
      const end = await readStream(this, answer.response, controller, alive);
      const well = this.lived(performance.now() - opened) || this.#closing || controller.signal.reason === "restart";
      this.deaths = well ? 0 : this.deaths + 1;
      if (this.auto && this.#hub && this.deaths >= deaths) this.polling = true;
      return end;
    } finally {
      alive();
    }
  }

  /**
   * Loads what long poll needs. Where that fails it stays with streams.
   * @returns {Promise<Fallback | undefined>}
   */
  async #load() {
    try {
      return (this.#fallback ??= new (await import("./fallback.js")).Fallback(this));
    } catch {
      this.polling = false;
    }
  }

  /**
   * Does what the end of an attempt asks for: waits, gets a new credential, or closes.
   * @param {Outcome} outcome
   * @param {AbortSignal} signal
   */
  async #conclude(outcome, signal) {
    if (this.#closed || signal.reason === "restart" || "again" in outcome) return;
    const refreshed = this.#refreshed;
    this.#refreshed = false;
    if ("stop" in outcome) return this.close("finished", outcome.stop);
    /** @type {Failure} */
    let failure;
    if ("refresh" in outcome) {
      const { refresh } = outcome;
      if (!this.options.refresh || refreshed) return this.close("finished", refresh);
      const status = /** @type {number} */ (refresh.status);
      if (await this.#refresh({ status, reason: "refused" })) return;
      failure = { failed: "refused", status, error: refresh };
    } else {
      failure = outcome;
    }
    const { error, status } = failure;
    const closing = this.#closing;
    const reason = closing ? "closing" : failure.failed;
    const { retry = {} } = this.options;
    const failures = ++this.#failures;
    if (failures >= (retry.failures ?? Infinity)) {
      const { exhausted } = await import("./refusal.js");
      return this.close("finished", exhausted(failures, reason, status));
    }
    const delayMs = delay(failures, retry, [this.retry ?? 0, failure.floor ?? 0, closing?.reconnectMs ?? 0]);
    this.become({ name: "waiting", reason, failures, delayMs, status, closing: closing?.reason, error });
    await this.#pause(delayMs);
  }

  /**
   * A connection has ended.
   * @param {number} time how long it was open, in milliseconds
   * @returns {boolean} whether it was stable
   */
  lived(time) {
    const stable = time >= (this.options.retry?.stable ?? 60_000);
    if (stable) this.#failures = 0;
    return stable;
  }

  /**
   * Waits for a time, or until something happens.
   * @param {number} [time] in milliseconds
   */
  async #pause(time) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    await new Promise((resolve) => {
      this.#wake = () => resolve(undefined);
      if (time !== undefined) timer = setTimeout(resolve, time);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }

  /**
   * Asks for a new credential.
   * @param {RefreshCause} cause
   * @returns {Promise<boolean>} whether the hook has done its work
   */
  async #refresh(cause) {
    try {
      this.token = (await this.options.refresh?.(cause)) || this.token;
      this.#refreshed = cause.reason !== "expiring";
      return true;
    } catch {
      // The next attempt is refused, and the hook asked again.
      return false;
    }
  }

  /**
   * Keeps the stream open beyond the end of its credential. When that fails, it is told `expired` and comes back.
   * @param {string} session
   */
  async #renew(session) {
    try {
      if (!(await this.#refresh({ status: 0, reason: "expiring" })) || this.#closed) return;
      await (await import("./renewal.js")).renew(this, session);
    } catch {
      // As if there were no renewal.
    }
  }
}
