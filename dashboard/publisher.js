// The publish form and the hub's answer to it.

import { publish, Refusal } from "./api.js";
import { button, element, find } from "./dom.js";
import { visibleName } from "./format.js";
import { problem } from "./problem.js";

/** The publish panel. */
export class Publisher {
  #form = find("publish", HTMLFormElement);
  #topic = find("publish-topic", HTMLInputElement);
  #data = find("publish-data", HTMLTextAreaElement);
  #type = find("publish-type", HTMLInputElement);
  #key = find("publish-key", HTMLInputElement);
  #final = find("publish-final", HTMLSelectElement);
  #answer = find("answer", HTMLElement);
  #watch;

  /** @param {import("./watch.js").Watch} watch */
  constructor(watch) {
    this.#watch = watch;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#data.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.#form.requestSubmit();
      }
    });
  }

  async #send() {
    const topic = this.#topic.value;
    const type = this.#type.value.trim();
    try {
      const id = await publish({ topic, type, data: this.#data.value, key: this.#key.value, final: this.#final.value });
      this.#stored(id, topic);
      this.#final.value = "";
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#refused(error);
    }
  }

  /**
   * @param {string} id
   * @param {string} topic
   */
  #stored(id, topic) {
    this.#answer.className = "answer good";
    this.#answer.replaceChildren(element("strong", {}, "Stored as "), element("code", {}, id));
    if (this.#watch.sees(topic)) return;
    const follow = button(`Watch ${visibleName(topic)}`, () => this.#watch.start(topic));
    this.#answer.append(element("p", {}, "You are not watching this topic. ", follow));
  }

  /** @param {Refusal} refusal */
  #refused(refusal) {
    this.#answer.className = "answer bad";
    this.#answer.replaceChildren(...problem(refusal));
  }
}
