// One event stream on its way to one client, whatever carries it: what is sent when, and how it ends.

import { encode, HEARTBEAT } from "./encode.js";
import { settings } from "./options.js";
import { enter, isDraining, leave } from "./registry.js";
import { HandOver } from "./replay.js";
import { Reading } from "./source.js";
import { Timer } from "./timer.js";
import { Turns } from "./turns.js";

/**
 * What carries a stream's bytes. It calls `drained()` and `gone()` of the stream.
 * @typedef {object} Sink
 * @property {(text: string) => boolean} write sends at once; whether more may follow before `drained()`
 * @property {() => number} pending bytes the client has not taken
 * @property {() => void} end ends the response cleanly
 * @property {() => void} cut ends it without a proper end
 *
 * How a stream ended: `done` and `error` by its source, `closed` by the application, `client` by the client, `stalled` and `lagged`
 * because the client took nothing or too little, `max_age`, `drain`, `aborted` by the signal; `finished` when the client
 * came back after the end and was answered 204, `head` when it asked for the head only.
 * @typedef {{reason: string, error?: unknown}} End
 */

/** The id of the event that ends a stream for good. A client that comes back with it is answered 204, which stops it. */
export const FINISHED = "headwater.end";

const YES = Promise.resolve(true);
const NO = Promise.resolve(false);

/** A stream to one client. Made by `eventStream` and `eventResponse`. */
export class EventStream {
  /** The id after which the client wants to go on; `""` for none. @type {string} */
  lastEventId;
  /** Settles, and never fails, once the stream has ended. @type {Promise<End>} */
  closed;
  /** Settles once its bytes have left or were dropped. @type {Promise<void>} */
  flushed;

  /** @type {ReturnType<typeof settings>} */
  #options;
  /** @type {Sink | null} */
  #sink = null;
  /** @type {End | null} */
  #end = null;
  #abort = new AbortController();
  /** Settles when the client has taken what was sent; none while it keeps up. @type {Promise<boolean> | null} */
  #room = null;
  /** @type {(open: boolean) => void} */
  #settleRoom = () => {};
  /** @type {(end: End) => void} */
  #settleClosed = () => {};
  /** @type {() => void} */
  #settleFlushed = () => {};
  /** Sources being read. @type {Set<Reading>} */
  #readings = new Set();
  /** @type {HandOver | null} */
  #handOver = null;
  /** @type {Promise<void>} */
  #replayed = Promise.resolve();
  /** When the last byte was sent. */
  #quietSince = 0;
  /** What the last event that had a topic was about, for the end to name. */
  #topic = "";
  #beat = new Timer();
  #age = new Timer();
  #stall = new Timer();

  /**
   * @param {string} lastEventId
   * @param {ReturnType<typeof settings>} options
   */
  constructor(lastEventId, options) {
    this.lastEventId = lastEventId;
    this.#options = options;
    this.closed = new Promise((resolve) => (this.#settleClosed = resolve));
    this.flushed = new Promise((resolve) => (this.#settleFlushed = resolve));
  }

  /** Aborted when the stream ends, whatever the way: hand it to everything a source waits for. */
  get signal() {
    return this.#abort.signal;
  }

  /** Whether the stream has ended. */
  get ended() {
    return this.#end !== null;
  }

  /**
   * Sends an event, at once.
   * @param {import("./encode.js").Sendable} event
   * @returns {Promise<boolean>} true once the client keeps up, false when the stream has ended; it never fails. Whoever does not wait
   *   for it is bounded by `maxBuffer`
   * @throws {TypeError} at once, when the event cannot be written
   */
  send(event) {
    const frame = encode(event);
    if (this.ended) return NO;
    const { id, topic } = typeof event === "string" ? {} : event;
    this.#topic = topic ?? this.#topic;
    if (this.#handOver?.knows(id)) return this.#room ?? YES;
    if (!this.#handOver?.holding) return this.#write(frame);
    this.#handOver.hold(id, frame);
    if (this.#handOver.size > this.#options.maxBuffer) this.#conclude("lagged", { cut: true });
    return this.#replayed.then(() => this.#room ?? !this.ended);
  }

  /**
   * Sends all events of a source, each when the client has taken the one before, and then ends the stream for good. When the stream
   * ends first, `return()` is called on the source. What it throws goes to `onError`, and ends the stream for good as well.
   * @param {import("./source.js").Source | ((stream: EventStream) => import("./source.js").Source | Promise<import("./source.js").Source>)} source
   *   or a function that makes it; it is not called when the stream has ended already
   * @returns {Promise<void>} settles, and never fails, when the source is done or cleaned up
   */
  async from(source) {
    try {
      if (this.ended && typeof source === "function") return;
      await this.#read(typeof source === "function" ? await source(this) : source, (event) => this.send(event));
      this.finish();
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Ends the stream for good: a client that comes back is answered 204.
   * @param {"done" | "error" | "cancelled"} [reason]
   */
  finish(reason = "done") {
    if (this.#handOver?.holding) this.#replayed.then(() => this.#finish(reason));
    else this.#finish(reason);
  }

  /**
   * Ends the stream; its client comes back and goes on.
   * @param {string} [reason]
   */
  close(reason = "closed") {
    this.#close(reason);
  }

  /** Drops what the client has not taken. */
  cut() {
    this.#conclude("closed");
    this.#sink?.cut();
  }

  // Called by what carries it.

  /** @param {Sink} sink */
  open(sink) {
    this.#sink = sink;
    enter(this);
    const { retry, cursor, heartbeat, maxAge, signal, resume } = this.#options;
    this.#write(encode({ retry, id: cursor }));
    if (isDraining()) return this.#close("drain");
    if (signal?.aborted) return this.#close("aborted");
    signal?.addEventListener("abort", () => this.#close("aborted"), { signal: this.signal });
    // The first one comes early, so that streams which began together do not beat together.
    this.#quietSince -= (heartbeat * Math.random()) / 2;
    if (heartbeat > 0) this.#heartbeat();
    if (maxAge > 0) this.#age.set(maxAge, () => this.#close("max_age"));
    if (resume && this.lastEventId !== "") this.#replay(resume);
  }

  /**
   * The answer is complete without a stream.
   * @param {"finished" | "head"} reason
   */
  openEnded(reason) {
    this.#conclude(reason);
    this.#settleFlushed();
  }

  /** The client has taken what was sent. */
  drained() {
    this.#stall.clear();
    this.#room = null;
    this.#settleRoom(true);
  }

  /** The response is over: all is sent, or the client has left. */
  gone() {
    this.#conclude("client");
    this.#settleFlushed();
  }

  // Inside.

  /** @param {string} frame */
  #write(frame) {
    const sink = /** @type {Sink} */ (this.#sink);
    this.#quietSince = performance.now();
    if (!sink.write(frame) && !this.#room) {
      this.#room = new Promise((resolve) => (this.#settleRoom = resolve));
      const { stallTimeout } = this.#options;
      if (stallTimeout > 0) this.#stall.set(stallTimeout, () => this.#conclude("stalled", { cut: true }));
    }
    if (sink.pending() > this.#options.maxBuffer) this.#conclude("lagged", { cut: true });
    return this.ended ? NO : (this.#room ?? YES);
  }

  /**
   * @param {import("./source.js").Source} source
   * @param {(event: import("./encode.js").Sendable) => Promise<boolean>} send
   */
  async #read(source, send) {
    const reading = new Reading(source);
    if (this.ended) return reading.release();
    this.#readings.add(reading);
    const turns = new Turns();
    try {
      for (;;) {
        const { done, value } = await reading.next();
        if (done || this.ended || !(await send(value))) return;
        await turns.fair();
      }
    } finally {
      this.#readings.delete(reading);
      await reading.release();
    }
  }

  /** @param {NonNullable<import("./options.js").StreamOptions["resume"]>} resume */
  #replay(resume) {
    const handOver = new HandOver();
    this.#handOver = handOver;
    const replay = async () => {
      const source = await resume(this.lastEventId, this);
      if (!source) return;
      await this.#read(source, (event) => {
        const frame = encode(event);
        if (this.ended) return NO;
        handOver.replayed(typeof event === "string" ? undefined : event.id);
        return this.#write(frame);
      });
    };
    this.#replayed = replay().then(
      () => {
        for (const frame of handOver.release()) if (!this.ended) this.#write(frame);
      },
      (error) => this.#fail(error),
    );
  }

  /** @param {unknown} error */
  #fail(error) {
    // A source that waits with the stream's signal tells its end by that very error.
    if (this.ended && error instanceof Error && error.name === "AbortError") return;
    try {
      this.#options.onError(error, this);
    } catch (failure) {
      // Whoever reads has to be told of the end all the same.
      console.error(failure);
    }
    // Without what the client missed, it is better off coming back with its cursor.
    if (this.#handOver?.holding) this.#close("error", error);
    else this.#finish("error", error);
  }

  /**
   * @param {string} reason
   * @param {unknown} [error]
   */
  #finish(reason, error) {
    const data = { reason, topic: this.#topic };
    this.#conclude(reason, { farewell: { id: FINISHED, type: "headwater.end", data }, error });
  }

  /**
   * @param {string} reason
   * @param {unknown} [error]
   */
  #close(reason, error) {
    const { retry } = this.#options;
    const data = { reason, reconnect_ms: retry };
    this.#conclude(reason, { farewell: { retry, type: "headwater.closing", data }, error });
  }

  /**
   * The one way a stream ends; only the first call counts.
   * @param {string} reason
   * @param {{farewell?: import("./encode.js").OutgoingEvent, cut?: boolean, error?: unknown}} [how]
   */
  #conclude(reason, { farewell, cut = false, error } = {}) {
    if (this.#end) return;
    this.#end = error === undefined ? { reason } : { reason, error };
    for (const timer of [this.#beat, this.#age, this.#stall]) timer.clear();
    if (this.#sink) {
      leave(this, reason);
      if (cut) this.#sink.cut();
      else if (farewell) this.#say(farewell, this.#sink);
    }
    this.#settleRoom(false);
    this.#abort.abort();
    // Who reads it waits for the same, and is told when it fails.
    for (const reading of this.#readings) reading.release().catch(() => {});
    this.#settleClosed(this.#end);
  }

  /**
   * The last words. A client that does not take them is not waited for.
   * @param {import("./encode.js").OutgoingEvent} farewell
   * @param {Sink} sink
   */
  #say(farewell, sink) {
    sink.write(encode(farewell));
    sink.end();
    const { stallTimeout } = this.#options;
    if (stallTimeout > 0) this.#stall.set(stallTimeout, () => sink.cut());
    this.flushed.then(() => this.#stall.clear());
  }

  /** A comment after every silence, unless earlier bytes still wait for the client. */
  #heartbeat() {
    const { heartbeat } = this.#options;
    if (performance.now() - this.#quietSince >= heartbeat) {
      if (this.#room) this.#quietSince = performance.now();
      else this.#write(HEARTBEAT);
    }
    this.#beat.set(heartbeat - (performance.now() - this.#quietSince), () => this.#heartbeat());
  }
}

/**
 * The stream for a request, with its options checked.
 * @param {string} lastEventId
 * @param {import("./options.js").StreamOptions} options
 */
export function newStream(lastEventId, options) {
  const checked = settings(options);
  return { stream: new EventStream(lastEventId, checked), settings: checked };
}
