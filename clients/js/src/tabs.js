// One stream for all tabs of an origin.
//
// The tab that holds a lock leads: it reads the stream and tells the others each item on a channel. Every tab keeps a cursor
// of its own, so whoever leads next goes on where it is itself, and the server replays the rest. What the leader tells is numbered: a
// tab that has missed something, or comes with a cursor of its own, asks the server once by long poll for what it lacks, and drops
// what it then gets twice. Where that is not possible it reads its own stream.

import { keyOf } from "./store.js";

/** @import { Engine, Sink } from "./engine.js" */
/** @import { Item } from "./items.js" */

/**
 * What a leader says. All of it tells where the leader is.
 * @typedef {{leader: string, n: number, id: string, state: any, item?: Item, hasId?: boolean, moved?: boolean}} Message
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
  if (!globalThis.navigator?.locks || !globalThis.BroadcastChannel || init.method !== "GET" || init.body != null) return;
  const { share, token, headers, credentials } = options;
  // A name stands for the credentials.
  const key = typeof share === "string" ? [share, keyOf(url)] : [url.href, credentials, token, ...new Headers(headers)];
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(key)));
  return new Tabs(engine, `headwater ${[...new Uint8Array(digest)].join("-")}`);
}

/** This tab among the others. */
export class Tabs {
  #engine;
  #name;
  #me = crypto.randomUUID();
  /** How many changes this tab has told as a leader. */
  #told = 0;
  #leading = false;
  /** It has left the others, and reads its own stream. */
  #alone = false;
  /** Who leads, and the number of its last change that came here. @type {string | undefined} */
  #leader;
  #n = 0;
  /** Questions in a row that no leader has answered. */
  #vain = 0;
  /** What came while it catches up. @type {Message[] | undefined} */
  #pending;
  /** @type {{end: AbortController, channel: BroadcastChannel, timer: ReturnType<typeof setInterval>} | undefined} */
  #member;
  /** @type {AbortController | undefined} of the request for the lock */
  #queued;

  /**
   * @param {Engine} engine
   * @param {string} name
   */
  constructor(engine, name) {
    this.#engine = engine;
    this.#name = name;
    const { sink } = engine;
    /** @type {Sink} */
    engine.sink = {
      item: (item, hasId) => {
        this.#tell({ item, hasId });
        sink.item(item, hasId);
      },
      cursor: (id) => {
        this.#tell({ moved: true });
        sink.cursor(id);
      },
      state: (state) => {
        if (state.name === "closed" || (state.name === "waiting" && state.reason === "offline")) this.#leave();
        else this.#tell({});
        sink.state?.(state);
      },
      room: () => sink.room?.(),
    };
  }

  /** @returns {boolean} whether another tab reads the stream */
  follows() {
    if (!this.#member && !this.#alone) this.#join();
    return !this.#leading && !this.#alone;
  }

  #join() {
    const channel = new BroadcastChannel(this.#name);
    channel.onmessage = ({ data }) => this.#hear(data);
    const timer = setInterval(() => this.#check(), CHECK * (1 + Math.random() / 3));
    this.#member = { end: new AbortController(), channel, timer };
    this.#queue();
    channel.postMessage("who leads?");
  }

  #leave() {
    const member = this.#member;
    this.#member = this.#leader = this.#pending = undefined;
    this.#leading = false;
    this.#queued?.abort();
    member?.end.abort();
    member?.channel.close();
    clearInterval(member?.timer);
  }

  /** @param {boolean} [steal] from a leader that is silent */
  async #queue(steal) {
    const member = this.#member;
    if (!member) return;
    this.#queued?.abort();
    const { signal } = (this.#queued = new AbortController());
    try {
      await navigator.locks.request(this.#name, steal ? { steal } : { signal }, () => {
        if (member !== this.#member) return;
        this.#leading = true;
        this.#pending = undefined;
        this.#tell({});
        this.#engine.restart();
        return new Promise((resolve) => member.end.signal.addEventListener("abort", resolve));
      });
    } catch {
      // Given up, or taken away.
      if (member !== this.#member || !this.#leading) return;
      this.#leading = false;
      this.#leader = undefined;
      this.#engine.restart();
      this.#queue();
      member.channel.postMessage("who leads?");
    }
  }

  /** A leader that is frozen keeps its lock: who does not answer leads no longer. */
  #check() {
    if (this.#leading) return;
    if (this.#vain++ < VAIN) return this.#member?.channel.postMessage("who leads?");
    this.#vain = 0;
    this.#queue(true);
  }

  /** @param {{item?: Item, hasId?: boolean, moved?: boolean}} change */
  #tell(change) {
    if (!this.#leading) return;
    if (change.item || change.moved) this.#told++;
    const { lastEventId: id, state } = this.#engine;
    this.#member?.channel.postMessage({ ...change, leader: this.#me, n: this.#told, id, state: { ...state, error: undefined } });
  }

  /** @param {Message | string} message */
  #hear(message) {
    if (typeof message === "string") return this.#tell({});
    this.#vain = 0;
    if (this.#leading) return;
    const engine = this.#engine;
    const next = message.item || message.moved ? this.#n + 1 : this.#n;
    const follows = message.leader === this.#leader && message.n === next;
    this.#leader = message.leader;
    this.#n = message.n;
    if (this.#pending) {
      if (follows && this.#pending.length < MOST) this.#pending.push(message);
      else this.#catchUp();
    } else if (follows) {
      if (message.item && engine.sink.room?.()) this.#catchUp();
      else this.#take(message);
    } else {
      this.#state(message);
      if (engine.lastEventId === message.id) return;
      const { searchParams } = engine.url;
      const anywhere = !engine.lastEventId && !searchParams.has("since") && !/last_?event_?id/i.test(`${searchParams}`);
      if (anywhere) engine.move(message.id);
      else this.#catchUp();
    }
  }

  /** @param {Message} message */
  #take(message) {
    const { item, hasId = false, moved, id } = message;
    this.#state(message);
    if (item) this.#engine.take(item, hasId, true);
    else if (moved) this.#engine.move(id);
  }

  /** @param {Message} message */
  #state({ state }) {
    if (this.#engine.state?.name !== state.name) this.#engine.become(state);
  }

  /** Asks the server for what this tab lacks, then takes what the leader told meanwhile. */
  async #catchUp() {
    const engine = this.#engine;
    const member = this.#member;
    /** @type {Message[]} */
    const pending = (this.#pending = []);
    // Another round has begun, or this tab leads or has left.
    const over = () => pending !== this.#pending;
    if (!engine.url.pathname.endsWith("/v1/events") || !member) return this.#separate();
    const { ask, deliver, LIMIT } = await import("./poll.js");
    for (;;) {
      await engine.sink.room?.();
      if (over()) return;
      engine.connection++;
      const answer = await ask(engine, member.end, 0);
      if (over()) return;
      if ("failed" in answer) {
        // As the leader is told, when it gets through again.
        await new Promise((resolve) => setTimeout(resolve, CHECK));
        continue;
      }
      if (!("events" in answer)) return this.#separate();
      deliver(engine, answer, member.end.signal);
      if (answer.events.length < LIMIT) break;
    }
    engine.connection++;
    if (over()) return;
    this.#pending = undefined;
    for (const message of pending) this.#take(message);
  }

  #separate() {
    this.#alone = true;
    this.#leave();
    this.#engine.restart();
  }
}
