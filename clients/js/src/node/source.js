// Where events come from: anything that can be iterated.

/** @typedef {AsyncIterable<import("./encode.js").Sendable> | Iterable<import("./encode.js").Sendable>} Source */

/** A source while it is read. `return()` is called on it at most once, and not after it has ended by itself. */
export class Reading {
  /** @type {AsyncIterator<import("./encode.js").Sendable> | Iterator<import("./encode.js").Sendable>} */
  #iterator;
  /** @type {Promise<unknown> | null} */
  #released = null;

  /**
   * @param {Source} source
   * @throws {TypeError} when it cannot be read; of a text each letter would be an event
   */
  constructor(source) {
    if (typeof source !== "object" || !source || !(Symbol.asyncIterator in source || Symbol.iterator in source)) {
      throw new TypeError("a source of events is something to iterate over, such as an asynchronous generator; one text goes into an array");
    }
    this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** The next event, or the end. */
  async next() {
    try {
      const result = await this.#iterator.next();
      if (result.done) this.#released ??= Promise.resolve();
      return result;
    } catch (error) {
      this.#released ??= Promise.resolve();
      throw error;
    }
  }

  /** Lets the source clean up, and waits for it. */
  release() {
    this.#released ??= Promise.resolve(this.#iterator.return?.());
    return this.#released;
  }
}
