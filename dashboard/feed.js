// The stream that somebody watches, with its state made visible. Knows nothing of the page.

import { follow } from "./stream.js";

/**
 * @typedef {"idle" | "connecting" | "open" | "waiting" | "closed"} Name
 *
 * @typedef {object} Received
 * @property {string} kind `event`, `gap`, `closing`, `expiring` or `end`
 * @property {string} id
 * @property {string} type
 * @property {string} data
 * @property {string} topic
 * @property {any} item as the client gave it
 * @property {Date} at when the page got it
 * @property {number} connection which connection of the page brought it, from 1
 *
 * @typedef {object} Wish
 * @property {string} topic
 * @property {string} since where to start without a cursor
 */

/** Watches one topic or pattern at a time. */
export class Feed {
  /** Told of every change of `state`. */
  onstate = () => {};
  /** Told of every item. @type {(received: Received) => void} */
  onevent = () => {};

  /** @type {Name} */
  state = "idle";
  /** What the client says of its state. @type {import("./stream.js").State} */
  detail = { name: "closed" };
  /** What the hub refused last. @type {import("./api.js").Refusal | null} */
  refusal = null;
  /** How many connections were opened for this wish. */
  connections = 0;

  /** @type {ReturnType<typeof follow> | null} */
  #stream = null;
  /** @type {Wish | null} */
  #wish = null;
  #cursor = "";

  get wish() {
    return this.#wish;
  }

  /** Id of the newest event received, where the next connection goes on. */
  get cursor() {
    return this.#stream?.lastEventId || this.#cursor;
  }

  /** @param {string} id where a resume would begin although nothing was received yet */
  set cursor(id) {
    this.#cursor = id;
  }

  /** Address of the current subscription, without its cursor. */
  get url() {
    const { topic = "", since = "latest" } = this.#wish ?? {};
    return `/v1/events?${new URLSearchParams({ topic, since })}`;
  }

  /**
   * Watches something new, from its own start.
   * @param {Wish} wish
   */
  watch(wish) {
    this.close();
    this.#wish = { ...wish };
    this.#cursor = "";
    this.connections = 0;
    this.#connect();
  }

  /** Goes on after the newest event received. */
  resume() {
    if (this.#wish && (this.state === "idle" || this.state === "closed")) this.#connect();
  }

  /** Ends the subscription. `resume` continues it. */
  close() {
    this.#cursor = this.cursor;
    this.#stream?.close();
    this.#stream = null;
    this.#become({ name: "idle" });
  }

  #connect() {
    this.#become({ name: "connecting" });
    this.#stream = follow(this.url, {
      lastEventId: this.#cursor || undefined,
      onitem: (item) => this.#take(item),
      onstate: (state, refusal) => {
        this.refusal = refusal;
        if (state.name === "open") this.connections += 1;
        this.#become(state);
      },
    });
  }

  /** @param {any} item */
  #take(item) {
    this.onevent(received(item, this.connections));
    // Nothing follows the end of the one topic watched: the hub would answer the next request with 204.
    if (item.kind !== "end" || item.topic !== this.#wish?.topic) return;
    this.#cursor = this.cursor;
    this.#stream?.close();
    this.#stream = null;
    this.#become({ name: "closed", reason: "finished" });
  }

  /** @param {import("./stream.js").State} state */
  #become(state) {
    this.detail = state;
    this.state = /** @type {Name} */ (state.name);
    this.onstate();
  }
}

/**
 * @param {any} item
 * @param {number} connection
 * @returns {Received}
 */
function received(item, connection) {
  const { kind, id = "", type = `headwater.${kind}`, data = "", topic = "" } = item;
  return { kind, id, type, data, topic, item, at: new Date(), connection };
}
