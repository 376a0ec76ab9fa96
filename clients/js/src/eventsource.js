// `EventSource` of this client: passes for the browser's, and does more where a page asks for more.
//
// Without options of its own it answers as the browser's does, also where the rest of this client would go on: it gives
// up on any refusal, repeats nothing away, and comes back to where a redirect led. `persistent` changes that.

import { Engine } from "./engine.js";
import { SubscriptionError } from "./error.js";

/** @import { Options, State } from "./engine.js" */
/** @import { Item } from "./items.js" */

/**
 * What the browser's takes, and the options of `subscribe`.
 * @typedef {Options & {withCredentials?: boolean, persistent?: boolean}} Init
 */

/**
 * @template {Event} E
 * @typedef {((this: EventSource, event: E) => unknown) | null} Handler
 */

class EventSource extends EventTarget {
  static CONNECTING = /** @type {const} */ (0);
  static OPEN = /** @type {const} */ (1);
  static CLOSED = /** @type {const} */ (2);

  /** @type {0 | 1 | 2} */
  #readyState = 0;
  /** Where the events come from, after redirects. */
  #origin = "";
  #withCredentials;
  #persistent;
  #engine;
  /** @type {Record<string, {value: any, handleEvent: (event: Event) => void}>} */
  #handlers = {};

  /**
   * @param {string | URL} url
   * @param {Init} [init] `withCredentials` sends cookies to other origins; `persistent` survives refusals that may pass, as
   *   `subscribe` does; `store` and `share` are worth setting beside it
   * @throws {DOMException} `SyntaxError` when the address is none
   */
  constructor(url, init = {}) {
    super();
    if (!arguments.length || typeof (init ?? {}) !== "object") throw new TypeError("needs an address, and options are an object");
    const { withCredentials, persistent = false, ...options } = init ?? {};
    this.#withCredentials = !!withCredentials;
    this.#persistent = persistent;
    const browserLike = { transport: /** @type {const} */ ("stream"), dedupe: !!options.share, maxEvent: Infinity };
    this.#engine = new Engine(
      checked(`${url}`),
      {
        credentials: withCredentials ? "include" : undefined,
        ...(persistent ? {} : browserLike),
        ...options,
        fetch: this.#fetching(options.fetch ?? fetch),
      },
      {
        item: (item) => this.#dispatch(item),
        cursor: (id) => this.#engine.save(id),
        state: (state) => this.#become(state),
      },
    );
    this.#origin = this.#engine.url.origin;
  }

  get url() {
    return this.#engine.url.href;
  }

  get readyState() {
    return this.#readyState;
  }

  get withCredentials() {
    return this.#withCredentials;
  }

  /** @type {Handler<Event>} */
  get onopen() {
    return this.#handlers.open?.value ?? null;
  }

  set onopen(value) {
    this.#handle("open", value);
  }

  /** @type {Handler<MessageEvent<string>>} of the events without a type */
  get onmessage() {
    return this.#handlers.message?.value ?? null;
  }

  set onmessage(value) {
    this.#handle("message", value);
  }

  /** @type {Handler<Event>} */
  get onerror() {
    return this.#handlers.error?.value ?? null;
  }

  set onerror(value) {
    this.#handle("error", value);
  }

  /** Ends it for good; nothing is dispatched any more. */
  close() {
    this.#readyState = 2;
    this.#engine.close();
  }

  /**
   * @param {string} type
   * @param {unknown} value
   */
  #handle(type, value) {
    const old = this.#handlers[type];
    if (value !== Object(value)) {
      delete this.#handlers[type];
      this.removeEventListener(type, old);
    } else if (old) {
      old.value = value;
    } else {
      // A handler keeps the place among the listeners where it was first set.
      const handler = (this.#handlers[type] = {
        value,
        handleEvent: (event) => {
          if (typeof handler.value === "function") handler.value.call(this, event);
        },
      });
      this.addEventListener(type, handler);
    }
  }

  /** @param {State} state */
  #become(state) {
    const before = this.#readyState;
    if (before === 2) return;
    const { name } = state;
    this.#readyState = name === "open" ? 1 : name === "closed" ? 2 : 0;
    if (name === "waiting" && state.reason === "refused" && !this.#persistent) {
      // The browser's gives up where this client would try again.
      const { status } = state;
      this.#engine.close("finished", new SubscriptionError("rejected", `the server refused with ${status}`, status));
    } else if (name === "open") {
      this.dispatchEvent(new Event("open"));
    } else if (name === "closed" ? state.reason !== "aborted" : before === 1 || name === "waiting") {
      this.dispatchEvent(new Event("error"));
    }
  }

  /** @param {Item} item */
  #dispatch(item) {
    const [type, data] = item.kind === "event" ? [item.type, item.data] : control(item);
    this.dispatchEvent(new MessageEvent(type, { data, lastEventId: item.id, origin: this.#origin }));
    this.#engine.save(item.id);
  }

  /**
   * Requests as the browser's class makes them.
   * @param {typeof fetch} inner
   * @returns {typeof fetch}
   */
  #fetching(inner) {
    /** @type {URL | string | undefined} where a redirect led */
    let moved;
    /** @type {typeof fetch} */
    const ask = async (url, init) => {
      const response = await inner(moved ?? url, init);
      if (response.url) this.#origin = new URL(response.url).origin;
      if (response.redirected && !this.#persistent) moved = response.url;
      return response;
    };
    if (this.#persistent) return ask;
    return (url, init) =>
      ask(url, init).catch(async (error) => {
        if (!(await answers(inner, moved ?? url, init))) throw error;
        // Once more: it may have come up in the meantime.
        return ask(url, init).catch(() => Response.error());
      });
  }

  static {
    const { defineProperty } = Object;
    // As Web IDL makes them.
    for (const name of ["url", "readyState", "withCredentials", "close", "onopen", "onmessage", "onerror"]) {
      defineProperty(this.prototype, name, { enumerable: true });
    }
    for (const name of /** @type {const} */ (["CONNECTING", "OPEN", "CLOSED"])) {
      const constant = { value: this[name], enumerable: true, writable: false, configurable: false };
      defineProperty(this, name, constant);
      defineProperty(this.prototype, name, constant);
    }
    defineProperty(this.prototype, Symbol.toStringTag, { value: "EventSource", configurable: true });
  }
}

/** @param {string} url */
function checked(url) {
  try {
    return new Request(url).url;
  } catch {
    throw new DOMException(`"${url}" is no address`, "SyntaxError");
  }
}

/**
 * Whether the server answers a request that asks for no permission to read. If so, it does not permit to read what failed:
 * a script is not told that from a server that is down, and only the latter is worth to come back to.
 * @param {typeof fetch} inner
 * @param {RequestInfo | URL} url
 * @param {RequestInit} [init]
 */
async function answers(inner, url, { credentials, cache, signal } = {}) {
  const probe = new AbortController();
  try {
    signal?.throwIfAborted();
    return !!(await inner(url, { mode: "no-cors", credentials, cache, signal: probe.signal }));
  } catch {
    return false;
  } finally {
    probe.abort();
  }
}

/**
 * The event as which a control item arrived.
 * @param {Exclude<Item, import("./decode.js").StreamEvent>} item
 */
function control({ kind, id, ...members }) {
  const data = JSON.stringify(members).replace(/"\w+":/g, (name) => name.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`));
  return [`headwater.${kind}`, data];
}

export { EventSource, EventSource as HeadwaterEventSource, EventSource as default };
