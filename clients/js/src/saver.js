// Gives a store the cursor.

/** @import { Engine } from "./engine.js" */
/** @import { Store } from "./store.js" */

/**
 * Saves cursors one after the other; of those that wait the newest counts.
 * @param {Store} store
 * @param {string} key
 */
export function saver(store, key) {
  let saved = "";
  let next = "";
  let busy = false;
  /**
   * What fails is reported: the stream is worth more than its bookmark.
   * @template T
   * @param {() => T} work
   */
  const attempt = async (work) => {
    try {
      return await work();
    } catch (error) {
      console.warn(`headwater: the cursor of ${key} could not be stored:`, error);
    }
  };
  return {
    /** @returns {Promise<string>} the stored cursor, empty when there is none */
    async load() {
      return (saved = next = (await attempt(() => store.load(key))) ?? "");
    },

    /** @param {string} id */
    async save(id) {
      next = id;
      if (busy) return;
      busy = true;
      while (saved !== next) {
        saved = next;
        await attempt(() => store.save(key, saved));
      }
      busy = false;
    },
  };
}
