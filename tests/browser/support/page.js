// What the tests of the hub's page share: a hub, a browser, a fresh page for each test, and no complaint of the browser at its
// end but those a test expects.

import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, afterEach, before, beforeEach } from "node:test";
import axe from "axe-core";
import { complaints, launch } from "./browser.js";
import { Hub } from "./hub.js";
import { until } from "./until.js";

/** Hub, browser and page of a file of tests. */
export class Bench {
  /** @type {Hub} */
  hub;
  /** @type {import("playwright-core").Browser} */
  browser;
  /** @type {import("playwright-core").Page} */
  page;
  /** What a test expects the browser to complain about: a hub that is down, a refusal. @type {RegExp | null} */
  expected = null;
  /** A topic of the test's own. */
  topic = "";
  /** @type {string[]} */
  found = [];
  #topics = 0;
  /** @type {(() => void)[]} */
  #ends = [];

  /**
   * Sets up everything around the tests of this file.
   * @param {string} [config] of the hub
   */
  constructor(config = "") {
    before(async () => {
      [this.hub, this.browser] = await Promise.all([Hub.start(config), launch()]);
    });
    after(async () => {
      await this.browser?.close();
      await this.hub?.remove();
    });
    beforeEach(async () => {
      this.topic = `page/${++this.#topics}`;
      this.expected = null;
      this.page = await this.browser.newPage();
      this.found = complaints(this.page);
    });
    afterEach(async () => {
      for (const end of this.#ends.splice(0)) end();
      await this.page.context().close();
      assert.deepEqual(this.found.filter((each) => !this.expected?.test(each)), []);
    });
  }

  /**
   * Opens a view, and waits until it has what the hub tells.
   * @param {string} [view]
   */
  async open(view = "overview") {
    await this.page.goto(`${this.hub.url}/#/${view}`);
    await this.page.locator("#link[data-state=live]").waitFor();
  }

  /**
   * A reader that takes what comes, until the test ends.
   * @param {string} query
   * @param {Record<string, string>} [headers]
   */
  async read(query, headers = {}) {
    const stop = new AbortController();
    this.#ends.push(() => stop.abort());
    const response = await fetch(`${this.hub.url}/v1/events?${query}`, { headers, signal: stop.signal });
    assert.equal(response.status, 200);
    const drain = async () => {
      try {
        for await (const _ of response.body ?? []);
      } catch {
        // Ended with the test.
      }
    };
    drain();
  }

  /**
   * A reader that takes nothing at all, until the test ends.
   * @param {string} query
   */
  async deaf(query) {
    const socket = connect({ host: "127.0.0.1", port: this.hub.port });
    this.#ends.push(() => socket.destroy());
    socket.on("error", () => {});
    socket.pause();
    socket.write(`GET /v1/events?${query} HTTP/1.1\r\nHost: 127.0.0.1:${this.hub.port}\r\n\r\n`);
  }

  /**
   * One figure of `/metrics`.
   * @param {string} name
   * @param {Record<string, string>} [headers]
   */
  async metric(name, headers = {}) {
    const text = await (await fetch(`${this.hub.url}/metrics`, { headers })).text();
    const line = text.split("\n").find((each) => each.startsWith(`${name} `));
    assert.ok(line, `no ${name} in\n${text}`);
    return Number(line.split(" ")[1]);
  }

  /**
   * The hub's answer to a question of its own.
   * @param {string} path
   * @param {Record<string, string>} [headers]
   */
  async ask(path, headers = {}) {
    return (await fetch(`${this.hub.url}${path}`, { headers })).json();
  }

  /**
   * A field of the view that is shown.
   * @param {string} label
   */
  field(label) {
    return this.page.getByLabel(label, { exact: true }).filter({ visible: true });
  }

  /**
   * The text of the first element that a selector finds.
   * @param {string} selector
   */
  async text(selector) {
    return (await this.page.locator(selector).first().textContent()) ?? "";
  }

  /**
   * Waits until an element says something.
   * @param {string} selector
   * @param {RegExp} wanted
   */
  async says(selector, wanted) {
    let text = "";
    await until(
      () => `${selector} says ${wanted}, it says ${text}`,
      async () => wanted.test((text = await this.text(selector))),
    );
    return text;
  }

  /** What axe finds wrong with what is shown. */
  async flaws() {
    // Evaluated by the browser's own debugger, so that the page's policy stays as it is.
    await this.page.evaluate(`${axe.source}; void 0`);
    const found = await this.page.evaluate(() => /** @type {any} */ (globalThis).axe.run({ resultTypes: ["violations"] }));
    return found.violations.map((/** @type {any} */ each) => `${each.id}: ${each.nodes.map((/** @type {any} */ node) => node.html.slice(0, 120)).join(" | ")}`);
  }
}
