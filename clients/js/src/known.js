// The ids that were received, so that a resumed stream repeats no event.

/** How many ids are known. */
const MOST = 1024;

export function knownIds() {
  /** @type {Map<string, number>} the connection on which an id was received, oldest first */
  const ids = new Map();
  /**
   * Notes an id. On one connection nothing is a repetition, also not the same id twice.
   * @param {string} id
   * @param {number} connection its number
   * @returns {boolean} whether it was received on an earlier connection
   */
  return (id, connection) => {
    const before = ids.get(id) ?? connection;
    if (before < connection) return true;
    ids.delete(id);
    ids.set(id, before);
    if (ids.size > MOST) {
      const [oldest] = ids.keys();
      ids.delete(oldest);
    }
    return false;
  };
}
