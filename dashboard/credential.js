// The token of whoever is signed in: in memory, and in this tab's session storage only if they want it so. It is sent as a
// bearer token and never part of an address.

const KEY = "headwater-token";

/**
 * What a token says about itself. Nobody has verified it here; the hub does with every request.
 * @typedef {{subject: string, admin: boolean, subscribe: string[], publish: string[], expires: number | null}} Claims
 */

class Credential {
  token = "";
  /** @type {Claims | null} */
  claims = null;
  /** Whether the hub has refused it, or that there is none. */
  refused = false;
  /** Told when somebody signs in or out. @type {Set<() => void>} */
  listeners = new Set();

  constructor() {
    try {
      this.#take(sessionStorage.getItem(KEY) ?? "");
    } catch {
      // Nothing is kept where storage is off.
    }
  }

  /** Seconds until it expires, or null if it does not or there is none. */
  get left() {
    const expires = this.claims?.expires ?? null;
    return expires === null ? null : expires - Date.now() / 1000;
  }

  /**
   * @param {string} token
   * @param {boolean} keep whether a reload of this tab still has it
   */
  signIn(token, keep) {
    this.#take(token);
    store(keep ? token : "");
    for (const listener of this.listeners) listener();
  }

  signOut() {
    this.#take("");
    store("");
    for (const listener of this.listeners) listener();
  }

  /** @param {string} token */
  #take(token) {
    this.token = token;
    this.refused = false;
    this.claims = token ? claimsOf(token) : null;
  }
}

/** The page's one credential. */
export const credential = new Credential();

/**
 * What a token says, or null if it is no JWT.
 * @param {string} token
 * @returns {Claims | null}
 */
export function claimsOf(token) {
  try {
    const base64 = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    const said = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const rights = said.headwater ?? {};
    const texts = (/** @type {unknown} */ list) => (Array.isArray(list) ? list.map(String) : []);
    return {
      subject: typeof said.sub === "string" ? said.sub : "",
      admin: rights.admin === true,
      subscribe: texts(rights.subscribe),
      publish: texts(rights.publish),
      expires: typeof said.exp === "number" ? said.exp : null,
    };
  } catch {
    return null;
  }
}

/** @param {string} token */
function store(token) {
  try {
    if (token) sessionStorage.setItem(KEY, token);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Then it is gone with a reload.
  }
}
