/** How long one source may go on without waiting for anything. */
const LONGEST_TURN_MS = 10;

/** Node's own way, which is quicker than a timer. @type {(act: (value?: unknown) => void) => unknown} */
const later = Reflect.get(globalThis, "setImmediate") ?? setTimeout;

/** Sees to it that a source which always has something does not keep everybody else waiting. */
export class Turns {
  #began = performance.now();

  /** Waits, where the turn has been long enough, until everything else has had its own. */
  async fair() {
    if (performance.now() - this.#began < LONGEST_TURN_MS) return;
    await new Promise((resolve) => later(resolve));
    this.#began = performance.now();
  }
}
