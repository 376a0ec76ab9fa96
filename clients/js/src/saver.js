// Gives a store the cursor.

/** @import { Engine } from "./engine.js" */
/** @import { Store } from "./store.js" */

/**
 * Saves cursors one after the other; of those that wait the newest counts.
 * @param {Store} store
 * @param {string} key
 */
export function saver(store, key) {
  let newest = "";
  /** @type {Promise<unknown>} */
  let work = Promise.resolve();
  /**
   * What fails is reported: the stream is worth more than its bookmark.
   * @template T
   * @param {() => T} act
   */
  const attempt = async (act) => {
    try {
      return await act();
    } catch (error) {
      console.warn(`headwater: the store of the cursor of ${key} failed:`, error);
    }
  };
  return {
    /** @returns {Promise<string>} the stored cursor, empty when there is none */
    load: async () => (newest = (await attempt(() => store.load(key))) ?? ""),

    /** @param {string} id */
    save(id) {
      if (id === newest) return;
      newest = id;
      work = work.then(() => id === newest && attempt(() => store.save(key, id)));
    },
  };
}
