// Rates from totals: the hub reports totals since its start, the page wants "per second, lately".

/** How many samples a series keeps: a minute and a half at one a second. */
export const KEPT = 90;

/** Turns a growing total into a bounded series of rates. */
export class Rate {
  /** Newest last. @type {number[]} */
  series = [];
  /** @type {{total: number, at: number} | null} */
  #last = null;

  /**
   * @param {number} total
   * @param {number} at milliseconds
   * @returns {number | null} per second since the sample before; null when there is none to compare
   */
  add(total, at) {
    const last = this.#last;
    this.#last = { total, at };
    // A smaller total is another process: its first sample starts a new comparison.
    if (!last || at <= last.at || total < last.total) return null;
    const rate = ((total - last.total) * 1000) / (at - last.at);
    push(this.series, rate);
    return rate;
  }
}

/** A value that is shown as it is, with its recent past. */
export class Level {
  /** Newest last. @type {number[]} */
  series = [];

  /**
   * @param {number} value
   * @returns {number}
   */
  add(value) {
    push(this.series, value);
    return value;
  }
}

/**
 * @param {number[]} series
 * @param {number} value
 */
function push(series, value) {
  series.push(value);
  if (series.length > KEPT) series.shift();
}
