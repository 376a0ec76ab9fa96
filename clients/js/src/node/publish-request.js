// One request of a publisher, tried again by the rules that all clients wait by.

import { delay } from "../backoff.js";
import { answerOf, readText } from "./publish-answer.js";
import { PublishError } from "./publish-error.js";

/**
 * @typedef {object} PublisherOptions
 * @property {HeadersInit} [headers] of every request
 * @property {string} [token] bearer token to begin with
 * @property {(cause: {status: number, reason: string}) => string | void | Promise<string | void>} [refresh] gets a new bearer token
 *   when the hub has refused the last; when it fails, it is asked again after the usual wait
 * @property {{first?: number, most?: number, within?: number}} [retry] the waiting times in milliseconds: default 1 s, 30 s, and five minutes
 *   in all, which is half of the time for which a hub knows an idempotency key
 * @property {number} [connectTimeout] how long an answer may take once the request is sent, its body included, in milliseconds; default 30 s
 * @property {typeof fetch} [fetch] instead of the global one
 */

/**
 * @typedef {object} Attempt
 * @property {RequestInit & {duplex?: "half"}} init
 * @property {Promise<unknown>} [sent] from when on an answer is waited for; at once, without
 */

/** Default of `retry.within`. */
const WITHIN_MS = 300_000;

/** Sends requests to one hub. */
export class Requests {
  #base;
  #options;
  /** @type {string | undefined} */
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
    const { protocol, username, password } = this.#base;
    if (!/^https?:$/.test(protocol) || username || password) {
      throw new TypeError("the address of a hub begins with http: or https:, and has no password: that belongs into the token or a header");
    }
    this.#base.pathname = this.#base.pathname.replace(/\/?$/, "/");
    this.#options = options;
    if (options.token) this.#token = checked(options.token);
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
    let isFresh = false;
    for (let failures = 0; ; ) {
      stop.throwIfAborted();
      const token = this.#token;
      const outcome = await this.#try(path, attempt(), token, stop);
      if (!(outcome instanceof PublishError)) return outcome;
      let error = outcome;
      if (error.isUnauthorized && this.#options.refresh && !isFresh) {
        const failed = await unlessStopped(this.#refresh(token, error), stop);
        isFresh = !failed;
        if (!failed) continue;
        // Whoever gives tokens is down, which passes.
        error = failed;
      } else {
        isFresh = false;
        if (!error.isPassing) throw error;
      }
      failures += 1;
      const wait = delay(failures, retry, [error.retryAfter]);
      if (Date.now() + wait > deadline) throw error;
      await pause(wait, stop);
    }
  }

  /**
   * @param {string} path
   * @param {Attempt} attempt
   * @param {string | undefined} token
   * @param {AbortSignal} stop
   * @returns {Promise<any>} the answer's JSON, or the `PublishError` with which the attempt has failed
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
    const begin = () => {
      if (!over) timer ??= setTimeout(() => late.abort(), limit);
    };
    Promise.resolve(sent).then(begin);
    /** @type {Response | undefined} */
    let response;
    try {
      const signal = AbortSignal.any([late.signal, stop]);
      response = await (this.#options.fetch ?? fetch)(new URL(path, this.#base), { ...init, method: "POST", headers, signal });
      begin();
      return answerOf(response, await readText(response));
    } catch (cause) {
      stop.throwIfAborted();
      // A refusal needs no document.
      if (response && !response.ok) return answerOf(response, "");
      const [kind, what] = late.signal.aborted ? ["timeout", `gave no answer within ${limit} ms`] : ["unreachable", "cannot be reached"];
      return new PublishError(kind, `the hub at ${this.#base.origin} ${what}`, { cause });
    } finally {
      over = true;
      clearTimeout(timer);
    }
  }

  /**
   * Asks for a new token, once for all requests whose token was refused.
   * @param {string | undefined} refused
   * @param {PublishError} error
   * @returns {Promise<PublishError | undefined>} why there is none
   */
  async #refresh(refused, { status, problem }) {
    if (refused !== this.#token) return;
    const refresh = async () => {
      const token = await this.#options.refresh?.({ status, reason: problem.reason ?? "" });
      if (token) this.#token = checked(token);
    };
    this.#refreshing ??= refresh().finally(() => (this.#refreshing = null));
    try {
      await this.#refreshing;
    } catch (cause) {
      const message = `the hub refused the token with ${status}, and the refresh hook gave no other: ${cause}`;
      return new PublishError("unauthorized", message, { status, problem, cause });
    }
  }
}

/**
 * @param {string} token
 * @throws {TypeError} when no header can hold it
 */
function checked(token) {
  try {
    new Headers({ authorization: `Bearer ${token}` });
  } catch {
    // The error of the platform shows the token.
    throw new TypeError("a bearer token cannot be sent as a header: it has line ends or letters beyond Latin-1");
  }
  return token;
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} signal
 * @returns {Promise<T>} what the promise gives, or the signal's reason, whichever comes first
 */
function unlessStopped(promise, signal) {
  return new Promise((resolve, reject) => {
    const stopped = () => reject(signal.reason);
    if (signal.aborted) stopped();
    signal.addEventListener("abort", stopped, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stopped));
  });
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
async function pause(ms, signal) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const over = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
  await unlessStopped(over, signal).finally(() => clearTimeout(timer));
}
