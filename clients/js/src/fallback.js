// Decides between a stream and long poll.
//
// A hub sends its first block with the head. Where nothing comes a proxy on the way is gathering the answer, and where
// one stream after the other dies young something on the way does not let them live. Then the same events are
// asked for by long poll, from servers that speak it. What is needed for that is loaded when it is.

/** @import { Engine } from "./engine.js" */
/** @import { Answer } from "./poll.js" */
/** @import { Outcome } from "./request.js" */

export class Fallback {
  #engine;
  /** Whether to choose at all; a request with a body is not made twice. */
  #auto;
  /** The server may speak long poll. */
  #possible;
  #polling;
  /** Streams in a row that died young. */
  #deaths = 0;
  /** @type {Answer | undefined} the answer to the question whether the server speaks it */
  #first;
  /** How long it is polled before a stream is tried again, in milliseconds; longer each time. */
  #again;

  /** @param {Engine} engine */
  constructor(engine) {
    const { transport = "auto", method = "GET", body, fallback } = engine.options;
    this.#engine = engine;
    this.#auto = transport === "auto" && method === "GET" && body == null;
    this.#possible = this.#auto && engine.url.pathname.endsWith("/v1/events");
    this.#polling = transport === "poll";
    this.#again = fallback?.again ?? 300_000;
  }

  /**
   * Watches over a stream until its first bytes.
   * @param {AbortController} controller of the attempt
   * @returns {() => void} ends the watch
   */
  watch(controller) {
    if (!this.#possible) return () => {};
    const probe = new AbortController();
    const timer = setTimeout(async () => {
      const answer = await load().then(({ ask }) => ask(this.#engine, probe, 0)).catch(() => undefined);
      if (!answer || probe.signal.aborted) return;
      if ("events" in answer) {
        this.#first = answer;
        this.#polling = true;
        controller.abort("restart");
      } else if ("stop" in answer) {
        this.#possible = this.#auto = false;
      }
    }, this.#engine.options.fallback?.late ?? 5000);
    return () => {
      clearTimeout(timer);
      probe.abort();
    };
  }

  /** @param {Response} response the head of a stream */
  opened(response) {
    this.#possible ||= this.#auto && response.headers.has("headwater-heartbeat");
  }

  /**
   * A stream has ended.
   * @param {boolean} well it was stable, or the server has said that it ends
   */
  ended(well) {
    this.#deaths = well ? 0 : this.#deaths + 1;
    if (this.#possible && this.#deaths >= (this.#engine.options.fallback?.deaths ?? 5)) this.#polling = true;
  }

  /**
   * Polls, when that is what this attempt has to do.
   * @param {AbortController} controller of the attempt
   * @returns {Promise<Outcome | undefined>}
   */
  async poll(controller) {
    const part = this.#polling && (await load().catch(() => undefined));
    if (!part) return;
    const first = this.#first;
    this.#first = undefined;
    const outcome = await part.poll(this.#engine, controller, first, this.#auto ? this.#again : Infinity);
    if (!this.#auto) return outcome;
    if ("again" in outcome) this.#again *= 2;
    else if (this.#engine.state?.name === "open") return outcome;
    // A stream is tried next.
    this.#polling = false;
    this.#deaths = 0;
    if (!("stop" in outcome && outcome.stop)) return outcome;
    this.#possible = this.#auto = false;
    return { again: true };
  }
}

const load = () => import("./poll.js");
