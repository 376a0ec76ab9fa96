// Signing in: who is signed in, until when, and a form that takes a token when the hub refuses.

import { check, refusals, Refusal } from "./api.js";
import { claimsOf, credential } from "./credential.js";
import { button, element, find, say } from "./dom.js";
import { duration, visibleName } from "./format.js";
import { problem } from "./problem.js";

/** From here on the end of a token is worth a warning, in seconds. */
const SOON = 120;

/** The sign-in panel and the sign in the header. */
export class SignIn {
  #panel = find("sign-in", HTMLElement);
  #why = find("sign-in-why", HTMLElement);
  #form = find("sign-in-form", HTMLFormElement);
  #token = find("token", HTMLInputElement);
  #keep = find("keep", HTMLInputElement);
  #answer = find("sign-in-answer", HTMLElement);
  #who = find("who", HTMLElement);
  #until = element("span", { class: "until" });
  #expired = false;

  constructor() {
    refusals.add((refusal) => this.#refused(refusal));
    credential.listeners.add(() => this.#changed());
    this.#token.addEventListener("input", () => this.#read());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#try();
    });
    setInterval(() => this.#tick(), 1000);
    this.#changed();
  }

  /** @param {Refusal} refusal */
  #refused(refusal) {
    if (!this.#panel.hidden) return;
    this.#panel.hidden = false;
    // Whoever is somewhere else on the page stays there.
    if (!document.activeElement || document.activeElement === document.body) this.#token.focus();
    this.#why.replaceChildren(...problem(refusal));
  }

  /** Says what a token says while it is typed or pasted. */
  #read() {
    const token = this.#given();
    if (!token) return this.#answer.replaceChildren();
    this.#answer.className = "answer";
    this.#answer.replaceChildren(...describe(token));
  }

  /** The token alone, where a whole header was pasted. */
  #given() {
    return this.#token.value.trim().replace(/^(authorization:\s*)?bearer\s+/i, "");
  }

  async #try() {
    const token = this.#given();
    if (!token) return;
    const refusal = await check(token);
    this.#why.replaceChildren();
    if (refusal) {
      this.#answer.className = "answer bad";
      this.#answer.replaceChildren(...problem(refusal), ...describe(token));
      return;
    }
    this.#token.value = "";
    this.#answer.replaceChildren();
    this.#panel.hidden = true;
    credential.signIn(token, this.#keep.checked);
    find("main", HTMLElement).focus({ preventScroll: true });
  }

  #changed() {
    this.#expired = false;
    const { token, claims } = credential;
    if (!token) return this.#who.replaceChildren();
    const name = claims?.subject || "somebody";
    const out = button("Sign out", () => credential.signOut());
    this.#who.replaceChildren(element("span", { class: "name" }, claims?.admin ? `${visibleName(name)}, admin` : visibleName(name)), this.#until, out);
    this.#panel.hidden = true;
    this.#tick();
  }

  #tick() {
    const { left } = credential;
    if (document.hidden || !credential.token) return;
    say(this.#until, left === null ? "" : left > 0 ? `for ${duration(left)}` : "expired");
    this.#until.dataset.tone = left !== null && left < SOON ? (left > 0 ? "warn" : "bad") : "";
    if (left === null || left > 0 || this.#expired) return;
    this.#expired = true;
    const remedy = "Sign in with a new one.";
    this.#refused(new Refusal(0, { title: "Your token has expired", detail: "The hub takes it no longer.", remedy }));
  }
}

/**
 * What a token says about itself, in plain words.
 * @param {string} token
 */
function describe(token) {
  const claims = claimsOf(token);
  if (!claims) return [element("p", {}, "This is no JWT: three parts with dots between them.")];
  const { subject, admin, subscribe, publish, expires } = claims;
  const left = expires === null ? null : expires - Date.now() / 1000;
  const lines = [
    `It says it is ${subject ? `of ${visibleName(subject)}` : "of nobody by name"}, ${admin ? "an administrator" : "not an administrator, which this page needs"}.`,
    left === null ? "It names no end." : left > 0 ? `It expires in ${duration(left)}.` : `It expired ${duration(-left)} ago.`,
    `It may read ${list(subscribe)}, and publish to ${list(publish)}.`,
  ];
  return lines.map((line) => element("p", {}, line));
}

/** @param {string[]} patterns */
function list(patterns) {
  return patterns.length > 0 ? patterns.map(visibleName).join(", ") : "nothing";
}
