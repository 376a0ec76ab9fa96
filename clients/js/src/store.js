// Where the cursor is kept, so that a reload or a restart goes on where it was.

/**
 * Keeps cursors by key. Both functions may be asynchronous.
 * @typedef {object} Store
 * @property {(key: string) => string | null | undefined | Promise<string | null | undefined>} load
 * @property {(key: string, id: string) => unknown} save
 */

/**
 * The key of an address: without its credentials and its cursor.
 * @param {URL} url
 */
export function keyOf(url) {
  const key = new URL(url);
  key.username = key.password = key.hash = "";
  for (const name of ["ticket", "last_event_id", "lastEventId", "lastEventID"]) key.searchParams.delete(name);
  return key.href;
}

/**
 * Keeps cursors for as long as the program or page lives.
 * @returns {Store}
 */
export function memoryStore() {
  const ids = new Map();
  return { load: (key) => ids.get(key), save: (key, id) => ids.set(key, id) };
}

/**
 * Keeps cursors for the session of a tab: they survive a reload.
 * @returns {Store}
 */
export const sessionStore = () => webStore(() => sessionStorage);

/**
 * Keeps cursors for all tabs of the origin, beyond the end of the browser.
 * @returns {Store}
 */
export const localStore = () => webStore(() => localStorage);

/**
 * @param {() => Storage} storage a page may be forbidden to touch it
 * @returns {Store}
 */
function webStore(storage) {
  const name = (/** @type {string} */ key) => `headwater ${key}`;
  return {
    load: (key) => storage().getItem(name(key)),
    save: (key, id) => storage().setItem(name(key), id),
  };
}
