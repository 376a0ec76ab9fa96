/** A timer that does not keep the process alive. */
export class Timer {
  /** An object in Node, a number elsewhere. @type {any} */
  #handle;

  /**
   * Sets it, in place of what was set before.
   * @param {number} ms
   * @param {() => void} act
   */
  set(ms, act) {
    this.clear();
    this.#handle = setTimeout(act, ms);
    this.#handle.unref?.();
  }

  clear() {
    clearTimeout(this.#handle);
  }
}
