// Keeps a stream open: connects, reads, waits and comes back after the last id received, until it is closed.
//
// The engine knows nothing of who takes the items: it gives them to a sink, which is an iterator's buffer, an
// `EventSource`, or the tabs of an origin.

import { delay } from "./backoff.js";
import { toItem } from "./items.js";
import { knownIds } from "./known.js";
import { request } from "./request.js";
import { readStream } from "./stream.js";

/** @import { credential } from "./credential.js" */
/** @import { SubscriptionError } from "./error.js" */
/** @import { fallback } from "./fallback.js" */
/** @import { Closing, Item } from "./items.js" */
/** @import { FailureReason, Outcome } from "./request.js" */
/** @import { saver } from "./saver.js" */
/** @import { Store } from "./store.js" */
/** @import { Tabs } from "./tabs.js" */

/**
 * Why a credential is asked for: the status that refused the last one, or 0 with `expiring`, `expired` or `revoked`.
 * @typedef {{status: number, reason: string}} RefreshCause
 */

/**
 * Gets a new bearer token. Without one in return the old is kept, as where the credential is a cookie.
 * @typedef {(cause: RefreshCause) => string | void | Promise<string | void>} RefreshHook
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
 * @property {RefreshHook} [refresh] is asked when the credential is refused or ends
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
 * @property {(state: State) => void} state
 * @property {() => Promise<void> | undefined} [room] resolves when more may come; nothing is read before
 */

/** The longest time of a timer, in milliseconds: 25 days. */
const FOREVER = 2 ** 31 - 1;

export class Engine {
  /** @type {State} */
  state = { name: "connecting" };
  /** The last id received: where the next attempt goes on. */
  lastEventId = "";
  /** The reconnection time of the stream, in milliseconds. */
  retry = 0;
  /** Streams in a row that died young. */
  deaths = 0;
  /** Until when bytes have to come, in milliseconds. */
  deadline = Infinity;

  /** The network is gone, or the page sleeps. */
  offline = false;
  /** The number of the connection. */
  connection = 0;
  /** Whether an id was received on an earlier one. */
  repeats = knownIds();

  // What only some options ask for.
  /** @type {ReturnType<typeof saver> | undefined} */
  store;
  /** @type {ReturnType<typeof credential> | undefined} */
  credential;
  /** @type {Tabs | undefined} */
  tabs;

  /** Ends everything for good. */
  #end = new AbortController();
  #failures = 0;
  /** The server may speak long poll. */
  #polls;
  /** @type {ReturnType<typeof fallback> | undefined} */
  #fallback;
  /** @type {Closing | undefined} the closing event of this stream */
  #closing;
  #controller = new AbortController();
  /** Ends the waiting. */
  #wake = () => {};

  /**
   * @param {string | URL} url
   * @param {Options} options
   * @param {Sink} sink
   * @throws {TypeError} when no request can be made of the address and the options
   */
  constructor(url, options, sink) {
    const { body, method = body == null ? "GET" : "POST", headers, credentials, transport = "auto", signal } = options;
    this.url = absolute(url);
    this.options = options;
    this.sink = sink;
    this.token = options.token;
    /** Attempts poll instead of reading a stream. */
    this.polling = transport === "poll";
    /** Whether that may change; a request with a body is not made twice. */
    this.auto = transport === "auto" && method === "GET";
    /** The address is that of a hub. */
    this.hub = this.url.pathname.endsWith("/v1/events");
    this.#polls = this.hub;
    /** @type {RequestInit} */
    this.init = { method, body, headers, credentials, cache: "no-store" };
    // What is wrong with them is said here and not after every attempt.
    new Request(this.url, this.init);
    signal?.addEventListener("abort", () => this.close(), { signal: this.#end.signal });
    if (signal?.aborted) this.close();
    this.#run();
    // The life of the page suspends and wakes it.
    if (globalThis.document) import("./lifecycle.js").then(({ watch }) => watch(this, this.#end.signal)).catch(() => {});
  }

  /** Drops the connection, or the waiting, and connects at once. */
  restart() {
    this.#controller.abort("restart");
    this.#wake();
  }

  /**
   * Ends it for good.
   * @param {"aborted" | "finished"} [reason]
   * @param {SubscriptionError} [error] where it did not end well
   */
  close(reason = "aborted", error) {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    this.restart();
    this.become({ name: "closed", reason: error?.reason ?? reason, error });
  }

  /**
   * Everything up to here was handled: it is stored.
   * @param {string} id
   */
  save(id) {
    this.store?.save(id);
  }

  /**
   * @param {URL} url
   * @param {RequestInit} init
   */
  fetch(url, init) {
    return (this.options.fetch ?? fetch)(url, { ...this.init, ...init });
  }

  /**
   * Waits until there is room for more, or the exchange has ended.
   * @param {AbortSignal} signal
   */
  async room(signal) {
    const room = this.sink.room?.();
    if (room && !signal.aborted) await new Promise((resolve) => room.then((signal.onabort = resolve)));
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
    if (repeatable && this.options.dedupe !== false && this.repeats(id, this.connection)) return this.move(id);
    this.lastEventId = id;
    if (kind === "closing") this.#closing = item;
    if (kind === "expiring" && !relayed) this.credential?.renew(item.session);
    this.sink.item(item, hasId);
  }

  /** What was received until now is not to be repeated from here on. */
  again() {
    this.connection++;
  }

  /**
   * Moves the cursor without an item.
   * @param {string} id
   */
  move(id) {
    if (id !== this.lastEventId) this.sink.cursor((this.lastEventId = id));
  }

  /** @param {State} state */
  become(state) {
    this.state = state;
    this.sink.state(state);
    // What it throws is the caller's, and no reason to stop.
    new Promise(() => this.options.onState?.(state));
  }

  async #run() {
    const { lastEventId, store, share, refresh } = this.options;
    this.lastEventId = lastEventId ?? "";
    if (store || refresh || share) await (await import("./extras.js")).prepare(this);
    // Whoever closes it right away, also behind an `await`, makes no request.
    await null;
    while (!this.#end.signal.aborted) {
      if (this.offline) this.become({ name: "waiting", reason: "offline", failures: this.#failures });
      else if (this.tabs?.lead() ?? true) {
        const controller = (this.#controller = new AbortController());
        const closing = this.#closing?.reason;
        this.#closing = undefined;
        if (closing === "expired" || closing === "revoked") await this.credential?.ended(closing);
        if (controller.signal.aborted) continue;
        this.become({ name: "connecting" });
        await this.#conclude(await this.#attempt(controller), controller.signal);
        continue;
      }
      await this.#pause(FOREVER);
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
    const ask = async () => (await this.#load())?.probe(controller, probe);
    const timer = this.auto && this.#polls ? setTimeout(ask, late) : undefined;
    const alive = () => {
      clearTimeout(timer);
      probe.abort();
    };
    try {
      const { response, ...outcome } = await request(this, "text/event-stream", controller);
      if (!response) return outcome;
      this.become({ name: "open", transport: "stream" });
      const opened = performance.now();
      this.#polls ||= response.headers.has("headwater-heartbeat");
      const end = await readStream(this, response, controller, alive);
      const well = this.stable(opened) || this.#closing || controller.signal.reason === "restart";
      this.deaths = well ? 0 : this.deaths + 1;
      if (this.auto && this.#polls && this.deaths >= deaths) this.polling = true;
      return end;
    } finally {
      alive();
    }
  }

  /** Loads what long poll needs. Where that fails it stays with streams. */
  async #load() {
    try {
      return (this.#fallback ??= (await import("./fallback.js")).fallback(this));
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
    if (outcome.refused) outcome = (await this.credential?.refused(outcome)) ?? outcome;
    const { failed, again, status, floor, error } = outcome;
    if (this.#end.signal.aborted || signal.reason === "restart" || again) return;
    if (!failed) return this.close("finished", /** @type {SubscriptionError | undefined} */ (error));
    const closing = this.#closing;
    const failures = ++this.#failures;
    const reason = closing ? "closing" : failed;
    const { retry = {} } = this.options;
    if (failures >= (retry.failures ?? Infinity)) {
      const { exhausted } = await import("./refusal.js");
      return this.close("finished", exhausted(failures, reason, status));
    }
    const delayMs = delay(failures, retry, [this.retry, floor ?? 0, closing?.reconnectMs ?? 0]);
    this.become({ name: "waiting", reason, failures, delayMs, status, closing: closing?.reason, error });
    await this.#pause(delayMs);
  }

  /**
   * A connection has ended.
   * @param {number} opened when, as `performance.now` says
   * @returns {boolean} whether it was stable
   */
  stable(opened) {
    const long = performance.now() - opened >= (this.options.retry?.stable ?? 60_000);
    if (long) this.#failures = 0;
    return long;
  }

  /**
   * Waits for a time, or until something happens.
   * @param {number} time in milliseconds
   */
  async #pause(time) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, time);
      this.#wake = () => resolve(clearTimeout(timer));
    });
  }
}

/**
 * @param {string | URL} url relative to the page
 * @throws {TypeError} when it is no address
 */
export function absolute(url) {
  // A worker has no document.
  return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
}
