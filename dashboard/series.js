// What the charts are drawn from: figures over time, in a bounded table, and rates from totals.

/** How many samples are kept: an hour at one a second. */
export const KEPT = 3600;
/** A sample that comes so much later than the one before stands after a break, in seconds. */
const BREAK_S = 5;

/** A table of samples, oldest first: a column of times and one for each figure. */
export class History {
  /** Seconds since 1970. @type {number[]} */
  times = [];
  /** @type {Map<string, (number | null)[]>} */
  #columns = new Map();
  #most;

  /** @param {number} [most] */
  constructor(most = KEPT) {
    this.#most = most;
  }

  get length() {
    return this.times.length;
  }

  /** @returns {number} time of the newest sample, 0 without one */
  get newest() {
    return this.times.at(-1) ?? 0;
  }

  /**
   * Adds a sample; one that is not newer than the newest is left out.
   * @param {number} time seconds since 1970
   * @param {Record<string, number | null>} figures
   */
  add(time, figures) {
    if (time <= this.newest) return;
    // A line is not drawn over a time nobody knows of.
    if (this.length > 0 && time - this.newest > BREAK_S) this.#push(this.newest + 1, {});
    this.#push(time, figures);
    // In larger steps, so that a long run does not move the whole table every second.
    if (this.length > this.#most * 1.1) this.#cut(this.length - this.#most);
  }

  /**
   * The last so many seconds: the times, and for each name its figures.
   * @param {number} seconds
   * @param {string[]} names
   * @returns {[number[], ...(number | null)[][]]}
   */
  window(seconds, names) {
    const from = this.newest - seconds;
    let first = this.length;
    while (first > 0 && this.times[first - 1] >= from) first -= 1;
    const missing = () => this.times.slice(first).map(() => null);
    return [this.times.slice(first), ...names.map((name) => this.#columns.get(name)?.slice(first) ?? missing())];
  }

  /**
   * The newest figure of a name.
   * @param {string} name
   * @returns {number | null}
   */
  last(name) {
    return this.#columns.get(name)?.at(-1) ?? null;
  }

  /**
   * The sum of a figure over the last so many seconds.
   * @param {number} seconds
   * @param {string} name
   */
  sum(seconds, name) {
    const [, figures] = this.window(seconds, [name]);
    return figures.reduce((/** @type {number} */ total, figure) => total + (figure ?? 0), 0);
  }

  /**
   * @param {number} time
   * @param {Record<string, number | null>} figures
   */
  #push(time, figures) {
    for (const name of Object.keys(figures)) {
      if (!this.#columns.has(name)) this.#columns.set(name, this.times.map(() => null));
    }
    this.times.push(time);
    for (const [name, column] of this.#columns) column.push(figures[name] ?? null);
  }

  /** @param {number} count */
  #cut(count) {
    this.times.splice(0, count);
    for (const column of this.#columns.values()) column.splice(0, count);
  }
}

/** Turns growing totals into what was added since the sample before, as it is and per second. */
export class Growth {
  /** @type {Record<string, number>} */
  #last = {};
  #at = 0;

  /**
   * @param {number} time seconds
   * @param {Record<string, number>} totals
   * @returns {{added: Record<string, number>, rates: Record<string, number>} | null} null when there is nothing to compare with
   */
  add(time, totals) {
    const [last, seconds] = [this.#last, time - this.#at];
    this.#last = totals;
    this.#at = time;
    const names = Object.keys(totals);
    // A smaller total is another process: its first sample starts a new comparison.
    if (seconds <= 0 || seconds > BREAK_S || names.some((name) => !(totals[name] >= last[name]))) return null;
    const added = Object.fromEntries(names.map((name) => [name, totals[name] - last[name]]));
    const rates = Object.fromEntries(names.map((name) => [name, added[name] / seconds]));
    return { added, rates };
  }
}

/**
 * Gathers samples into steps of equal length, so that a long time does not become more marks than there are pixels.
 * @param {number[]} times
 * @param {(number | null)[][]} columns
 * @param {number} step seconds
 * @param {(total: number, figure: number) => number} merge
 * @returns {{time: number, figures: number[]}[]} each with the time it begins at; steps without samples are left out
 */
export function steps(times, columns, step, merge) {
  /** @type {{time: number, figures: number[]}[]} */
  const found = [];
  times.forEach((at, index) => {
    if (columns.every((column) => column[index] === null)) return;
    const time = Math.floor(at / step) * step;
    let last = found.at(-1);
    if (!last || last.time !== time) found.push((last = { time, figures: columns.map(() => 0) }));
    const { figures } = last;
    columns.forEach((column, which) => (figures[which] = merge(figures[which], column[index] ?? 0)));
  });
  return found;
}
