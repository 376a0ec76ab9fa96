// A subscription as an asynchronous iterator.

import { Engine } from "./engine.js";

/** @import { Options, Sink, State } from "./engine.js" */
/** @import { Item } from "./items.js" */

/** Most items between the connection and the application, and the most that may come at once. */
const MOST_ITEMS = 1024;
const AT_ONCE = 683;

/** Most of their text, in UTF-16 code units, beside the largest event. */
const MOST_TEXT = 1024 * 1024;

/**
 * An item, and the cursor that counts when it has been handled.
 * @typedef {{item: Item, id: string, size: number}} Entry
 */

/**
 * An open subscription. Iterate over it once: the next item is asked for when the last was handled.
 * @implements {AsyncIterable<Item>}
 */
export class Subscription {
  /** @type {Entry[]} */
  #buffer = [];
  /** Text in the buffer. */
  #size = 0;
  /** @type {Entry | undefined} the one that is being handled */
  #current;
  /** @type {(() => void) | undefined} wakes the iteration */
  #wake;
  /** @type {(() => void) | undefined} lets the engine read on */
  #read;
  #engine;

  /**
   * @param {string | URL} url
   * @param {Options} options
   */
  constructor(url, options) {
    /** @type {Sink} */
    const sink = {
      item: (item) => {
        const size = item.kind === "event" ? item.data.length : 0;
        this.#size += size;
        this.#buffer.push({ item, id: item.id, size });
        this.#wake?.();
      },
      cursor: (id) => {
        const last = this.#buffer.at(-1) ?? this.#current;
        if (last) last.id = id;
        else this.#engine.handled(id);
      },
      state: ({ name }) => {
        if (name === "closed") this.#wake?.();
      },
      room: () => {
        if (this.#hasRoom()) return;
        return new Promise((resolve) => (this.#read = resolve));
      },
    };
    this.#engine = new Engine(url, options, sink);
    this.#engine.start();
  }

  /** What it is doing, and why. */
  get state() {
    return /** @type {State} */ (this.#engine.state);
  }

  /** The last event id received: where a reconnect goes on. */
  get lastEventId() {
    return this.#engine.lastEventId;
  }

  /** Drops the connection, or the waiting, and connects at once. */
  restart() {
    this.#engine.restart();
  }

  /** Ends it. The iteration ends too; what was not asked for yet is dropped. */
  close() {
    this.#engine.close();
  }

  /**
   * The items. Leaving the loop closes the subscription.
   * @returns {AsyncGenerator<Item, void, void>}
   * @throws {import("./error.js").SubscriptionError} when the client has stopped for good with an error
   */
  async *[Symbol.asyncIterator]() {
    try {
      for (;;) {
        const { state } = this;
        const aborted = state.name === "closed" && state.reason === "aborted";
        const entry = aborted ? undefined : this.#buffer.shift();
        if (entry) {
          this.#size -= entry.size;
          if (this.#hasRoom()) this.#read?.();
          this.#current = entry;
          yield entry.item;
          this.#current = undefined;
          this.#engine.handled(entry.id);
        } else if (state.name === "closed") {
          if (state.error) throw state.error;
          return;
        } else {
          await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
        }
      }
    } finally {
      this.close();
    }
  }

  #hasRoom() {
    return this.#buffer.length <= MOST_ITEMS - AT_ONCE && this.#size < MOST_TEXT;
  }
}

/**
 * Subscribes to an event stream: connects at once, and comes back after the last event received whenever the connection
 * ends, until it is closed.
 * @param {string | URL} url
 * @param {Options} [options]
 * @throws {TypeError} when no request can be made of the address and the options
 */
export function subscribe(url, options = {}) {
  return new Subscription(url, options);
}
