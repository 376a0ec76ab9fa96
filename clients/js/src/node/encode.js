// The text/event-stream format, written. What comes out is valid whatever goes in: a value that would break out
// of its field is refused, and data is split at every kind of line end.

/**
 * An event as an application gives it. At least one member but `topic` has to be there; without `data` nothing is dispatched.
 * @typedef {object} OutgoingEvent
 * @property {unknown} [data] text as it is, anything else as JSON
 * @property {string} [type] `message` when left out
 * @property {string} [id] the cursor after this event
 * @property {string} [topic] read by Headwater's clients, ignored by others
 * @property {number} [retry] the reconnect delay from now on, in milliseconds
 * @property {string} [comment] shown to nobody but who reads the bytes
 */

/** What can be sent: an event, or its data alone. @typedef {OutgoingEvent | string} Sendable */

const LINE_END = /\r\n|\r|\n/;
const FORBIDDEN = /[\0\r\n]/;

/**
 * One block of an event stream.
 * @param {Sendable} event
 * @returns {string}
 * @throws {TypeError} when a member cannot be written so that it arrives as it is
 */
export function encode(event) {
  const { data, type, id, topic, retry, comment } = typeof event === "string" ? { data: event } : event;
  if (data === undefined && (type !== undefined || (id ?? retry ?? comment) === undefined)) {
    throw new TypeError('an event without data is never dispatched: give it data, which may be ""');
  }
  let block = comment === undefined ? "" : lines(":", comment);
  if (retry !== undefined) block += `retry: ${delay(retry)}\n`;
  if (id !== undefined) block += `id: ${identifier(id)}\n`;
  if (type !== undefined) block += `event: ${name("type", type)}\n`;
  if (topic !== undefined) block += `topic: ${name("topic", topic)}\n`;
  if (data !== undefined) block += lines("data:", text(data));
  return `${block}\n`;
}

/** The shortest sign of life. */
export const HEARTBEAT = ":\n";

/**
 * @param {string} field
 * @param {string} value
 */
function lines(field, value) {
  if (!LINE_END.test(value)) return `${field} ${value}\n`;
  return value.split(LINE_END).reduce((block, line) => `${block}${field} ${line}\n`, "");
}

/** @param {unknown} data */
function text(data) {
  if (typeof data === "string") return data;
  const json = JSON.stringify(data);
  if (json === undefined) throw new TypeError(`data has to be text or JSON, not a ${typeof data}`);
  return json;
}

/**
 * @param {"type" | "topic" | "id"} field
 * @param {unknown} value
 */
function name(field, value) {
  if (typeof value !== "string" || value === "" || FORBIDDEN.test(value)) {
    throw new TypeError(`${field} has to be text without CR, LF and NUL, and not empty: ${JSON.stringify(value)}`);
  }
  return value;
}

/** @param {unknown} value */
function identifier(value) {
  const id = name("id", value);
  // A header field loses the white space around its value.
  if (id !== id.trim()) throw new TypeError(`id must not begin or end with white space: ${JSON.stringify(id)}`);
  return id;
}

/** @param {unknown} value */
function delay(value) {
  const whole = Math.round(Number(value));
  if (!Number.isSafeInteger(whole) || whole < 0) {
    throw new TypeError(`retry has to be a number of milliseconds: ${JSON.stringify(value)}`);
  }
  return whole;
}
