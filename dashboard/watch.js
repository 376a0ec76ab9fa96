// The watch panel: what to read, the state of the stream, dropping and resuming it.

import { head, whyClosed } from "./api.js";
import { button, element, find, say } from "./dom.js";
import { EventList } from "./events.js";
import { CONTROL_TYPES, Feed } from "./feed.js";
import { atOrBefore, covers, cursorBefore, position } from "./format.js";
import { Records } from "./records.js";

/** Further behind than this, the companion read skips to what is on the page. */
const FAR_BEHIND = 2000n;

/** Middle of the wait before a refused stream is tried again; jittered, for the hub's sake. */
const RETRY_MS = 3000;

/** Wires form, feed, records and list together. */
export class Watch {
  #form = find("watch", HTMLFormElement);
  #topic = find("watch-topic", HTMLInputElement);
  #types = find("watch-types", HTMLInputElement);
  #since = find("watch-since", HTMLSelectElement);
  #chip = find("state", HTMLElement);
  #note = find("state-note", HTMLElement);
  #drop = find("drop", HTMLButtonElement);
  #unheard = find("unheard", HTMLElement);
  #feed = new Feed();
  #records = new Records();
  #list = new EventList((id) => this.#records.get(id));
  /** Types that passed without a listener, with how many. @type {Map<string, number>} */
  #missed = new Map();
  /** End of the log when the present connection was opened, once known. @type {string | null} */
  #headAtOpen = null;
  /** Ids received on the present connection, when it is not the first. @type {string[]} */
  #returned = [];
  #replayed = 0;
  #resumedAfter = "";

  /** Told when the list becomes empty or stops being so. @type {(empty: boolean) => void} */
  onempty = () => {};

  constructor() {
    this.#feed.onstate = () => this.#stateChanged();
    this.#feed.onevent = (event) => this.#received(event);
    this.#records.onrecord = (record) => this.#recorded(record);
    this.#list.onempty = () => this.onempty(this.#list.empty);
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    this.#types.addEventListener("change", () => typesOf(this.#types.value).forEach((type) => this.listen(type)));
    this.#drop.addEventListener("click", () => this.#toggle());
  }

  get topic() {
    return this.#feed.wish?.topic ?? "";
  }

  /**
   * Whether an event on `topic` would arrive here.
   * @param {string} topic
   */
  sees(topic) {
    return this.#feed.state !== "idle" && covers(this.topic, topic);
  }

  /**
   * Starts watching what the form says, or another topic.
   * @param {string} [topic]
   */
  start(topic) {
    if (topic !== undefined) this.#topic.value = topic;
    const wish = { topic: this.#topic.value.trim(), types: typesOf(this.#types.value), since: this.#since.value };
    if (!wish.topic) return;
    this.#missed.clear();
    this.#showMissed();
    this.#list.reset(wish.topic);
    this.#records.follow(wish.topic);
    this.#feed.watch(wish);
    remember(wish.topic, wish.types);
  }

  /**
   * Listens for one more event type.
   * @param {string} type
   */
  listen(type) {
    if (!type || type === "message") return;
    const types = typesOf(this.#types.value);
    if (!types.includes(type)) this.#types.value = [...types, type].join(", ");
    this.#feed.listen(type);
    this.#missed.delete(type);
    this.#showMissed();
    if (this.topic) remember(this.topic, typesOf(this.#types.value));
  }

  /**
   * Says how far the hub's log reaches.
   * @param {string} id
   */
  logReaches(id) {
    if (this.#feed.state === "open" && !document.hidden) this.#records.reach(id);
  }

  /** Fills the form from the page's address, so that a bookmark or reload watches the same. */
  recall() {
    const kept = new URLSearchParams(location.hash.slice(1));
    this.#topic.value = kept.get("topic") || "**";
    this.#types.value = kept.get("types") ?? "";
  }

  /** @param {import("./feed.js").Received} event */
  #received(event) {
    this.#list.add(event);
    if (event.type === "headwater.gap") this.#records.skipTo(event.id);
    this.#records.begin(cursorBefore(event.id));
    if (!CONTROL_TYPES.includes(event.type)) this.#records.reach(event.id);
    if (this.#feed.connections > 1 && !CONTROL_TYPES.includes(event.type)) this.#returned.push(event.id);
    this.#countReplayed();
    this.#showState();
  }

  /** @param {import("./api.js").Recorded} record */
  #recorded(record) {
    this.#list.annotate(record);
    if (this.#feed.hears(record.event) || record.event === "message" || CONTROL_TYPES.includes(record.event)) return;
    this.#missed.set(record.event, (this.#missed.get(record.event) ?? 0) + 1);
    this.#showMissed();
  }

  async #stateChanged() {
    this.#showState();
    if (this.#feed.state === "open") await this.#opened();
    if (this.#feed.state === "closed") await this.#closed();
  }

  /** EventSource is final about every status but 200; this page is not when it will pass. */
  async #closed() {
    const { why, passing } = await whyClosed(this.#feed.url);
    if (this.#feed.state !== "closed") return;
    say(this.#note, passing ? `${why} Trying again.` : why);
    if (!passing) return;
    const url = this.#feed.url;
    setTimeout(() => {
      if (this.#feed.url === url && this.#feed.state === "closed") this.#feed.resume();
    }, RETRY_MS * (0.5 + Math.random()));
  }

  async #opened() {
    const connection = this.#feed.connections;
    this.#replayed = 0;
    this.#returned = [];
    this.#headAtOpen = null;
    this.#resumedAfter = this.#feed.cursor ?? "";
    const end = await head(this.topic).catch(() => null);
    if (connection !== this.#feed.connections || end === null) return;
    this.#headAtOpen = end;
    const goal = position(end);
    const from = position(this.#feed.cursor ?? end);
    if (connection === 1 && this.#feed.cursor === null) {
      // Nothing received yet: this is where a resume, and the companion read, would begin.
      this.#feed.cursor = end;
      this.#records.begin(end);
    } else if (goal && from && goal.seq - from.seq > FAR_BEHIND) {
      this.#records.skipTo(end);
    }
    if (connection > 1) this.#list.markReplayed(connection, end);
    this.#countReplayed();
    this.#showState();
  }

  /** Counts what was received on this connection but stored before it was opened. */
  #countReplayed() {
    if (this.#headAtOpen === null) return;
    this.#replayed += this.#returned.filter((id) => atOrBefore(id, this.#headAtOpen)).length;
    this.#returned = [];
  }

  #toggle() {
    if (this.#feed.state === "idle" || this.#feed.state === "closed") this.#feed.resume();
    else this.#feed.close();
  }

  #showState() {
    const { state, cursor, connections } = this.#feed;
    this.#chip.dataset.state = state;
    say(this.#chip, STATES[state]);
    const stopped = state === "idle" || state === "closed";
    this.#drop.disabled = !this.#feed.wish;
    say(this.#drop, stopped && cursor ? `Resume after ${cursor}` : stopped ? "Connect" : "Disconnect");
    if (state === "closed") return say(this.#note, "Asking the hub why …");
    say(this.#note, this.#sentence(state, cursor, connections));
  }

  /**
   * @param {import("./feed.js").State} state
   * @param {string | null} cursor
   * @param {number} connections
   */
  #sentence(state, cursor, connections) {
    if (state === "idle") {
      return cursor ? "Events published now are kept by the hub. Resume to get them." : "";
    }
    if (state === "connecting") return `GET ${this.#feed.url}`;
    if (state === "waiting") {
      return `The connection is gone. The browser tries again by itself${cursor ? ` and will ask for what follows ${cursor}` : ""}.`;
    }
    if (connections < 2) return "Connected.";
    const after = this.#resumedAfter ? ` after ${this.#resumedAfter}` : "";
    const events = this.#replayed === 1 ? "1 event" : `${this.#replayed} events`;
    return `Connection ${connections}: resumed${after}, ${events} replayed.`;
  }

  #showMissed() {
    this.#unheard.hidden = this.#missed.size === 0;
    this.#unheard.replaceChildren(
      element("span", {}, "Passing by without a listener:"),
      ...[...this.#missed].map(([type, n]) => button(`Listen for ${type} (${n} missed)`, () => this.listen(type))),
    );
  }
}

/** @type {Record<import("./feed.js").State, string>} */
const STATES = {
  idle: "Disconnected",
  connecting: "Connecting",
  open: "Open",
  waiting: "Waiting to reconnect",
  closed: "Closed",
};

/** @param {string} text */
function typesOf(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}

/**
 * @param {string} topic
 * @param {string[]} types
 */
function remember(topic, types) {
  const kept = new URLSearchParams({ topic });
  if (types.length > 0) kept.set("types", types.join(","));
  history.replaceState(null, "", `#${kept}`);
}
