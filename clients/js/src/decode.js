// Bytes to events, as the standard says, at any split of the bytes.
//
// Whole lines are decoded to text at once and read there. What stands behind the last line end of a chunk is kept as
// bytes until its line is complete, so no character is ever cut, and every byte is looked at a bounded number of times.

const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;

/** Largest event unless told otherwise. */
const MAX_EVENT = 1024 * 1024;

// The byte order mark is taken off by hand: only the first of a stream, not of each piece.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
// In Node the fast way for ASCII is slow beyond it, and a decoder that was once asked to stream has lost it for good.
const utf8Wide = new TextDecoder("utf-8", { ignoreBOM: true });
const STREAM = { stream: true };
const encoder = new TextEncoder();

/**
 * An event of a stream.
 * @typedef {object} StreamEvent
 * @property {"event"} kind
 * @property {string} type `message` when the stream names none
 * @property {string} data
 * @property {string} id the last event id in force; empty when there is none
 * @property {string | undefined} topic from servers that send it
 */

/**
 * Events are missing: what depends on them has to be loaded again.
 * @typedef {object} Gap
 * @property {"gap"} kind
 * @property {string} reason `oversized` when an event was larger than the limit; the others are the server's
 * @property {string} requested the id after which events are missing
 * @property {string} resumedAt the id from which the stream goes on
 * @property {string} id the last event id in force
 */

/**
 * @typedef {object} DecoderOptions
 * @property {number} [maxEvent] the largest event, in UTF-16 code units of its values; default 1 MiB
 * @property {string} [lastEventId] the last event id in force at the start
 */

/**
 * Is given an event, and whether its block had an id of its own.
 * @typedef {(event: StreamEvent | Gap, hasId: boolean) => void} Take
 */

/**
 * A block at its beginning.
 * @type {{data?: string, id?: string, topic?: string, type: string, size: number}}
 */
const BLANK = { type: "", size: 0 };

/** An incremental decoder of one stream. No bytes make it throw. */
export class Decoder {
  /** The last event id in force. It changes at the blank line that ends a block, also of one without data. */
  lastEventId;

  /** @type {number | undefined} the reconnection time that the stream asks for, in milliseconds */
  retry;

  #maxEvent;
  /** The beginning of a line whose end has not come. */
  #pending = new Uint8Array(256);
  #length = 0;
  #begun = false;
  /** The last text went beyond ASCII. Whole lines leave nothing over for the next, so the decoder may change between them. */
  #wide = false;
  /** The last byte was a CR: an LF that comes now belongs to it. */
  #afterCr = false;
  /** The block being read. */
  #block = BLANK;

  /** @param {DecoderOptions} [options] */
  constructor({ maxEvent = MAX_EVENT, lastEventId = "" } = {}) {
    this.#maxEvent = maxEvent;
    this.lastEventId = lastEventId;
  }

  /**
   * Takes the next piece of the stream.
   * @param {Uint8Array | string} chunk
   * @param {Take} [each] is given every event instead of the list
   * @returns {(StreamEvent | Gap)[]} the events that are complete now
   */
  push(chunk, each) {
    /** @type {(StreamEvent | Gap)[]} */
    const events = [];
    let bytes = typeof chunk === "string" ? encoder.encode(chunk) : chunk;
    if (this.#afterCr && bytes[0] === LF) bytes = bytes.subarray(1);
    let end = bytes.length;
    while (end && bytes[end - 1] !== LF && bytes[end - 1] !== CR) end--;
    if (chunk.length) this.#afterCr = bytes[end - 1] === CR && end === bytes.length;
    if (end) {
      let lines = bytes.subarray(0, end);
      if (this.#length) {
        this.#keep(lines);
        lines = this.#pending.subarray(0, this.#length);
        this.#length = 0;
      }
      const text = this.#wide ? utf8Wide.decode(lines, STREAM) : utf8.decode(lines);
      this.#wide = text.length !== lines.length;
      this.#read(text, each ?? ((event) => events.push(event)));
    }
    // What is too long already is not kept any further: a code unit is at most three bytes, and a field's name is short.
    if (end < bytes.length && this.#length <= 3 * this.#maxEvent + 16) this.#keep(bytes.subarray(end));
    return events;
  }

  /** @param {Uint8Array} bytes */
  #keep(bytes) {
    const before = this.#pending;
    const from = this.#length;
    this.#length += bytes.length;
    if (this.#length > before.length) {
      this.#pending = new Uint8Array(2 * this.#length);
      this.#pending.set(before);
    }
    this.#pending.set(bytes, from);
  }

  /**
   * @param {string} text whole lines with their ends
   * @param {Take} take
   */
  #read(text, take) {
    let { data, id, topic, type, size } = this.#block;
    let at = this.#begun || text.charCodeAt(0) !== 0xfeff ? 0 : 1;
    this.#begun = true;
    // The next of each kind, or the end. A search in text beyond ASCII is a slow call, so none is made at a blank line.
    let lf = -1;
    let cr = -1;
    while (at < text.length) {
      const first = text.charCodeAt(at);
      if (cr < at && (cr = text.indexOf("\r", at)) < 0) cr = text.length;
      if (first !== LF && lf < at && (lf = text.indexOf("\n", at)) < 0) lf = text.length;
      const end = first === LF ? at : lf < cr ? lf : cr;
      if (end === at) {
        // The blank line that ends the block.
        const requested = this.lastEventId;
        const last = (this.lastEventId = id ?? requested);
        const hasId = id !== undefined;
        if (size > this.#maxEvent) {
          take({ kind: "gap", reason: "oversized", requested, resumedAt: last, id: last }, hasId);
        } else if (data !== undefined) {
          take({ kind: "event", type: type || "message", data, id: last, topic }, hasId);
        }
        data = id = topic = undefined;
        type = "";
        size = 0;
      } else if (first !== COLON) {
        let from = at + nameLength(text, at, first);
        const after = text.charCodeAt(from);
        if (from > at && (after === COLON || from === end)) {
          if (after === COLON) from += text.charCodeAt(from + 1) === SPACE ? 2 : 1;
          size += end - from;
          // What is too large already is not gathered any further.
          if (size <= this.#maxEvent) {
            const value = text.slice(from, end);
            if (first === 100) data = data === undefined ? value : data + "\n" + value;
            else if (first === 101) type = value;
            else if (first === 116) topic = value;
            else if (first === 114) {
              if (/^\d+$/.test(value)) this.retry = +value;
            } else if (!value.includes("\0")) id = value;
          }
        }
      }
      at = end + (end === cr && lf === cr + 1 ? 2 : 1);
    }
    this.#block = { data, id, topic, type, size };
  }
}

/**
 * The length of the field's name that a line begins with, 0 when it is none that counts. Most lines are data, and letter by
 * letter is the fastest way to see it.
 * @param {string} text
 * @param {number} at
 * @param {number} first the line's first letter
 */
function nameLength(text, at, first) {
  if (first === 100) {
    return text.charCodeAt(at + 1) === 97 && text.charCodeAt(at + 2) === 116 && text.charCodeAt(at + 3) === 97 ? 4 : 0;
  }
  if (first === 105) return text.charCodeAt(at + 1) === 100 ? 2 : 0;
  return text.startsWith(first === 101 ? "event" : first === 114 ? "retry" : "topic", at) ? 5 : 0;
}

/**
 * The events of a response, or of any stream of bytes or text: an answer of a language model, a file, a socket of Node.
 * Leaving the loop cancels the stream.
 * @param {Response | ReadableStream<Uint8Array | string> | AsyncIterable<Uint8Array | string>} source
 * @param {DecoderOptions} [options]
 * @returns {AsyncGenerator<StreamEvent | Gap, void, void>}
 */
export async function* events(source, options) {
  const decoder = new Decoder(options);
  const stream = source instanceof Response ? source.body : source;
  if (!stream) return;
  if (!("getReader" in stream)) {
    for await (const chunk of stream) yield* decoder.push(chunk);
    return;
  }
  // Not every browser iterates over streams.
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* decoder.push(value);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
