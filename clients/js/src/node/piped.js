// A source that becomes the body of a publish: read once, kept for a while, so that it can be sent again.

import { encode, HEARTBEAT } from "./encode.js";
import { Reading } from "./source.js";
import { Turns } from "./turns.js";

/** Silence after which a comment keeps the body alive: a model may think for longer than a proxy waits. */
const QUIET_MS = 15_000;

/** The blocks of a source. Any number of bodies in a row begin with its first one. */
export class Piped {
  #reading;
  #most;
  /** The kept blocks: all of them, or only the newest once they were too many. @type {string[]} */
  #blocks = [];
  /** The place of the first of them in the source. */
  #first = 0;
  #size = 0;
  #done = false;
  /** @type {Promise<void> | null} */
  #next = null;
  /** What the source has thrown, if it has. @type {{error: unknown} | null} */
  failed = null;

  /**
   * @param {import("./source.js").Source} source
   * @param {number} most characters that are kept
   */
  constructor(source, most) {
    this.#reading = new Reading(source);
    this.#most = most;
  }

  /** Whether a body can still begin with the first block. */
  get complete() {
    return this.#first === 0;
  }

  /**
   * A body with all blocks, from the first one. Only the newest is read.
   * @returns {{body: ReadableStream<Uint8Array>, sent: Promise<void>}} `sent` settles when the last block was taken
   */
  body() {
    const encoder = new TextEncoder();
    let at = 0;
    let over = () => {};
    const sent = new Promise((/** @type {(value?: undefined) => void} */ resolve) => (over = resolve));
    const turns = new Turns();
    const body = new ReadableStream(
      {
        pull: async (controller) => {
          await turns.fair();
          const block = await this.#block(at);
          if (block === undefined) {
            controller.close();
            over();
          } else {
            if (block !== HEARTBEAT) at += 1;
            controller.enqueue(encoder.encode(block));
          }
        },
      },
      { highWaterMark: 0 },
    );
    return { body, sent };
  }

  /** Lets the source clean up. */
  release() {
    return this.#reading.release();
  }

  /**
   * A block, a heartbeat while there is none, or `undefined` at the end.
   * @param {number} at
   */
  async #block(at) {
    if (at >= this.#first + this.#blocks.length && !this.#done) {
      this.#next ??= this.#read();
      const next = this.#next;
      /** @type {ReturnType<typeof setTimeout> | undefined} */
      let timer;
      const quiet = new Promise((resolve) => (timer = setTimeout(resolve, QUIET_MS, true)));
      const silent = await Promise.race([next, quiet]);
      clearTimeout(timer);
      if (silent) return HEARTBEAT;
    }
    return this.#blocks[at - this.#first];
  }

  async #read() {
    try {
      const { done, value } = await this.#reading.next();
      if (done) this.#done = true;
      else this.#keep(value);
    } catch (error) {
      this.failed = { error };
      this.#done = true;
    }
    this.#next = null;
  }

  /** @param {import("./encode.js").Sendable} event */
  #keep(event) {
    const { data, type } = typeof event === "string" ? { data: event, type: undefined } : event;
    const block = encode({ data, type });
    this.#blocks.push(block);
    this.#size += block.length;
    // The source is read on only when the body has taken the block before.
    if (this.#size > this.#most) this.#first += this.#blocks.splice(0, this.#blocks.length - 1).length;
  }
}
