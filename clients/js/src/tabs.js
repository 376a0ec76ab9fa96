// One stream for all tabs of an origin.
//
// The tab that holds a lock leads: it reads the stream and tells the others each item on a channel. Every tab keeps a cursor
// of its own, so whoever leads next goes on where it is itself, and the server replays the rest. What the leader tells is a chain: a
// tab that has missed something, or comes with a cursor of its own, asks the server once by long poll for what it lacks, and drops
// what it then gets twice. Where that is not possible it reads its own stream.

import { keyOf } from "./store.js";

/** @import { Engine } from "./engine.js" */
/** @import { Item } from "./items.js" */

/**
 * What a leader says: perhaps an item, and always where the leader is. The names of links tell whether one message follows the other.
 * @typedef {{from: string, to: string, id: string, state: any, item?: Item, hasId?: boolean}} Message
 */

/** How often a tab asks whether the leader is there, in milliseconds, and how often in vain. */
const CHECK = 3000;
const VAIN = 3;

/** Most messages that wait while a tab catches up. */
const MOST = 1000;

/**
 * @param {Engine} engine
 * @returns {Promise<Tabs | undefined>} nothing where the browser lacks what it takes, or a request is not a mere GET
 */
export async function join(engine) {
  const { init, options, url } = engine;
  if (!globalThis.navigator?.locks || !globalThis.BroadcastChannel || init.method !== "GET") return;
  const { share, token, headers, credentials } = options;
  // A name stands for the credentials.
  const key = typeof share === "string" ? [share, keyOf(url)] : [url.href, credentials, token, ...new Headers(headers)];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(key)));
  return new Tabs(engine, `headwater ${new Uint8Array(digest)}`);
}

/** This tab among the others. */
export class Tabs {
  /** What came while this tab catches up. @type {Message[] | undefined} */
  pending;

  #engine;
  #name;
  #leading = false;
  /** It has left the others, and reads its own stream. */
  #alone = false;
  /** The link after which the leader's next message follows. */
  #link = "";
  /** Questions in a row that no leader has answered. */
  #vain = 0;
  /** @type {BroadcastChannel | undefined} to the others, while it is one of them */
  #channel;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** Gives up the lock, or the request for it. */
  #lock = new AbortController();

  /**
   * @param {Engine} engine
   * @param {string} name
   */
  constructor(engine, name) {
    this.#engine = engine;
    this.#name = name;
    const { sink } = engine;
    engine.sink = {
      ...sink,
      item: (item, hasId) => {
        this.#tell(true, item, hasId);
        sink.item(item, hasId);
      },
      cursor: (id) => {
        this.#tell(true);
        sink.cursor(id);
      },
      state: (state) => {
        if (state.name === "closed" || (state.name === "waiting" && state.reason === "offline")) this.#leave();
        else this.#tell(false);
        sink.state(state);
      },
    };
  }

  /** @returns {boolean} whether another tab reads the stream */
  follows() {
    if (!this.#channel && !this.#alone) this.#join();
    if (this.pending) this.#engine.polling = true;
    return !this.#leading && !this.#alone && !this.pending;
  }

  /** This tab has caught up: takes what the leader told meanwhile. */
  goOn() {
    const { pending = [] } = this;
    this.pending = undefined;
    this.#engine.connection++;
    for (const message of pending) this.#take(message);
  }

  /** Leaves the others for good. */
  separate() {
    this.#alone = true;
    this.#leave();
    this.#engine.restart();
  }

  #join() {
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#timer = setInterval(() => this.#check(), CHECK * (1 + Math.random() / 3));
    this.#queue();
  }

  #leave() {
    clearInterval(this.#timer);
    this.#lock.abort();
    this.#channel?.close();
    this.#channel = this.pending = undefined;
    this.#leading = false;
  }

  #ask() {
    this.#channel?.postMessage("who leads?");
  }

  /** @param {boolean} [steal] from a leader that is silent */
  async #queue(steal) {
    this.#lock.abort();
    const { signal } = (this.#lock = new AbortController());
    this.#ask();
    try {
      await navigator.locks.request(this.#name, steal ? { steal } : { signal }, () => {
        if (signal.aborted) return;
        this.#leading = true;
        this.pending = undefined;
        this.#tell(true);
        this.#engine.restart();
        return new Promise((resolve) => (signal.onabort = resolve));
      });
    } catch {
      // Given up, or taken away.
      if (signal.aborted || !this.#leading) return;
      this.#leading = false;
      this.#link = "";
      this.#engine.restart();
      this.#queue();
    }
  }

  /** A leader that is frozen keeps its lock: who does not answer leads no longer. */
  #check() {
    if (this.#leading) return;
    if (this.#vain++ < VAIN) return this.#ask();
    this.#vain = 0;
    this.#queue(true);
  }

  /**
   * @param {boolean} change of the cursor
   * @param {Item} [item]
   * @param {boolean} [hasId]
   */
  #tell(change, item, hasId) {
    if (!this.#leading) return;
    const from = this.#link;
    if (change) this.#link = crypto.randomUUID();
    const { lastEventId: id, state } = this.#engine;
    this.#channel?.postMessage({ item, hasId, from, to: this.#link, id, state: { ...state, error: undefined } });
  }

  /** @param {Message | string} message */
  #hear(message) {
    if (typeof message === "string") return this.#tell(false);
    this.#vain = 0;
    if (this.#leading) return;
    const engine = this.#engine;
    const { lastEventId, url } = engine;
    const { item, from, to, id } = message;
    const follows = from === this.#link;
    this.#link = to;
    const anywhere = !lastEventId && !/[?&](since|last_?event_?id)=/i.test(url.search);
    if (this.pending) {
      if (follows && this.pending.length < MOST) return this.pending.push(message);
    } else if (follows ? !item || !engine.sink.room?.() : lastEventId === id || anywhere) {
      return this.#take(follows ? message : { ...message, item: undefined });
    }
    // It asks the server for what it lacks.
    if (!url.pathname.endsWith("/v1/events")) return this.separate();
    this.pending = [];
    engine.restart();
  }

  /** @param {Message} message */
  #take({ item, hasId = false, id, state }) {
    const engine = this.#engine;
    if (engine.state.name !== state.name) engine.become(state);
    if (item) engine.take(item, hasId, true);
    else engine.move(id);
  }
}
