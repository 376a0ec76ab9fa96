// One subscription over the browser's own EventSource, with its state made visible. Knows nothing
// of the page.

/**
 * @typedef {"idle" | "connecting" | "open" | "waiting" | "closed"} State
 *
 * @typedef {object} Received
 * @property {string} id
 * @property {string} type
 * @property {string} data
 * @property {Date} at when the page got it
 * @property {number} connection which connection of the page brought it, from 1
 *
 * @typedef {object} Wish
 * @property {string} topic
 * @property {string[]} types event types to listen for besides `message` and the hub's own
 * @property {string} since where to start without a cursor
 */

/** Control events: EventSource hands them over only because somebody listens. */
export const CONTROL_TYPES = ["headwater.gap", "headwater.closing", "headwater.expiring", "headwater.end"];

/** Watches one topic or pattern at a time. */
export class Feed {
  /** Told of every change of `state`. */
  onstate = () => {};
  /** Told of every event. @type {(event: Received) => void} */
  onevent = () => {};

  /** @type {State} */
  state = "idle";
  /** How many connections this feed has opened since it was asked to watch. */
  connections = 0;
  /** Id of the newest event received, where a new EventSource would resume. @type {string | null} */
  cursor = null;

  /** @type {EventSource | null} */
  #source = null;
  /** @type {Wish | null} */
  #wish = null;
  #listening = new Set();

  get wish() {
    return this.#wish;
  }

  /** Address of the current subscription. */
  get url() {
    const query = new URLSearchParams({ topic: this.#wish?.topic ?? "" });
    if (this.cursor) query.set("last_event_id", this.cursor);
    else if (this.#wish) query.set("since", this.#wish.since);
    return `/v1/events?${query}`;
  }

  /**
   * Watches something new, from its own start.
   * @param {Wish} wish
   */
  watch(wish) {
    this.close();
    this.#wish = { ...wish, types: [...wish.types] };
    this.cursor = null;
    this.connections = 0;
    this.#connect();
  }

  /** Opens a new EventSource after the newest event received. */
  resume() {
    if (this.#wish && (this.state === "idle" || this.state === "closed")) this.#connect();
  }

  /** Ends the subscription. `resume` continues it. */
  close() {
    this.#source?.close();
    this.#source = null;
    this.#become("idle");
  }

  /**
   * Listens for one more type, without a new connection.
   * @param {string} type
   */
  listen(type) {
    if (!this.#wish || this.#listening.has(type)) return;
    if (!this.#wish.types.includes(type)) this.#wish.types.push(type);
    this.#attach(type);
  }

  /** @param {string} type */
  hears(type) {
    return this.#listening.has(type);
  }

  #connect() {
    // A new object sends no Last-Event-ID on its first request, so the address carries the cursor.
    // When the browser reconnects by itself it sends the header, which wins.
    const source = new EventSource(this.url);
    this.#source = source;
    this.#listening = new Set();
    this.#become("connecting");
    source.onopen = () => {
      this.connections += 1;
      this.#become("open");
    };
    source.onerror = () => this.#become(source.readyState === EventSource.CLOSED ? "closed" : "waiting");
    for (const type of ["message", ...CONTROL_TYPES, ...(this.#wish?.types ?? [])]) this.#attach(type);
  }

  /** @param {string} type */
  #attach(type) {
    if (!this.#source || this.#listening.has(type)) return;
    this.#listening.add(type);
    this.#source.addEventListener(type, (/** @type {MessageEvent} */ event) => {
      // `error` and `open` as types would catch EventSource's own events, which carry no data.
      if (typeof event.data !== "string") return;
      if (event.lastEventId) this.cursor = event.lastEventId;
      this.onevent({ id: event.lastEventId, type, data: event.data, at: new Date(), connection: this.connections });
    });
  }

  /** @param {State} state */
  #become(state) {
    this.state = state;
    this.onstate();
  }
}
