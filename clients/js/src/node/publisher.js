// Publishing to a hub, from any runtime with `fetch`.

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
 * What waits for its turn: events that share a request with others, or want one of their own.
 * @typedef {{events: Publication[], alone: boolean, size: number, resolve: (ids: string[]) => void, reject: (error: unknown) => void}} Waiting
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
   * @param {Publication[]} events 1 to 10,000
   * @returns {Promise<string[]>} their ids
   * @throws {PublishError}
   */
  publishMany(events) {
    return this.#enqueue(events, true);
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
    const keyed = events.map((event) => ({ ...event, idempotencyKey: event.idempotencyKey ?? crypto.randomUUID() }));
    const size = JSON.stringify(keyed.map(written)).length;
    if (this.#size > 0 && this.#size + size > MOST_WAITING) {
      throw new PublishError("queue-full", `${this.#waiting.length} publishes wait for the hub already: wait for them before the next`);
    }
    this.#size += size;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ events: keyed, alone, size, resolve, reject });
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
    let [count, events, size] = [0, 0, 0];
    for (const waiting of this.#waiting) {
      events += waiting.events.length;
      size += waiting.size;
      if (count > 0 && (waiting.alone || events > MOST_EVENTS || size > MOST_TEXT)) break;
      count += 1;
      if (waiting.alone) break;
    }
    const next = this.#waiting.splice(0, count);
    for (const { size } of next) this.#size -= size;
    return next;
  }

  /** @param {Waiting[]} batch */
  async #send(batch) {
    try {
      const ids = await this.#store(batch.flatMap(({ events }) => events));
      for (const { events, resolve } of batch) resolve(ids.splice(0, events.length));
    } catch (error) {
      // A refusal is of the whole request: who is not at fault is not to pay for it.
      const apart = batch.length > 1 && error instanceof PublishError && error.status >= 400 && error.status < 500;
      if (apart) for (const each of batch) await this.#send([each]);
      else for (const { reject } of batch) reject(error);
    }
  }

  /**
   * @param {Publication[]} events
   * @returns {Promise<string[]>}
   */
  async #store(events) {
    const body = JSON.stringify(events.map(written));
    const init = { body, headers: { "Content-Type": "application/json" } };
    return (await this.#requests.post("v1/events", () => ({ init }))).ids;
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
    return (await this.#requests.post(path(topic, query), () => ({ init }))).id;
  }
}

/** @param {Publication} event */
function written({ topic, data, type, key, idempotencyKey }) {
  return { topic, data, event: type, key, idempotency_key: idempotencyKey };
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
