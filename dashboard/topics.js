// The view of topics: a search by the beginning of their names, and what there is of each.

import * as api from "./api.js";
import { button, element, facts, find, say, whileSeen } from "./dom.js";
import { ago, bytes, count, many, visibleName } from "./format.js";
import { More } from "./more.js";
import { complain } from "./problem.js";
import { address } from "./router.js";
import { Table } from "./table.js";

const EVERY_MS = 4000;
/** Topics that one more request brings. */
const PAGE = 100;

/** The list of topics, and one of them in detail. */
export class Topics {
  #prefix = find("topic-prefix", HTMLInputElement);
  #note = find("topics-note", HTMLElement);
  #more = new More("topics-more", PAGE, () => this.#refresh());
  #detail = find("topic-detail", HTMLElement);
  #router;
  #live;
  #chosen = "";
  #visible = false;
  #refresh;
  #table = new Table(find("topics-table", HTMLElement), {
    label: "Topics",
    key: (/** @type {api.Topic} */ row) => row.topic,
    empty: "No topics yet.",
    columns: [
      { title: "Topic", cell: (row) => this.#link(row.topic), sort: (row) => row.topic },
      { title: "Events", figure: true, cell: (row) => count(row.events), sort: (row) => row.events },
      { title: "Per second", figure: true, cell: (row) => (row.rate > 0 ? count(row.rate) : "–"), sort: (row) => row.rate },
      { title: "Size", figure: true, minor: true, cell: (row) => bytes(row.bytes), sort: (row) => row.bytes },
      { title: "Sessions", figure: true, cell: (row) => count(row.sessions), sort: (row) => row.sessions },
      { title: "Newest", cell: (row) => ago(row.last_time), sort: (row) => row.last_time ?? "" },
      { title: "State", cell: (row) => (row.finished ? `finished: ${row.finished}` : "open"), sort: (row) => row.finished ?? "" },
    ],
  });

  /**
   * @param {import("./router.js").Router} router
   * @param {import("./live.js").Live} live
   */
  constructor(router, live) {
    this.#router = router;
    this.#live = live;
    this.#refresh = whileSeen(EVERY_MS, () => this.#visible, () => this.#load());
    find("topic-search", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
    this.#prefix.addEventListener("input", () => {
      this.#more.reset();
      router.keep("topics", { prefix: this.#prefix.value, topic: this.#chosen });
      this.#refresh();
    });
  }

  /** @param {URLSearchParams | null} query null when another view is shown */
  show(query) {
    this.#visible = query !== null;
    if (!query) return;
    this.#prefix.value = query.get("prefix") ?? "";
    this.#chosen = query.get("topic") ?? "";
    this.#refresh();
  }

  async #load() {
    const prefix = this.#prefix.value;
    try {
      const { topics, next } = await api.topics({ prefix, limit: this.#more.limit });
      this.#table.empty = prefix ? `No topic begins with “${visibleName(prefix)}”.` : "No topics yet. Publish an event, and its topic is here.";
      this.#table.update(topics);
      this.#more.update(next);
      say(this.#note, this.#sum(topics.length, prefix, next !== null));
      await this.#describe();
    } catch (error) {
      this.#table.known = false;
      complain(this.#note, error);
    }
    // Typed on while the answer was on its way.
    if (prefix !== this.#prefix.value) queueMicrotask(() => this.#refresh());
  }

  /**
   * @param {number} shown
   * @param {string} prefix
   * @param {boolean} more whether there are others
   */
  #sum(shown, prefix, more) {
    const begin = prefix ? ` that ${shown === 1 ? "begins" : "begin"} with ${visibleName(prefix)}` : "";
    if (!more) return `${many(shown, "topic")}${begin}.`;
    // The hub counts all of them, but not those that begin with something.
    const all = prefix || !this.#live.stats ? `More than ${many(shown, "topic")}${begin}` : many(this.#live.stats.topics, "topic");
    return `${all}; the first ${count(shown)} by name are shown, and a column sorts these.`;
  }

  /** @param {string} topic */
  #link(topic) {
    const query = { topic, ...(this.#prefix.value ? { prefix: this.#prefix.value } : {}) };
    return element("a", { href: address("topics", query) }, visibleName(topic));
  }

  /** Shows the chosen topic beside the list. */
  async #describe() {
    const name = this.#chosen;
    this.#detail.hidden = !name;
    if (!name) return;
    const topic = await api.topic(name).catch((error) => (error instanceof api.Refusal && error.status === 404 ? null : Promise.reject(error)));
    const members = topic?.presence ? await api.presence(name) : null;
    if (name !== this.#chosen) return;
    const links = element(
      "p",
      { class: "actions" },
      element("a", { href: address("events", { topic: name }) }, "Watch its events"),
      element("a", { href: address("sessions", { topic: name }) }, "Sessions that read it"),
      button("Close", () => this.#choose("")),
    );
    const list = element("dl", { class: "facts" }, ...facts(topic ? factsOf(topic) : [["Events", "none"]]));
    const held = this.#detail.contains(document.activeElement);
    if (held) return this.#detail.querySelector("dl")?.replaceWith(list);
    this.#detail.replaceChildren(element("h2", {}, visibleName(name)), list, ...(members ? present(members) : []), links);
  }

  /** @param {string} topic */
  #choose(topic) {
    this.#chosen = topic;
    this.#detail.hidden = !topic;
    this.#router.keep("topics", { prefix: this.#prefix.value, topic });
  }
}

/**
 * @param {api.Topic} topic
 * @returns {[string, string][]}
 */
function factsOf(topic) {
  return [
    ["Events", `${count(topic.events)}, ${bytes(topic.bytes)}`],
    ["Lately", `${count(topic.rate)} a second`],
    ["Oldest", topic.first ?? "–"],
    ["Newest", `${topic.last ?? "–"}, ${ago(topic.last_time)}`],
    ["Sessions", count(topic.sessions)],
    ["State", topic.finished ? `finished: ${topic.finished}` : "open for more"],
    ["Presence", topic.presence ? "told" : "not told by its class"],
  ];
}

/** @param {Awaited<ReturnType<typeof api.presence>>} listing */
function present(listing) {
  const names = listing.members.map((one) =>
    element("li", {}, `${visibleName(one.member)}${one.anonymous ? " (anonymous)" : ""}, since ${ago(one.since)}`),
  );
  const more = listing.next === null ? "" : ` The first ${listing.members.length} are named.`;
  return [element("h3", {}, `Read by ${many(listing.count, "member")} in ${many(listing.sessions, "session")}.${more}`), element("ul", { class: "members" }, ...names)];
}
