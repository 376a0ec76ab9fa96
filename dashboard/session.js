// One session: where it stands, why it gets a topic or does not, and its end.

import * as api from "./api.js";
import { why } from "./describe.js";
import { element, facts, find, say, whileSeen } from "./dom.js";
import { ago, bytes, count, duration, span, visibleName } from "./format.js";
import { complain, problem } from "./problem.js";
import { address } from "./router.js";

const EVERY_MS = 2000;

/** The view of one session. */
export class SessionPage {
  #title = find("session-title", HTMLElement);
  #facts = find("session-facts", HTMLElement);
  #reads = find("session-reads", HTMLElement);
  #note = find("session-note", HTMLElement);
  #form = find("explain", HTMLFormElement);
  #topic = find("explain-topic", HTMLInputElement);
  #answer = find("explanation", HTMLElement);
  #end = find("end-session", HTMLButtonElement);
  #sure = find("end-sure", HTMLElement);
  #router;
  #name = "";
  #gone = false;
  /** Nothing was shown of it yet. */
  #first = true;
  #refresh;

  /** @param {import("./router.js").Router} router */
  constructor(router) {
    this.#router = router;
    this.#refresh = whileSeen(EVERY_MS, () => this.#name !== "" && !this.#gone, () => this.#load());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      router.keep("session", { topic: this.#topic.value });
      this.#explain();
    });
    this.#end.addEventListener("click", () => this.#ask(true));
    find("end-no", HTMLButtonElement).addEventListener("click", () => this.#ask(false));
    find("end-yes", HTMLButtonElement).addEventListener("click", () => this.#endIt());
  }

  /**
   * @param {string} name empty when another view is shown
   * @param {URLSearchParams} query
   */
  show(name, query) {
    this.#name = name;
    if (!name) return;
    this.#gone = false;
    this.#first = true;
    say(this.#title, `Session ${visibleName(name)}`);
    this.#facts.replaceChildren();
    this.#reads.replaceChildren();
    this.#answer.replaceChildren();
    say(this.#note, "");
    this.#ask(false);
    this.#allow(true);
    this.#topic.value = query.get("topic") ?? "";
    this.#refresh();
    if (this.#topic.value) this.#explain();
  }

  async #load() {
    const name = this.#name;
    try {
      const session = await api.session(name);
      if (name === this.#name) this.#show(session);
    } catch (error) {
      if (name !== this.#name) return;
      if (error instanceof api.Refusal && error.status === 404) this.#leave();
      else complain(this.#note, error);
    }
  }

  /** What is asked of a session that is not there has no answer. */
  #leave() {
    this.#gone = true;
    const known = this.#facts.childElementCount > 0;
    say(this.#note, known ? "The session has ended. Its client, if it comes back, is another session." : "There is no such session. It may have ended.");
    this.#answer.replaceChildren();
    const state = this.#facts.querySelector("dd");
    if (state) say(state, "ended");
    this.#allow(false);
  }

  /** @param {boolean} there whether the session can be asked and ended */
  #allow(there) {
    this.#end.disabled = !there;
    for (const control of this.#form.elements) /** @type {HTMLInputElement | HTMLButtonElement} */ (control).disabled = !there;
  }

  /** @param {api.Session} session */
  #show(session) {
    say(this.#note, "");
    const behind = session.lag.seconds === null ? "" : `, for ${span(session.lag.seconds)}`;
    this.#facts.replaceChildren(
      ...facts([
        ["State", `${session.state.replace("_", " ")}: ${why(session)}`],
        ["Lag", session.lag.positions === 0 ? "none" : `${count(session.lag.positions)} positions${behind}`],
        ["Cursor", session.cursor],
        ["Told to the client", session.told],
        ["Client takes nothing", session.blocked_seconds === null ? "no" : `for ${span(session.blocked_seconds)}`],
        ["Age", duration(session.age_seconds)],
        ["Last byte", `${span(session.idle_seconds)} ago`],
        ["Sent", bytes(session.bytes)],
        ["Address", session.address],
        ["Subject", session.subject === null ? "none" : visibleName(session.subject)],
        ["Issuer", session.issuer ?? "none"],
        ["Credential", session.expires_at === null ? "none" : expiry(session.expires_at)],
        ["Form", `${session.format}, ${session.driver}`],
      ]),
    );
    if (this.#first && !this.#topic.value && session.topics.length > 0) {
      this.#topic.value = session.topics[0];
      this.#explain();
    }
    this.#first = false;
    const names = [...session.topics, ...session.patterns];
    if (this.#reads.childElementCount !== names.length) {
      const links = names.map((name) => element("li", {}, element("a", { href: address("events", { topic: name }) }, visibleName(name))));
      this.#reads.replaceChildren(...links);
    }
  }

  async #explain() {
    const [name, topic] = [this.#name, this.#topic.value];
    try {
      const { gets, steps, session } = await api.explainSession(name, topic);
      if (name !== this.#name) return;
      const [tone, verdict] = verdictOn(topic, gets, session);
      this.#answer.replaceChildren(
        element("p", { class: `verdict ${tone}` }, verdict),
        element("ol", { class: "steps" }, ...steps.map(step)),
      );
    } catch (error) {
      if (!(error instanceof api.Refusal)) throw error;
      if (name !== this.#name) return;
      if (error.status === 404) return this.#leave();
      this.#answer.replaceChildren(element("div", { class: "answer bad" }, ...problem(error)));
    }
  }

  /** @param {boolean} sure whether to ask if it is meant */
  #ask(sure) {
    const held = this.#sure.contains(document.activeElement);
    this.#sure.hidden = !sure;
    this.#end.hidden = sure;
    if (sure) find("end-no", HTMLButtonElement).focus();
    else if (held) this.#end.focus();
  }

  async #endIt() {
    try {
      await api.endSession(this.#name);
      say(this.#note, "The session ends at its next event boundary; its client is told “admin” and may come back.");
    } catch (error) {
      complain(this.#note, error);
    }
    this.#ask(false);
    this.#refresh();
  }
}

/**
 * @param {string} topic
 * @param {boolean} gets
 * @param {api.Session} session
 * @returns {[string, string]} a tone, and a sentence
 */
function verdictOn(topic, gets, session) {
  if (!gets) return ["bad", `It does not get the events of ${visibleName(topic)}.`];
  if (session.state === "live") return ["good", `It gets the events of ${visibleName(topic)}.`];
  return ["warn", `It gets the events of ${visibleName(topic)}, but it is behind.`];
}

/** @param {string} at */
function expiry(at) {
  const left = (Date.parse(at) - Date.now()) / 1000;
  return left > 0 ? `expires in ${duration(left)}` : `expired ${ago(at)}`;
}

/**
 * @param {api.Step} step
 * @returns {HTMLElement}
 */
function step({ check, about, allowed, reason, rule, detail }) {
  const by = allowed ? rule : reason;
  const fact = FACTS[check];
  return element(
    "li",
    { class: fact ? "" : allowed ? "good" : "bad" },
    element("strong", {}, fact ?? `${allowed ? "Yes" : "No"}: ${NAMES[check] ?? check}`),
    ...(about ? [" ", element("code", {}, visibleName(about))] : []),
    element("p", {}, detail),
    ...(by ? [element("p", { class: "hint" }, `${allowed ? "Rule" : "Reason"}: ${by}`)] : []),
  );
}

/** @type {Record<string, string>} */
const NAMES = {
  selection: "it asked for it",
  revocation: "its credential holds",
  subscribe: "it may read it",
};

/** Steps that decide nothing. @type {Record<string, string>} */
const FACTS = { stored: "What is stored", position: "Where it stands" };
