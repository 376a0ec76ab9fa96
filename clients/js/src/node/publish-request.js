// One request of a publisher, tried again by the rules that all clients wait by.

import { delay } from "../backoff.js";
import { retryAfter } from "../refusal.js";
import { PublishError, refusal } from "./publish-error.js";

/**
 * @typedef {object} PublisherOptions
 * @property {HeadersInit} [headers] of every request
 * @property {string} [token] bearer token to begin with
 * @property {(cause: {status: number, reason: string}) => string | void | Promise<string | void>} [refresh] gets a new bearer token
 *   when the hub has refused the last
 * @property {{first?: number, most?: number, within?: number}} [retry] the waiting times in milliseconds: default 1 s, 30 s, and five minutes
 *   in all, which is half of the time for which a hub knows an idempotency key
 * @property {number} [connectTimeout] how long an answer may take once the request is sent, in milliseconds; default 30 s
 * @property {typeof fetch} [fetch] instead of the global one
 */

/**
 * @typedef {object} Attempt
 * @property {RequestInit & {duplex?: "half"}} init
 * @property {Promise<unknown>} [sent] from when on an answer is waited for; at once, without
 */

/** Statuses below 500 that are worth another attempt. */
const TRANSIENT = [408, 425, 429];

/** Default of `retry.within`. */
const WITHIN_MS = 300_000;

/** Sends requests to one hub. */
export class Requests {
  #base;
  #options;
  #token;
  /** @type {Promise<void> | null} */
  #refreshing = null;
  #stop = new AbortController();

  /**
   * @param {string | URL} url
   * @param {PublisherOptions} options
   */
  constructor(url, options) {
    this.#base = new URL(url);
    this.#base.pathname = this.#base.pathname.replace(/\/?$/, "/");
    this.#options = options;
    this.#token = options.token;
  }

  /** Ends everything that is under way. */
  close() {
    this.#stop.abort(new PublishError("closed", "the publisher was closed"));
  }

  /**
   * POSTs until there is an answer that stands.
   * @param {string} path
   * @param {() => Attempt} attempt makes the request, anew each time
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>} the answer's JSON
   * @throws {PublishError | unknown} the error, or the signal's reason
   */
  async post(path, attempt, signal) {
    const { retry = {} } = this.#options;
    const deadline = Date.now() + (retry.within ?? WITHIN_MS);
    const stop = signal ? AbortSignal.any([signal, this.#stop.signal]) : this.#stop.signal;
    let refreshed = false;
    for (let failures = 1; ; failures += 1) {
      stop.throwIfAborted();
      const token = this.#token;
      const { response, failed } = await this.#try(path, attempt(), token, stop);
      if (response?.ok) return response.json();
      const error = failed ?? (await refusal(/** @type {Response} */ (response)));
      const { status } = error;
      if ((status === 401 || status === 403) && this.#options.refresh && !refreshed) {
        refreshed = true;
        await this.#refresh(token, { status, reason: error.problem.reason ?? "" });
        continue;
      }
      refreshed = false;
      if (status !== 0 && status < 500 && !TRANSIENT.includes(status)) throw error;
      const wait = delay(failures, retry, response ? [retryAfter(response)] : []);
      if (Date.now() + wait > deadline) throw error;
      await pause(wait, stop);
    }
  }

  /**
   * @param {string} path
   * @param {Attempt} attempt
   * @param {string | undefined} token
   * @param {AbortSignal} stop
   * @returns {Promise<{response?: Response, failed?: PublishError}>}
   */
  async #try(path, { init, sent }, token, stop) {
    const headers = new Headers(this.#options.headers);
    for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
    if (token) headers.set("authorization", `Bearer ${token}`);
    const late = new AbortController();
    const limit = this.#options.connectTimeout ?? 30_000;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    let over = false;
    Promise.resolve(sent).then(() => {
      if (!over) timer = setTimeout(() => late.abort(), limit);
    });
    try {
      const signal = AbortSignal.any([late.signal, stop]);
      const response = await (this.#options.fetch ?? fetch)(new URL(path, this.#base), { ...init, method: "POST", headers, signal });
      return { response };
    } catch (cause) {
      stop.throwIfAborted();
      const [kind, what] = late.signal.aborted ? ["timeout", `gave no answer within ${limit} ms`] : ["unreachable", "cannot be reached"];
      return { failed: new PublishError(kind, `the hub at ${this.#base.origin} ${what}`, { cause }) };
    } finally {
      over = true;
      clearTimeout(timer);
    }
  }

  /**
   * Asks for a new token, once for all requests whose token was refused.
   * @param {string | undefined} refused
   * @param {{status: number, reason: string}} cause
   */
  async #refresh(refused, cause) {
    if (refused !== this.#token) return;
    const refresh = async () => {
      this.#token = (await this.#options.refresh?.(cause)) ?? this.#token;
    };
    this.#refreshing ??= refresh().finally(() => (this.#refreshing = null));
    await this.#refreshing.catch((error) => {
      const message = `the hub refused the token with ${cause.status}, and the refresh hook gave no other: ${error}`;
      throw new PublishError("unauthorized", message, { status: cause.status, cause: error });
    });
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const aborted = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", aborted);
      resolve();
    }, ms);
    signal.addEventListener("abort", aborted, { once: true });
  });
}
