// The button below a list that brings more of it.

import { find } from "./dom.js";

/** Most rows on the page. */
const MOST = 1000;

/** How many rows of a list are asked for. */
export class More {
  #button;
  #step;
  /** How many are asked for now. */
  limit;

  /**
   * @param {string} id of the button
   * @param {number} step rows at first, and that one more click brings
   * @param {() => void} refresh asks for the list again
   */
  constructor(id, step, refresh) {
    this.#button = find(id, HTMLButtonElement);
    this.#step = this.limit = step;
    this.#button.addEventListener("click", () => {
      this.limit = Math.min(this.limit + step, MOST);
      refresh();
    });
  }

  /** Another list begins. */
  reset() {
    this.limit = this.#step;
  }

  /**
   * Offers more where there is more.
   * @param {unknown} next what the answer says of what follows, null when nothing does
   */
  update(next) {
    this.#button.hidden = next === null || this.limit >= MOST;
  }
}
