// A hub, pages and a browser for the tests of a file, and a browser context and a topic for each of them.

import { after, afterEach, before, beforeEach } from "node:test";
import { launch } from "./browser.js";
import { Hub } from "./hub.js";
import { ScriptServer } from "./script-server.js";

/**
 * @typedef {object} Stage
 * @property {Hub} hub
 * @property {ScriptServer} server
 * @property {import("playwright-core").Browser} browser
 * @property {import("playwright-core").BrowserContext} context
 * @property {string} topic
 */

/**
 * Sets the stage for the file that calls it. Its members are there when a test runs.
 * @param {string} name of the file, for its topics
 * @param {{config?: string, keepsPages?: boolean}} [options] of the hub and of the browser
 * @returns {Stage}
 */
export function setStage(name, { config, keepsPages } = {}) {
  const stage = /** @type {Stage} */ ({});
  let topics = 0;
  before(async () => {
    [stage.hub, stage.server, stage.browser] = await Promise.all([Hub.start(config), ScriptServer.start(), launch({ keepsPages })]);
  });
  after(async () => {
    await stage.browser?.close();
    await stage.server?.close();
    await stage.hub?.remove();
  });
  beforeEach(async () => {
    stage.context = await stage.browser.newContext();
    stage.topic = `${name}/${++topics}`;
  });
  afterEach(() => stage.context.close());
  return stage;
}
