// The hand-over from replayed events to live ones: nothing is missing between them and nothing comes twice.

/** Ids of replayed events that are remembered. */
const REMEMBERED = 1024;

/**
 * Holds live events back while older ones are replayed, and drops those of them that were replayed.
 */
export class HandOver {
  /** Live events that wait, by id; one without an id has a key of its own. @type {Map<unknown, string>} */
  #held = new Map();
  /** @type {Set<string>} */
  #replayed = new Set();
  #holding = true;
  /** How much is held, in characters. */
  size = 0;

  /** Whether live events wait. */
  get holding() {
    return this.#holding;
  }

  /**
   * Notes an event of the replay.
   * @param {string | undefined} id
   */
  replayed(id) {
    if (id === undefined) return;
    this.size -= this.#held.get(id)?.length ?? 0;
    this.#held.delete(id);
    this.#replayed.add(id);
    if (this.#replayed.size > REMEMBERED) this.#replayed.delete(/** @type {string} */ (this.#replayed.values().next().value));
  }

  /**
   * Whether an event was replayed, so that it must not be sent again.
   * @param {string | undefined} id
   */
  knows(id) {
    return id !== undefined && this.#replayed.has(id);
  }

  /**
   * Takes a live event while events are replayed.
   * @param {string | undefined} id
   * @param {string} frame
   */
  hold(id, frame) {
    this.size += frame.length;
    this.#held.set(id ?? Symbol(), frame);
  }

  /** Ends the replay and gives what was held, in order. */
  release() {
    const frames = [...this.#held.values()];
    this.#held.clear();
    this.#holding = false;
    this.size = 0;
    return frames;
  }
}
