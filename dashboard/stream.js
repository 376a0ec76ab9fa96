// The page's streams: the project's own client, with the credential of whoever is signed in.

import { subscribe } from "/client/index.js";
import { refusalOf } from "./api.js";
import { credential } from "./credential.js";

/**
 * What the client says of its state: see its documentation.
 * @typedef {{name: string, reason?: string, failures?: number, delayMs?: number, status?: number, closing?: string,
 *   error?: unknown}} State
 */

/**
 * Follows a stream until it is closed.
 * @param {string} url
 * @param {object} options
 * @param {string} [options.lastEventId]
 * @param {(item: any) => void} options.onitem
 * @param {(state: State, refusal: import("./api.js").Refusal | null) => void} options.onstate told with what the hub refused last
 * @returns {{close: () => void, readonly lastEventId: string}}
 */
export function follow(url, { lastEventId, onitem, onstate }) {
  let closed = false;
  /** @type {import("./api.js").Refusal | null} */
  let refusal = null;
  const { token } = credential;
  const subscription = subscribe(url, {
    token: token || undefined,
    // A refusal says more than the client tells of it.
    fetch: async (/** @type {RequestInfo | URL} */ input, /** @type {RequestInit | undefined} */ init) => {
      const response = await fetch(input, init);
      refusal = response.ok ? null : await refusalOf(response.clone(), token);
      return response;
    },
    lastEventId,
    retry: { most: 10_000 },
    onState: (/** @type {State} */ state) => {
      if (!closed) onstate(state, refusal);
    },
  });
  (async () => {
    try {
      for await (const item of subscription) if (!closed) onitem(item);
    } catch {
      // Told by the state.
    }
  })();
  return {
    close() {
      closed = true;
      subscription.close();
    },
    get lastEventId() {
      return subscription.lastEventId ?? "";
    },
  };
}
