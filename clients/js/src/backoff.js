// How long to wait before the next attempt.

/** What a server may ask for at most, in milliseconds. */
const HOUR = 3_600_000;

/**
 * @param {number} failures failures in a row, the one just met included
 * @param {{first?: number, most?: number}} retry
 * @param {number[]} floors what the server asked for, in milliseconds
 * @returns {number} milliseconds
 */
export function delay(failures, { first = 1000, most = 30_000 }, floors) {
  return Math.min(Math.max(0, ...floors), HOUR) + Math.random() * Math.min(most, first * 2 ** (failures - 1));
}
