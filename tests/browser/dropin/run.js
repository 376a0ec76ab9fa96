// Runs one scenario in a page with the class it is given, and returns what happened.

/** Longest wait for a condition, far above what a slow machine needs. */
const BOUND_MS = 30_000;

/**
 * @param {(page: Page) => unknown} scenario
 * @param {typeof EventSource} Source
 * @param {{here: string, there: string}} origins
 * @returns {Promise<unknown[]>} the trace
 */
export async function run(scenario, Source, origins) {
  const page = new Page(Source, origins);
  try {
    await scenario(page);
  } finally {
    for (const source of page.sources) source.close();
  }
  return page.trace;
}

/** What a scenario works with. */
export class Page {
  /** @type {unknown[]} */
  trace = [];
  /** @type {EventSource[]} */
  sources = [];

  /**
   * @param {typeof EventSource} Source
   * @param {{here: string, there: string}} origins
   */
  constructor(Source, { here, there }) {
    this.Source = Source;
    this.here = here;
    this.there = there;
  }

  /**
   * A source whose events are traced from its first on.
   * @param {string} url
   * @param {{types?: string[], withCredentials?: boolean}} [options]
   */
  open(url, { types = [], ...init } = {}) {
    const source = new this.Source(url, init);
    this.sources.push(source);
    source.onopen = (event) => this.note(source, event);
    source.onerror = (event) => this.note(source, event);
    for (const type of ["message", ...types]) source.addEventListener(type, (event) => this.note(source, event));
    return source;
  }

  /**
   * @param {EventSource} source
   * @param {Event} event
   */
  note(source, event) {
    const entry = { type: event.type, state: source.readyState };
    if (event instanceof MessageEvent) {
      Object.assign(entry, { data: event.data, id: event.lastEventId, origin: this.named(event.origin) });
    }
    this.trace.push(entry);
  }

  /** @param {string} url with an origin that differs from run to run */
  named(url) {
    return url.replace(this.here, "{here}").replace(this.there, "{there}");
  }

  /** @param {unknown} value */
  log(value) {
    this.trace.push(value);
  }

  /**
   * What an expression throws.
   * @param {() => unknown} action
   */
  thrown(action) {
    try {
      action();
      this.log("nothing thrown");
    } catch (error) {
      this.log({ name: error.name, code: error.code, dom: error instanceof DOMException, type: error instanceof TypeError });
    }
  }

  /**
   * Waits for the n-th event of a type since the call.
   * @param {EventSource} source
   * @param {string} type
   */
  once(source, type, times = 1) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no ${type} ×${times}: ${JSON.stringify(this.trace)}`)), BOUND_MS);
      let seen = 0;
      const listener = () => {
        if (++seen < times) return;
        clearTimeout(late);
        source.removeEventListener(type, listener);
        resolve(undefined);
      };
      source.addEventListener(type, listener);
    });
  }

  /**
   * Waits until a source has given up.
   * @param {EventSource} source
   */
  async closed(source) {
    while (source.readyState !== 2) await this.once(source, "error");
  }

  /** Long enough for the next event of the same network, if there were one: a round trip to the server, thrice. */
  async settle() {
    for (let n = 0; n < 3; n += 1) await fetch(`${this.here}/`);
  }
}
