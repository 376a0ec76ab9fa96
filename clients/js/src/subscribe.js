// A subscription as an asynchronous iterator.

import { Engine } from "./engine.js";

/** @import { Options, State } from "./engine.js" */
/** @import { Item } from "./items.js" */

/** Most items between the connection and the application when more are read: 683 may come at once, which makes 1,024. */
const MOST_ITEMS = 341;

/** Most of their text, in UTF-16 code units, beside the largest event. */
const MOST_TEXT = 2 ** 20;

/**
 * An open subscription. Iterate over it once: the next item is asked for when the last was handled. Leaving the loop closes
 * the subscription; it throws a `SubscriptionError` when the client has stopped for good with an error.
 *
 * `state` tells what it is doing, and why; `lastEventId` is the last event id received, where a reconnect goes on; `restart` drops
 * the connection, or the waiting, and connects at once; `close` ends it and the iteration, and drops what was not asked for yet.
 * @typedef {{readonly state: State, readonly lastEventId: string, restart: () => void, close: () => void,
 *   [Symbol.asyncIterator]: () => AsyncGenerator<Item, void, void>}} Subscription
 */

/**
 * Subscribes to an event stream: connects at once, and comes back after the last event received whenever the connection
 * ends, until it is closed.
 * @param {string | URL} url
 * @param {Options} [options]
 * @returns {Subscription}
 * @throws {TypeError} when no request can be made of the address and the options
 */
export function subscribe(url, options = {}) {
  /** @type {{item: Item, id: string}[]} each item with the cursor that counts when it has been handled */
  const buffer = [];
  let size = 0;
  /** @type {{id: string} | undefined} the one that is being handled */
  let current;
  // Wake the iteration, and let the engine read on.
  let wake = () => {};
  let read = () => {};
  const hasRoom = () => buffer.length <= MOST_ITEMS && size < MOST_TEXT;
  /** @param {any} item */
  const sizeOf = (item) => item.data?.length ?? 0;

  const engine = new Engine(url, options, {
    item: (item) => {
      size += sizeOf(item);
      buffer.push({ item, id: item.id });
      wake();
    },
    cursor: (id) => {
      const last = buffer.at(-1) ?? current;
      if (last) last.id = id;
      else engine.save(id);
    },
    state: () => wake(),
    room: () => (hasRoom() ? undefined : new Promise((resolve) => (read = resolve))),
  });

  async function* iterate() {
    try {
      for (;;) {
        const state = /** @type {any} */ (engine.state);
        const entry = state.reason === "aborted" ? undefined : buffer.shift();
        if (entry) {
          size -= sizeOf(entry.item);
          if (hasRoom()) read();
          current = entry;
          yield entry.item;
          current = undefined;
          engine.save(entry.id);
        } else if (state.name === "closed") {
          if (state.error) throw state.error;
          return;
        } else {
          await new Promise((resolve) => (wake = () => resolve(0)));
        }
      }
    } finally {
      engine.close();
    }
  }

  return {
    get state() {
      return /** @type {State} */ (engine.state);
    },
    get lastEventId() {
      return engine.lastEventId;
    },
    restart: () => engine.restart(),
    close: () => engine.close(),
    [Symbol.asyncIterator]: iterate,
  };
}
