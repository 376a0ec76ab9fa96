// Our client in real pages against a real hub: tabs that share one stream (BRW-06), the life of a page (CLI-03, BRW-08), and
// faults. Whatever happens, each tab sees every event once and in order.

import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { setStage } from "./support/stage.js";
import { until } from "./support/until.js";

const stage = setStage("client", { keepsPages: true });
/** What was published on the test's topic. @type {string[]} */
let published = [];

beforeEach(() => {
  published = [];
});

/**
 * Opens a stream in a page that is there, or in a new one.
 * @param {Record<string, unknown>} options
 * @param {import("playwright-core").Page} [page]
 */
async function open(options, page) {
  const tab = page ?? (await stage.context.newPage());
  if (!page) await tab.goto(stage.server.here);
  await tab.evaluate(
    async ({ url, options: { stored, ...options } }) => {
      const { default: EventSource } = await import("/client/eventsource.js");
      const { sessionStore } = await import("/client/store.js");
      window.seen = [];
      window.gaps = [];
      window.source = new EventSource(url, {
        persistent: true,
        retry: { first: 50, most: 200 },
        ...(stored ? { store: sessionStore() } : {}),
        ...options,
      });
      window.source.onmessage = (event) => window.seen.push(event.data);
      window.source.addEventListener("headwater.gap", (event) => window.gaps.push(JSON.parse(event.data).reason));
      // What follows the life of the page comes beside the first request.
      await import("/client/beside.js");
    },
    { url: `${stage.hub.url}/v1/events?topic=${stage.topic}`, options },
  );
  await until("the stream is open", () => tab.evaluate(() => window.source.readyState === 1));
  return tab;
}

async function publish(times = 3) {
  for (let n = 0; n < times; n += 1) {
    const data = `${published.length}`;
    await stage.hub.publish(stage.topic, data);
    published.push(data);
  }
}

/** @param {import("playwright-core").Page} tab */
async function saw(tab, expected = published) {
  /** @type {string[]} */
  let seen = [];
  await until(
    () => `${expected.length} events were seen: ${seen}`,
    async () => (seen = await tab.evaluate(() => window.seen)).length >= expected.length,
  );
  assert.deepEqual(seen, expected);
}

/** How many of the topic's streams the hub has open. */
async function streams() {
  const response = await fetch(`${stage.hub.url}/v1/topics/${stage.topic}`);
  return response.ok ? (await response.json()).sessions : 0;
}

describe("tabs that share one stream", () => {
  test("eight tabs have one connection, and each sees everything", async () => {
    const tabs = [];
    for (let n = 0; n < 8; n += 1) tabs.push(await open({ share: true }));
    await publish();
    for (const tab of tabs) await saw(tab);
    assert.equal(await streams(), 1);
  });

  test("when the leader is closed another goes on after its last event", async () => {
    const leader = await open({ share: true });
    const follower = await open({ share: true });
    await publish();
    await saw(follower);
    await leader.close();
    await publish();
    await saw(follower);
    assert.equal(await streams(), 1);
  });

  test("a leader that is stopped loses the lead, and catches up when it goes on", async () => {
    const leader = await open({ share: true });
    const follower = await open({ share: true });
    await publish();
    await saw(follower);
    const debug = await stage.context.newCDPSession(leader);
    await debug.send("Debugger.enable");
    // It stops as soon as it would run anything, its answer to the follower included.
    await debug.send("Debugger.pause");
    await publish();
    await saw(follower);
    await debug.send("Debugger.resume");
    await debug.send("Debugger.disable");
    await publish();
    await saw(leader);
    await saw(follower);
  });

  test("a tab with a cursor of its own is given what it lacks, and follows from there", async () => {
    const leader = await open({ share: true });
    const first = await stage.hub.publish(stage.topic, "first");
    await publish();
    await saw(leader, ["first", ...published]);
    const follower = await open({ share: true, lastEventId: first });
    await saw(follower);
    await publish();
    await saw(follower);
    assert.equal(await streams(), 1);
  });

  test("other addresses and other names are other streams", async () => {
    await open({ share: "anna" });
    await open({ share: "bert" });
    await publish(1);
    assert.equal(await streams(), 2);
  });
});

describe("the life of a page", () => {
  test("offline and online again", async () => {
    const tab = await open({});
    await publish();
    await saw(tab);
    await stage.context.setOffline(true);
    await until("it is not open", () => tab.evaluate(() => window.source.readyState === 0));
    await publish();
    await stage.context.setOffline(false);
    await saw(tab);
  });

  test("frozen and resumed", async () => {
    const tab = await open({});
    const debug = await stage.context.newCDPSession(tab);
    await debug.send("Page.setWebLifecycleState", { state: "frozen" });
    await until("the connection is given up", async () => (await streams()) === 0);
    await publish();
    await debug.send("Page.setWebLifecycleState", { state: "active" });
    await saw(tab);
  });

  test("a page that is kept for the back button gives its connection up, and resumes when it is fetched back", async () => {
    const tab = await open({});
    await publish();
    await saw(tab);
    await tab.evaluate(() => addEventListener("pageshow", ({ persisted }) => console.info("kept", persisted)));
    await tab.goto(stage.server.there);
    await until("the connection is given up", async () => (await streams()) === 0);
    await publish();
    const back = tab.waitForEvent("console", { timeout: 20_000 });
    await tab.goBack({ waitUntil: "commit" });
    assert.equal((await back).text(), "kept true");
    await publish();
    await saw(tab);
  });

  test("reloaded: it goes on with its stored cursor", async () => {
    const tab = await open({ stored: true });
    await publish();
    await saw(tab);
    await tab.reload();
    await publish();
    await open({ stored: true }, tab);
    await saw(tab, published.slice(3));
    // BRW-08: what can no longer be given is told.
    await stage.hub.kill();
    await stage.hub.wipe();
    await stage.hub.start();
    await until("the gap is told", () => tab.evaluate(() => window.gaps.length));
    assert.deepEqual(await tab.evaluate(() => window.gaps), ["epoch"]);
  });
});

describe("faults", () => {
  test("kill -9 of the hub", async () => {
    const tab = await open({});
    for (let round = 0; round < 3; round += 1) {
      await publish();
      await stage.hub.kill();
      await stage.hub.start();
    }
    await publish();
    await saw(tab);
  });
});
