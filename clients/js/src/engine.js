// Keeps a stream open: connects, reads, waits and comes back after the last id received, until it is closed.
//
// The engine knows nothing of who takes the items: it gives them to a sink, which is an iterator's buffer, an
// `EventSource`, or the tabs of an origin.

import { delay } from "./backoff.js";
import { knownIds } from "./known.js";
import { authorized, FOREVER, request } from "./request.js";
import { readStream } from "./stream.js";

/** @import { credential } from "./credential.js" */
/** @import { SubscriptionError } from "./error.js" */
/** @import { Closing, Item } from "./items.js" */
/** @import { Answer } from "./poll.js" */
/** @import { FailureReason, Outcome } from "./request.js" */
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

export class Engine {
  /** @type {State} */
  state = { name: "connecting" };
  /** The last id received: where the next attempt goes on. */
  lastEventId;
  /** The reconnection time of the stream, in milliseconds. */
  retry = 0;
  /** Until when bytes have to come, in milliseconds. */
  deadline = Infinity;
  /** The network is gone, or the page sleeps. */
  offline = false;

  /** Failed attempts in a row. */
  failures = 0;
  /** The number of the connection. */
  connection = 0;
  /** Whether an id was received on an earlier one. */
  repeats = knownIds();
  /** The server's heartbeat, in milliseconds. */
  heartbeat = 0;
  /** Bytes have come on this connection. */
  heard = false;
  /** Streams in a row that died young. */
  deaths = 0;

  /** The next attempt polls in place of reading a stream. */
  polling = false;
  /** @type {Answer | undefined} of the question whether the server speaks long poll */
  first;
  /** How often a stream was tried again. */
  tries = 0;

  // What is loaded while the first request is on its way, or only for some options.
  /** @type {typeof import("./doubt.js").doubt | undefined} */
  watch;
  /** @type {ReturnType<typeof credential> | undefined} */
  credential;
  /** @type {Tabs | undefined} */
  tabs;

  /** What only some options ask for has to be loaded. */
  #extras;
  /** Ends everything for good. */
  #end = new AbortController();
  /** When this connection was opened, as `performance.now` says. */
  #opened = 0;
  /** @type {Closing | undefined} the closing event of this stream */
  #closing;
  /** Ends the attempt, or the waiting. */
  #controller = new AbortController();

  /**
   * @param {string | URL} url
   * @param {Options} options
   * @param {Sink} sink
   * @throws {TypeError} when no request can be made of the address and the options
   */
  constructor(url, options, sink) {
    const { body, method = body == null ? "GET" : "POST", credentials, transport = "auto", signal } = options;
    const { lastEventId = "", store, share, refresh } = options;
    this.options = options;
    this.sink = sink;
    this.token = options.token;
    this.lastEventId = lastEventId;
    this.#extras = store || share || refresh;
    /** @type {RequestInit} */
    this.init = { method, body, credentials, cache: "no-store" };
    // What is wrong with them is said here and not after every attempt.
    this.url = new URL(new Request(url, { ...this.init, headers: authorized(this) }).url);
    /** Whether long poll may take the place of streams; a request with a body is not made twice. */
    this.auto = transport === "auto" && method === "GET";
    signal?.addEventListener("abort", () => this.close(), { signal: this.#end.signal });
    if (signal?.aborted) this.close();
    this.#run();
  }

  /** Drops the connection, or the waiting, and connects at once. */
  restart() {
    this.#controller.abort("restart");
  }

  /**
   * Ends it for good.
   * @param {"aborted" | "finished" | "exhausted"} [reason]
   * @param {SubscriptionError} [error] where it did not end well
   */
  close(reason = "aborted", error) {
    if (this.#end.signal.aborted) return;
    this.#end.abort();
    this.restart();
    this.become({ name: "closed", reason: error?.reason ?? reason, error });
  }

  /**
   * Everything up to here was handled: it is stored, if there is a store.
   * @param {string} id
   */
  save(id) {}

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
   * Takes an item from a connection.
   * @param {Item} item
   * @param {boolean} hasId whether its block had an id of its own
   * @param {boolean} [relayed] another tab has read it
   */
  take(item, hasId, relayed) {
    const { kind, id } = item;
    // A gap or the like is news on every connection.
    const repeatable = hasId && id && (kind === "event" || kind === "end");
    if (repeatable && this.options.dedupe !== false && this.repeats(id, this.connection)) return this.move(id);
    this.lastEventId = id;
    if (kind === "closing") this.#closing = item;
    if (kind === "expiring" && !relayed) this.credential?.renew(item.session);
    this.sink.item(item, hasId);
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
    if (state.name === "open") this.#opened = performance.now();
    // What it throws is the caller's, and no reason to stop.
    new Promise(() => this.options.onState?.(state));
    this.sink.state(state);
  }

  async #run() {
    // Whoever closes it right away, also behind an `await`, makes no request.
    await null;
    while (!this.#end.signal.aborted) {
      if (this.offline || this.tabs?.follows()) await this.#pause(FOREVER);
      else await this.#conclude(await this.#attempt());
    }
  }

  /** @returns {Promise<Outcome>} */
  async #attempt() {
    const controller = (this.#controller = new AbortController());
    const { signal } = controller;
    this.heard = false;
    this.#opened = NaN;
    if (this.watch) this.watch(this, signal);
    else import("./beside.js").then(({ attend }) => attend(this, signal, this.#end.signal)).catch(() => {});
    const polling = this.polling || this.options.transport === "poll";
    // A stream is next, unless this goes well.
    this.polling = false;
    try {
      if (this.#extras) {
        await (await import("./extras.js")).prepare(this);
        this.#extras = undefined;
        return { again: true };
      }
      await this.credential?.ended(this.#closing?.reason);
      this.#closing = undefined;
      signal.throwIfAborted();
      this.connection++;
      this.become({ name: "connecting" });
      if (polling) return await (await import("./poll.js")).poll(this, controller);
      const { response, ...outcome } = await request(this, "text/event-stream", controller);
      if (!response) return outcome;
      this.become({ name: "open", transport: "stream" });
      this.heartbeat = Number(response.headers.get("headwater-heartbeat")) * 1000;
      return await readStream(this, response, controller);
    } catch (error) {
      const failed = this.state.name === "open" ? "broken" : "unreachable";
      return { failed: signal.aborted ? signal.reason : failed, error };
    } finally {
      controller.abort();
    }
  }

  /**
   * Does what the end of an attempt asks for: waits, gets a new credential, or closes.
   * @param {Outcome} outcome
   */
  async #conclude(outcome) {
    const closing = this.#closing;
    const { retry = {} } = this.options;
    const { failed, again, status, floor, error } = (await this.credential?.refused(outcome)) ?? outcome;
    const restarted = this.#controller.signal.reason === "restart";
    const stable = performance.now() - this.#opened >= (retry.stable ?? 60_000);
    if (stable) this.failures = 0;
    if (this.#opened) this.deaths = stable || closing || restarted || again ? 0 : this.deaths + 1;
    if (this.#end.signal.aborted || restarted || again) return;
    if (!failed) return this.close("finished", /** @type {SubscriptionError | undefined} */ (error));
    const failures = ++this.failures;
    const reason = closing ? "closing" : failed;
    if (failures >= (retry.failures ?? Infinity)) {
      const error = import("./beside.js").then(({ exhausted }) => exhausted(failures, reason, status));
      return this.close("exhausted", await error.catch((error) => error));
    }
    const delayMs = delay(failures, retry, [this.retry, floor ?? 0, closing?.reconnectMs ?? 0]);
    // Whoever is told may end it.
    const pause = this.#pause(delayMs);
    this.become({ name: "waiting", reason, failures, delayMs, status, closing: closing?.reason, error });
    await pause;
  }

  /**
   * Waits for a time, or until it is ended.
   * @param {number} time in milliseconds
   */
  #pause(time) {
    const { signal } = (this.#controller = new AbortController());
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, time);
      signal.onabort = () => resolve(clearTimeout(timer));
    });
  }
}
