// One client under test: what the harness asks of it, and what it tells the harness.

import { subscribe } from "../../../clients/js/src/index.js";

/** Members of a state as the harness calls them. */
const STATE = { name: "name", reason: "reason", status: "status", failures: "failures", delayMs: "delay_ms" };

/** Members of an item's JSON, by kind. */
const ITEMS = {
  event: { type: "type", data: "data", id: "id", topic: "topic" },
  gap: { reason: "reason", requested: "requested", resumedAt: "resumed_at" },
  closing: { reason: "reason", reconnectMs: "reconnect_ms" },
  expiring: { expiresAt: "expires_at", session: "session" },
  end: { reason: "reason", topic: "topic" },
};

export class Client {
  #options;
  #subscription;
  #messages = 0;
  /** The last message under way. */
  #told = Promise.resolve();
  #stopped = new AbortController();
  /** @type {PromiseWithResolvers | undefined} while it is paused */
  #paused;
  #ended;

  /**
   * @param {any} options the body that starts a client
   * @param {import("headwater").Store} store
   * @throws {TypeError} when they cannot be understood
   */
  constructor(options, store) {
    this.#options = options;
    this.#subscription = subscribe(options.streamUrl, {
      headers: options.headers,
      token: options.token,
      method: options.method,
      body: options.body,
      lastEventId: options.lastEventId,
      store: options.store === undefined ? undefined : store,
      storeKey: options.store,
      refresh: options.refreshUrl && ((cause) => this.#refresh(cause)),
      retry: {
        first: options.initialDelayMs,
        most: options.maxDelayMs,
        stable: options.stableMs,
        failures: options.maxFailures,
      },
      connectTimeout: options.connectTimeoutMs,
      heartbeat: options.readTimeoutMs && options.readTimeoutMs / 2.5,
      maxEvent: options.maxEvent,
      onState: (state) => this.#state(state),
    });
    this.#ended = this.#run();
  }

  /**
   * @param {unknown} name
   * @returns {boolean} whether it is understood
   */
  command(name) {
    if (name === "restart") this.#subscription.restart();
    else if (name === "pause") this.#paused ??= resolvable();
    else if (name === "resume") {
      this.#paused?.resolve();
      this.#paused = undefined;
    } else return false;
    return true;
  }

  /** Stops it: nothing is told any more. */
  async stop() {
    this.#stopped.abort();
    this.#subscription.close();
    this.#paused?.resolve();
    await this.#ended;
  }

  async #run() {
    try {
      for await (const item of this.#subscription) {
        await this.#tell({ kind: item.kind, [item.kind]: renamed(item, ITEMS[item.kind]) });
        await this.#paused?.promise;
        // What was delivered last and not followed by another is not handled.
        if (this.#stopped.signal.aborted) break;
      }
    } catch (error) {
      await this.#tell({ kind: "error", error: error.reason ?? "bug", comment: error.message });
    }
  }

  /** @param {import("headwater").State} state */
  #state(state) {
    if (this.#options.headwater) {
      this.#tell({ kind: "state", state: renamed(state, STATE) });
    } else if (state.name === "waiting") {
      this.#tell({ kind: "error", error: state.reason, comment: `${state.error ?? state.reason}` });
    }
  }

  /** @param {{status: number, reason: string}} cause */
  async #refresh(cause) {
    const response = await post(this.#options.refreshUrl, cause);
    if (response.status !== 200) throw new Error(`the hook answered ${response.status}`);
    return (await response.json()).token;
  }

  /**
   * Sends a message after those before it.
   * @param {object} message
   */
  #tell(message) {
    const address = `${this.#options.callbackUrl}/${++this.#messages}`;
    this.#told = this.#told.then(async () => {
      if (this.#stopped.signal.aborted) return;
      const response = await post(address, message, this.#stopped.signal);
      await response.body?.cancel();
    }).catch(() => {});
    return this.#told;
  }
}

/**
 * @param {string} url
 * @param {object} body
 * @param {AbortSignal} [signal]
 */
function post(url, body, signal) {
  return fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
}

/**
 * @param {Record<string, any>} from
 * @param {Record<string, string>} names
 */
function renamed(from, names) {
  return Object.fromEntries(Object.entries(names).map(([ours, theirs]) => [theirs, from[ours]]));
}

function resolvable() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
