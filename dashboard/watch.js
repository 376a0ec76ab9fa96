// The watch panel: what to read, the state of the stream, dropping and resuming it.

import { head } from "./api.js";
import { credential } from "./credential.js";
import { find, say } from "./dom.js";
import { EventList } from "./events.js";
import { Feed } from "./feed.js";
import { atOrBefore, covers, span } from "./format.js";

/** Wires form, feed and list together. */
export class Watch {
  #form = find("watch", HTMLFormElement);
  #topic = find("watch-topic", HTMLInputElement);
  #since = find("watch-since", HTMLSelectElement);
  #chip = find("state", HTMLElement);
  #note = find("state-note", HTMLElement);
  #drop = find("drop", HTMLButtonElement);
  #feed = new Feed();
  #list = new EventList();
  #router;
  /** End of the log when the present connection was opened, once known. @type {string | null} */
  #headAtOpen = null;
  /** Ids received on the present connection, when it is not the first. @type {string[]} */
  #returned = [];
  #replayed = 0;
  #resumedAfter = "";

  /** @param {import("./router.js").Router} router */
  constructor(router) {
    this.#router = router;
    this.#feed.onstate = () => this.#stateChanged();
    this.#feed.onevent = (event) => this.#received(event);
    this.#list.onempty = () => {
      find("empty", HTMLElement).hidden = !this.#list.empty;
      find("heads", HTMLElement).hidden = this.#list.empty;
    };
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.start();
    });
    this.#drop.addEventListener("click", () => this.#toggle());
    credential.listeners.add(() => {
      if (this.#feed.state === "closed") this.#feed.resume();
    });
  }

  /** What is watched. */
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
   * Shows what the address asks for. What is watched goes on while other views are shown.
   * @param {URLSearchParams} query
   */
  show(query) {
    const topic = query.get("topic") || this.topic || "**";
    if (topic !== this.topic) this.start(topic);
    else this.#keep();
  }

  /**
   * Starts watching what the form says, or another topic.
   * @param {string} [topic]
   */
  start(topic) {
    if (topic !== undefined) this.#topic.value = topic;
    const wish = { topic: this.#topic.value, since: this.#since.value };
    if (!wish.topic) return;
    this.#list.reset();
    this.#feed.watch(wish);
    this.#keep();
  }

  #keep() {
    this.#router.keep("events", { topic: this.topic });
  }

  /** @param {import("./feed.js").Received} event */
  #received(event) {
    this.#list.add(event);
    if (this.#feed.connections > 1 && event.kind === "event") this.#returned.push(event.id);
    this.#countReplayed();
    this.#showState();
  }

  async #stateChanged() {
    this.#showState();
    if (this.#feed.state === "open") await this.#opened();
    if (this.#feed.state === "closed") this.#closed();
  }

  #closed() {
    if (this.#feed.detail.reason === "finished") {
      return say(this.#note, "Finished: the topic watched has ended, and nothing follows.");
    }
    const { refusal } = this.#feed;
    const why = refusal && [refusal.title, refusal.detail, refusal.remedy].filter(Boolean).join(": ");
    say(this.#note, why ?? "The hub has closed the stream.");
  }

  async #opened() {
    const connection = this.#feed.connections;
    this.#replayed = 0;
    this.#returned = [];
    this.#headAtOpen = null;
    this.#resumedAfter = this.#feed.cursor;
    const end = await head(this.topic).catch(() => null);
    if (connection !== this.#feed.connections || end === null) return;
    this.#headAtOpen = end;
    // Nothing received yet: this is where a resume would begin.
    if (!this.#feed.cursor) this.#feed.cursor = end;
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
    const { state, cursor } = this.#feed;
    this.#chip.dataset.state = state;
    say(this.#chip, STATES[state]);
    const stopped = state === "idle" || state === "closed";
    this.#drop.disabled = !this.#feed.wish;
    say(this.#drop, stopped && cursor ? `Resume after ${cursor}` : stopped ? "Connect" : "Disconnect");
    if (state !== "closed") say(this.#note, this.#sentence());
  }

  #sentence() {
    const { state, cursor, connections, detail } = this.#feed;
    if (state === "idle") return cursor ? "Events published now are kept by the hub. Resume to get them." : "";
    if (state === "connecting") return "Connecting.";
    if (state === "waiting") {
      const soon = detail.delayMs === undefined ? "" : ` in ${span(detail.delayMs / 1000)}`;
      return `The connection is gone (${detail.closing ?? detail.reason}). The page tries again${soon}${cursor ? `, and asks for what follows ${cursor}` : ""}.`;
    }
    if (connections < 2) return "Connected.";
    const after = this.#resumedAfter ? ` after ${this.#resumedAfter}` : "";
    const events = this.#replayed === 1 ? "1 event" : `${this.#replayed} events`;
    return `Connection ${connections}: resumed${after}, ${events} replayed.`;
  }
}

/** @type {Record<import("./feed.js").Name, string>} */
const STATES = {
  idle: "Disconnected",
  connecting: "Connecting",
  open: "Open",
  waiting: "Waiting to reconnect",
  closed: "Closed",
};
