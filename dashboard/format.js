// Numbers and times as people read them, and the two small grammars of the hub: ids and patterns.

/** @param {number} value */
export function count(value) {
  if (value >= 1e9) return `${trim(value / 1e9)} G`;
  if (value >= 1e6) return `${trim(value / 1e6)} M`;
  if (value >= 1e4) return `${trim(value / 1e3)} k`;
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}

/** @param {number} value bytes */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let step = 0;
  while (value >= 1024 && step < units.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${step === 0 ? Math.round(value) : trim(value)} ${units[step]}`;
}

/** @param {number} seconds */
export function duration(seconds) {
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  const [size, unit, part, smaller] = s < 3600 ? [60, "min", 1, "s"] : s < 86400 ? [3600, "h", 60, "min"] : [86400, "d", 3600, "h"];
  const rest = Math.floor((s % size) / part);
  return `${Math.floor(s / size)} ${unit}${rest > 0 ? ` ${rest} ${smaller}` : ""}`;
}

/**
 * A number with its noun.
 * @param {number} value
 * @param {string} noun in the singular
 */
export function many(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** What a reader cannot see, or what turns the direction of the text around it: control and format characters, and odd line ends. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** Of these, what has its place in a text: line ends, tabs, and what joins signs and letters. */
const OF_TEXT = "\n\t\u200c\u200d\ufe0f";

/**
 * A text in which nothing is hidden: characters that cannot be seen are named.
 * @param {string} text
 */
export function visible(text) {
  return text.replace(HIDDEN, (char) => (OF_TEXT.includes(char) ? char : named(char)));
}

/**
 * A name in which nothing is hidden: so, and neither are spaces that a page swallows.
 * @param {string} text
 */
export function visibleName(text) {
  return text.replace(HIDDEN, named).replace(/^ +| +$| {2,}/g, (spaces) => "␣".repeat(spaces.length));
}

/** @param {string} char */
function named(char) {
  return `⟨U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

/**
 * A short time: milliseconds, seconds, or longer.
 * @param {number} seconds
 */
export function span(seconds) {
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${trim(seconds * 1000)} ms`;
  if (seconds < 60) return `${trim(seconds)} s`;
  return duration(seconds);
}

/** @param {number | null} value milliseconds */
export function millis(value) {
  return value === null ? "–" : span(value / 1000);
}

/**
 * How long ago a time is.
 * @param {string | null} time RFC 3339
 * @param {number} [now]
 */
export function ago(time, now = Date.now()) {
  if (!time) return "–";
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  return seconds < 2 ? "now" : `${duration(seconds)} ago`;
}

/**
 * Local time of day.
 * @param {number} seconds since 1970
 */
export function timeOfDay(seconds) {
  return clock(new Date(seconds * 1000)).slice(0, 8);
}

/**
 * Local time of day with milliseconds.
 * @param {Date} time
 */
export function clock(time) {
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const millis = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${millis}`;
}

/**
 * An event id taken apart, or null for anything else.
 * @param {string | undefined | null} id
 * @returns {{seq: bigint, epoch: string} | null}
 */
export function position(id) {
  const match = /^(\d+)-([0-9a-f]{4,8})$/.exec(id ?? "");
  return match ? { seq: BigInt(match[1]), epoch: match[2] } : null;
}

/**
 * Whether `id` is at or before `other` in the same log.
 * @param {string} id
 * @param {string | null} other
 */
export function atOrBefore(id, other) {
  const [a, b] = [position(id), position(other)];
  return a !== null && b !== null && a.epoch === b.epoch && a.seq <= b.seq;
}

/**
 * The cursor after which `id` is the next event.
 * @param {string} id
 */
export function cursorBefore(id) {
  const at = position(id);
  return at && at.seq > 0n ? `${at.seq - 1n}-${at.epoch}` : null;
}

/**
 * Whether a topic or pattern covers a topic: `*` is one segment, a last `**` this and all below.
 * @param {string} pattern
 * @param {string} topic
 */
export function covers(pattern, topic) {
  const wanted = pattern.split("/");
  const given = topic.split("/");
  if (wanted.at(-1) === "**") {
    wanted.pop();
    if (given.length < wanted.length || topic.startsWith("$") !== pattern.startsWith("$")) return false;
    given.length = wanted.length;
  }
  return wanted.length === given.length && wanted.every((part, i) => part === "*" || part === given[i]);
}

/** @param {number} value */
function trim(value) {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1);
}
