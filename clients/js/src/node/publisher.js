// Publishing to a hub, from any runtime with `fetch`.

import { areIds, unexpected } from "./publish-answer.js";
import { PublishError } from "./publish-error.js";
import { Requests } from "./publish-request.js";
import { Piped } from "./piped.js";

/**
 * An event to publish.
 * @typedef {object} Publication
 * @property {string} topic
 * @property {unknown} data text as it is, anything else as JSON
 * @property {string} [type] `message` when left out
 * @property {string} [key]
 * @property {string} [idempotencyKey] a random one when left out
 *
 * How a topic ends. @typedef {"done" | "error" | "cancelled"} Final
 *
 * What waits for its turn: an event that shares a request with others, or several that want one of their own; as JSON with commas.
 * @typedef {{json: string, count: number, alone: boolean, resolve: (ids: string[]) => void, reject: (error: unknown) => void}} Waiting
 */

/** Most events, and their most text, of one request that several calls share. */
const MOST_EVENTS = 1_000;
const MOST_TEXT = 1024 * 1024;

/** Most text that waits for its turn; a call beyond it is refused. */
const MOST_WAITING = 16 * 1024 * 1024;

/** How much of a streaming publish is kept to be sent again, in characters. */
const MOST_KEPT = 1024 * 1024;

/**
 * Publishes to one hub: in the order of the calls, and each event once, however often a request has to be sent.
 */
export class Publisher {
  #requests;
  /** @type {Waiting[]} */
  #waiting = [];
  #size = 0;
  #busy = false;

  /**
   * @param {string | URL} url of the hub
   * @param {import("./publish-request.js").PublisherOptions} [options]
   */
  constructor(url, options = {}) {
    this.#requests = new Requests(url, options);
  }

  /**
   * Publishes an event. Calls that come while a request is under way share the next one.
   * @param {Publication} event
   * @returns {Promise<string>} its id, once it is stored
   * @throws {PublishError}
   */
  async publish(event) {
    const [id] = await this.#enqueue([event], false);
    return id;
  }

  /**
   * Publishes events as one: all or none.
   * @param {Publication[]} events at most 10,000
   * @returns {Promise<string[]>} their ids
   * @throws {PublishError}
   */
  async publishMany(events) {
    return events.length === 0 ? [] : this.#enqueue(events, true);
  }

  /**
   * Ends a topic: its readers are told, and nothing follows on it.
   * @param {string} topic
   * @param {Final} [reason]
   * @returns {Promise<string>} the id of the end
   * @throws {PublishError}
   */
  async finish(topic, reason = "done") {
    return this.#finish(topic, reason, crypto.randomUUID());
  }

  /**
   * Publishes the events of a source as they come, such as the answer of a language model. When the connection breaks in the first
   * minutes all of it is sent again, of which the hub takes what it does not have.
   * @param {string} topic
   * @param {import("./source.js").Source} source texts, or events of which data and type count
   * @param {{final?: boolean, type?: string, key?: string, idempotencyKey?: string, signal?: AbortSignal}} [options] `final`: ends the topic
   *   after it, with `error` when the source fails and with `cancelled` when the signal aborts; `type`: of texts, and of events without one
   * @returns {Promise<string[]>} ids of the events, of very many the newest
   * @throws {PublishError | unknown} also what the source throws, and the signal's reason, when what came before is published
   */
  async publishStream(topic, source, { final = false, type, key, idempotencyKey = crypto.randomUUID(), signal } = {}) {
    const piped = new Piped(source, MOST_KEPT);
    const query = { event: type, key, idempotency_key: idempotencyKey };
    try {
      const { ids } = await this.#requests.post(
        path(topic, query),
        () => {
          if (!piped.complete) throw lost(topic);
          const { body, sent } = piped.body();
          return { init: { body, duplex: "half", headers: { "Content-Type": "text/event-stream" } }, sent };
        },
        signal,
      );
      if (!areIds(ids)) throw unexpected(200, "it names no ids");
      if (final) await this.#finish(topic, piped.failed ? "error" : "done", idempotencyKey);
      if (piped.failed) throw piped.failed.error;
      return ids;
    } catch (error) {
      if (final && signal?.aborted) await this.#finish(topic, "cancelled", idempotencyKey);
      throw error;
    } finally {
      // A source that waits for what never comes is not waited for.
      piped.release().catch(() => {});
    }
  }

  /** Ends it: what is not stored yet fails with the kind `closed`. */
  close() {
    this.#requests.close();
  }

  /**
   * @param {Publication[]} events
   * @param {boolean} alone
   * @returns {Promise<string[]>}
   */
  async #enqueue(events, alone) {
    const json = events.map(written).join(",");
    if (this.#size > 0 && this.#size + json.length > MOST_WAITING) {
      throw new PublishError("queue-full", `${this.#waiting.length} publishes wait for the hub already: wait for them before the next`);
    }
    this.#size += json.length;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ json, count: events.length, alone, resolve, reject });
      if (!this.#busy) this.#work();
    });
  }

  /** One request after the other, so that events are stored in the order of the calls. */
  async #work() {
    this.#busy = true;
    // Calls of the same moment go together.
    await null;
    while (this.#waiting.length > 0) await this.#send(this.#next());
    this.#busy = false;
  }

  /** What goes into the next request. */
  #next() {
    let size = 0;
    let count = 0;
    for (const { json, alone } of this.#waiting) {
      size += json.length;
      if (count > 0 && (alone || count === MOST_EVENTS || size > MOST_TEXT)) break;
      count += 1;
      if (alone) break;
    }
    const next = this.#waiting.splice(0, count);
    for (const { json } of next) this.#size -= json.length;
    return next;
  }

  /**
   * A refusal is of the whole request, but who is not at fault is not to pay for it: the event at fault is taken out, and the rest
   * sent again, in its order. Where none is named, as of a request that is too large, the halves are sent by themselves.
   * @param {Waiting[]} batch
   */
  async #send(batch) {
    const left = [batch];
    for (let part; (part = left.shift()); ) {
      try {
        const ids = await this.#store(part);
        for (const { count, resolve } of part) resolve(ids.splice(0, count));
      } catch (error) {
        const guilty = atFault(part, error);
        if (guilty >= 0) {
          part.splice(guilty, 1)[0].reject(error);
          if (part.length > 0) left.unshift(part);
        } else if (part.length > 1 && isRefusal(error)) {
          left.unshift(part.splice(0, part.length >> 1), part);
        } else {
          for (const { reject } of part) reject(error);
        }
      }
    }
  }

  /**
   * @param {Waiting[]} batch
   * @returns {Promise<string[]>}
   */
  async #store(batch) {
    const body = `[${batch.map(({ json }) => json).join(",")}]`;
    const init = { body, headers: { "Content-Type": "application/json" } };
    const { ids } = await this.#requests.post("v1/events", () => ({ init }));
    const sent = batch.reduce((sum, { count }) => sum + count, 0);
    if (!areIds(ids) || ids.length !== sent) throw unexpected(200, `it does not name ${sent} ids`);
    return ids;
  }

  /**
   * @param {string} topic
   * @param {Final} reason
   * @param {string} idempotencyKey
   * @returns {Promise<string>}
   */
  async #finish(topic, reason, idempotencyKey) {
    const init = { body: "", headers: { "Content-Type": "text/plain" } };
    const query = { final: reason, idempotency_key: idempotencyKey };
    const { id } = await this.#requests.post(path(topic, query), () => ({ init }));
    if (!areIds([id])) throw unexpected(200, "it names no id");
    return id;
  }
}

/** @param {Publication} event */
function written({ topic, data, type, key, idempotencyKey = crypto.randomUUID() }) {
  return JSON.stringify({ topic, data, event: type, key, idempotency_key: idempotencyKey });
}

/**
 * Which part of a batch the hub says is at fault; -1 when it says none. It names the event by its place in the request, `[3].topic`.
 * @param {Waiting[]} batch
 * @param {unknown} error
 */
function atFault(batch, error) {
  if (!(error instanceof PublishError) || error.isPassing || batch[0].alone) return -1;
  const [, place, field] = /^\[(\d+)\]\.?(.*)/.exec(error.field ?? "") ?? [];
  if (place === undefined || Number(place) >= batch.length) return -1;
  // Its publisher knows of no batch.
  error.problem.field = field || undefined;
  return Number(place);
}

/** @param {unknown} error */
function isRefusal(error) {
  return error instanceof PublishError && error.status >= 400 && !error.isPassing && !error.isUnauthorized;
}

/**
 * @param {string} topic
 * @param {Record<string, string | undefined>} query
 */
function path(topic, query) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  const segments = topic.split("/");
  if (segments.some((segment) => ["", ".", ".."].includes(segment))) {
    // An address would be shortened by these, and mean something else.
    throw new PublishError("malformed-request", `the topic ${JSON.stringify(topic)} has an empty segment, or one that is '.' or '..'`);
  }
  return `v1/topics/${segments.map(encodeURIComponent).join("/")}?${new URLSearchParams(/** @type {string[][]} */ (given))}`;
}

/** @param {string} topic */
function lost(topic) {
  const message = `the connection broke while a stream was published to ${topic}, and it was too long to be sent again`;
  return new PublishError("not-replayable", message);
}
