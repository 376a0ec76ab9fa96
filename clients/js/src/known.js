// The ids that were received, so that a resumed stream repeats no event.

/** How many ids are known. */
const MOST = 1024;

export class Known {
  /** @type {Map<string, number>} the connection on which an id was received, oldest first */
  #ids = new Map();
  #connection = 0;

  /** Another connection begins: what was received before is not to be repeated on it. */
  next() {
    this.#connection++;
  }

  /**
   * Notes an id. On one connection nothing is a repetition, also not the same id twice.
   * @param {string} id
   * @returns {boolean} whether it was received on an earlier connection
   */
  has(id) {
    const before = this.#ids.get(id) ?? this.#connection;
    if (before < this.#connection) return true;
    this.#ids.delete(id);
    this.#ids.set(id, before);
    if (this.#ids.size > MOST) this.#ids.delete(/** @type {string} */ (this.#ids.keys().next().value));
    return false;
  }
}
