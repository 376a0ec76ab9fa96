// What native EventSource cannot tell: an event's topic, key and time, and the types nobody
// listens for. Fetched beside the stream with the hub's JSON read of the same cursor, in small
// batches, one at a time.

import { readAfter } from "./api.js";
import { atOrBefore, position } from "./format.js";

/** Most events asked for at once, and most records remembered. */
const BATCH = 500;
/** Least time between two reads. */
const SPACING_MS = 300;

/** Follows the log behind a feed. */
export class Records {
  /** Told of each record as it is known. @type {(record: import("./api.js").Recorded) => void} */
  onrecord = () => {};

  #topic = "";
  /** Everything up to here has been read. @type {string | null} */
  #cursor = null;
  /** The log is known to reach this far. @type {string | null} */
  #goal = null;
  /** @type {Map<string, import("./api.js").Recorded>} */
  #known = new Map();
  #busy = false;
  /** Counts subscriptions, so that an answer to an earlier one is dropped. */
  #turn = 0;

  /**
   * Forgets everything and follows another topic or pattern.
   * @param {string} topic
   */
  follow(topic) {
    this.#turn += 1;
    this.#topic = topic;
    this.#cursor = null;
    this.#goal = null;
    this.#known.clear();
  }

  /**
   * Says where to begin, unless already under way.
   * @param {string | null} cursor
   */
  begin(cursor) {
    if (this.#cursor === null && cursor) this.#cursor = cursor;
  }

  /**
   * Starts again from a later place: after a gap, or when reading everything would take too long.
   * @param {string | null} cursor
   */
  skipTo(cursor) {
    if (cursor) this.#cursor = cursor;
  }

  /**
   * Says that the log reaches at least `id`.
   * @param {string} id
   */
  reach(id) {
    if (!position(id) || (this.#goal && atOrBefore(id, this.#goal))) return;
    this.#goal = id;
    this.#read();
  }

  /** @param {string} id */
  get(id) {
    return this.#known.get(id);
  }

  async #read() {
    if (this.#busy || !this.#goal || !this.#cursor || atOrBefore(this.#goal, this.#cursor)) return;
    this.#busy = true;
    const turn = this.#turn;
    const before = this.#cursor;
    try {
      const page = await readAfter(this.#topic, this.#cursor, BATCH);
      if (turn === this.#turn && this.#cursor === before) this.#take(page);
    } catch {
      // The stream itself shows what is wrong; this is only a companion and tries again later.
    }
    setTimeout(() => {
      this.#busy = false;
      this.#read();
    }, SPACING_MS);
  }

  /** @param {{events: import("./api.js").Recorded[], cursor: string}} page */
  #take(page) {
    for (const record of page.events) {
      this.#known.set(record.id, record);
      this.onrecord(record);
    }
    for (const id of this.#known.keys()) {
      if (this.#known.size <= BATCH) break;
      this.#known.delete(id);
    }
    this.#cursor = page.cursor;
    // A short page ends at the log's end, whatever number the goal has.
    if (page.events.length < BATCH) this.#goal = this.#cursor;
  }
}
