// Our client in a page that is hidden, sleeps, and is looked at again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Window } from "./support/bare-tab.js";
import { FaultyProxy } from "./support/faulty-proxy.js";
import { setStage } from "./support/stage.js";
import { until } from "./support/until.js";

/** What the hub tells its readers, and after how much silence they give a stream up. */
const HEARTBEAT_MS = 1000;
const SILENT_MS = 2.5 * HEARTBEAT_MS;

const stage = setStage("visible", { config: `heartbeat = "${HEARTBEAT_MS}ms"\nretry = "100ms"\n` });

// CLI-03
test("a hidden page that has slept through the end of its stream resumes at once when it is visible", async (t) => {
  const proxy = await FaultyProxy.start(stage.hub.port);
  t.after(() => proxy.close());
  const window = await Window.open(stage.browser);
  t.after(() => window.close());
  const tab = await window.tab(stage.server.here);
  await until("the page is there", () => tab.evaluate(() => document.readyState === "complete" && location.protocol === "http:"));
  await tab.evaluate(follow, `${proxy.url}/v1/events?topic=${stage.topic}`);
  const states = () => tab.evaluate(() => window.states);
  const seen = () => tab.evaluate(() => window.seen);
  await until("the stream is open", async () => (await states()).includes("open"));
  await stage.hub.publish(stage.topic, "0");
  await until("an event is seen", async () => (await seen()).length === 1);

  await window.tab("about:blank");
  await until("the page is hidden", () => tab.evaluate(() => document.hidden));
  // From here on nothing comes through; and the page sleeps as soon as it would run anything, its watchdog included.
  assert.equal(proxy.stall(), 1);
  await tab.send("Debugger.enable");
  await tab.send("Debugger.pause");
  await until("the page sleeps", () => tab.events.includes("Debugger.paused"));
  const overslept = Date.now() + SILENT_MS;
  await stage.hub.publish(stage.topic, "1");
  await until("its stream would have been given up", () => Date.now() > overslept);

  // A page that is paused would not be told that it is visible.
  await tab.send("Debugger.resume");
  await tab.show();
  await stage.hub.publish(stage.topic, "2");
  await until("everything is seen", async () => (await seen()).length === 3);
  assert.deepEqual(await seen(), ["0", "1", "2"]);
  // At once: not after the watchdog has counted on, which would be told as `silent`.
  assert.deepEqual((await states()).slice(1), ["open", "connecting", "open"]);
});

/**
 * Opens a stream. Runs in the page.
 * @param {string} url
 */
async function follow(url) {
  // @ts-ignore: an address of the page's server
  const { default: EventSource } = await import("/client/eventsource.js");
  window.seen = [];
  window.states = [];
  const source = new EventSource(url, {
    persistent: true,
    transport: "stream",
    onState: ({ name, reason }) => window.states.push(reason ? `${name} ${reason}` : name),
  });
  source.onmessage = ({ data }) => window.seen.push(data);
}
