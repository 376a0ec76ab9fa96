// Gives a store the cursor. Loaded by those who have a store.

import { keyOf } from "./store.js";

/** @import { Store } from "./store.js" */

/** Saves cursors one after the other; of those that wait the newest counts. */
export class Saver {
  #store;
  #key;
  #saved = "";
  #next = "";
  #busy = false;

  /**
   * @param {Store} store
   * @param {string} key
   */
  constructor(store, key) {
    this.#store = store;
    this.#key = key;
  }

  /** @returns {Promise<string>} the stored cursor, empty when there is none */
  async load() {
    try {
      this.#saved = this.#next = (await this.#store.load(this.#key)) ?? "";
    } catch (error) {
      this.#report(error);
    }
    return this.#saved;
  }

  /** @param {string} id */
  async save(id) {
    this.#next = id;
    if (this.#busy) return;
    this.#busy = true;
    while (this.#saved !== this.#next) {
      this.#saved = this.#next;
      try {
        await this.#store.save(this.#key, this.#saved);
      } catch (error) {
        this.#report(error);
      }
    }
    this.#busy = false;
  }

  /** @param {unknown} error */
  #report(error) {
    // The stream is worth more than its bookmark.
    console.warn(`headwater: the cursor of ${this.#key} could not be stored:`, error);
  }
}

/**
 * @param {Store} store
 * @param {string | undefined} key default: the address's
 * @param {URL} url
 */
export function saver(store, key, url) {
  return new Saver(store, key ?? keyOf(url));
}
