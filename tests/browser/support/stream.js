// A native EventSource inside a page, driven and read from a test.

import { until } from "./until.js";

const CONTROL_TYPES = ["headwater.gap", "headwater.closing", "headwater.end"];

/**
 * What the page saw.
 * @typedef {{type: string, data?: string, id?: string, state: number}} Seen
 */

/** One EventSource in a page. */
export class Stream {
  /**
   * @param {import("playwright-core").Page} page
   * @param {number} index
   * @param {{url: string, lastEventId: string | undefined}[]} requests
   */
  constructor(page, index, requests) {
    this.page = page;
    this.index = index;
    /** Every request the browser made for it, with the `Last-Event-ID` it sent. */
    this.requests = requests;
  }

  /**
   * @param {import("playwright-core").Page} page
   * @param {string} url
   * @param {{types?: string[], withCredentials?: boolean}} [options]
   */
  static async open(page, url, { types = [], withCredentials = false } = {}) {
    /** @type {{url: string, lastEventId: string | undefined}[]} */
    const requests = [];
    page.on("request", async (request) => {
      if (request.url() !== url) return;
      const seen = { url: request.url(), lastEventId: undefined };
      requests.push(seen);
      seen.lastEventId = (await request.allHeaders())["last-event-id"];
    });
    const index = await page.evaluate(
      ({ url, types, withCredentials }) => {
        const streams = (window.streams ??= []);
        const source = new EventSource(url, { withCredentials });
        const seen = [];
        source.onopen = () => seen.push({ type: "open", state: source.readyState });
        source.onerror = () => seen.push({ type: "error", state: source.readyState });
        for (const type of types) {
          source.addEventListener(type, (event) =>
            seen.push({ type, data: event.data, id: event.lastEventId, state: source.readyState }),
          );
        }
        return streams.push({ source, seen }) - 1;
      },
      { url, types: ["message", ...CONTROL_TYPES, ...types], withCredentials },
    );
    return new Stream(page, index, requests);
  }

  /** @returns {Promise<Seen[]>} everything seen so far */
  seen() {
    return this.page.evaluate((index) => window.streams[index].seen, this.index);
  }

  /** @returns {Promise<number>} 0 connecting, 1 open, 2 closed */
  state() {
    return this.page.evaluate((index) => window.streams[index].source.readyState, this.index);
  }

  /**
   * Waits until something of a type has been seen often enough, and returns all of that type.
   * @param {string} type
   * @param {number} [times]
   */
  async wait(type, times = 1) {
    /** @type {Seen[]} */
    let all = [];
    await until(
      () => `${times} × ${type} was seen, only ${JSON.stringify(all)}`,
      async () => {
        all = await this.seen();
        return all.filter((each) => each.type === type).length >= times;
      },
    );
    return all.filter((each) => each.type === type);
  }

  /** Waits until EventSource has given up for good. */
  async closed() {
    await until("EventSource is closed", async () => (await this.state()) === 2);
  }

  /** Ends it. */
  close() {
    return this.page.evaluate((index) => window.streams[index].source.close(), this.index);
  }
}
