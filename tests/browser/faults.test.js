// Our client in real pages when something between it and the hub, or the browser itself, fails. Whatever happens, each page sees
// every event once and in order.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { FaultyProxy } from "./support/faulty-proxy.js";
import { setStage } from "./support/stage.js";
import { until } from "./support/until.js";

const stage = setStage("faults", { config: 'heartbeat = "1s"\nretry = "100ms"\n' });
/** @type {FaultyProxy} */
let proxy;
/** What was published on the test's topic. @type {{id: string, data: string}[]} */
let published = [];

beforeEach(async () => {
  proxy = await FaultyProxy.start(stage.hub.port);
  published = [];
});

afterEach(() => proxy.close());

/**
 * Opens a stream in a new page, and does not wait for it.
 * @param {string} url of the hub, or of the proxy before it
 * @param {Record<string, unknown>} [options]
 */
async function begin(url, options = {}) {
  const tab = await stage.context.newPage();
  /** @type {string[]} */
  const modules = [];
  tab.on("request", (request) => modules.push(new URL(request.url()).pathname));
  await tab.goto(stage.server.here);
  await tab.evaluate(
    async ({ url, options }) => {
      const { default: EventSource } = await import("/client/eventsource.js");
      window.seen = [];
      window.states = [];
      window.source = new EventSource(url, {
        persistent: true,
        retry: { first: 10, most: 50 },
        onState: ({ name, transport, reason, status }) => window.states.push([name, transport, reason, status].filter(Boolean).join(" ")),
        ...options,
      });
      window.source.onmessage = ({ data, lastEventId: id }) => window.seen.push({ id, data });
    },
    { url: `${url}/v1/events?topic=${stage.topic}`, options },
  );
  return { tab, modules };
}

/** @param {import("playwright-core").Page} tab */
const isOpen = (tab) => tab.evaluate(() => window.source.readyState === 1);

/**
 * Opens a stream in a new page and waits until it is open.
 * @param {string} url
 * @param {Record<string, unknown>} [options]
 */
async function open(url, options) {
  const page = await begin(url, options);
  await until("the stream is open", () => isOpen(page.tab));
  return page;
}

async function publish(times = 3) {
  for (let n = 0; n < times; n += 1) {
    const data = `${published.length}`;
    published.push({ id: await stage.hub.publish(stage.topic, data), data });
  }
}

/**
 * The page has seen what was published, under the ids the hub gave.
 * @param {import("playwright-core").Page} tab
 */
async function saw(tab) {
  /** @type {{id: string, data: string}[]} */
  let seen = [];
  await until(
    () => `${published.length} events were seen, not ${seen.length}`,
    async () => (seen = await tab.evaluate(() => window.seen)).length >= published.length,
  );
  assert.deepEqual(seen, published);
}

/**
 * Waits until the client has told a state.
 * @param {import("playwright-core").Page} tab
 * @param {string} state
 */
async function became(tab, state) {
  /** @type {string[]} */
  let states = [];
  await until(
    () => `the state was ${state}, only ${states}`,
    async () => (states = await tab.evaluate(() => window.states)).includes(state),
  );
}

/** How many of the topic's streams the hub has open. */
async function streams() {
  const response = await fetch(`${stage.hub.url}/v1/topics/${stage.topic}`);
  return response.ok ? (await response.json()).sessions : 0;
}

// BRW-02, BRW-03, BRW-04
test("a proxy that gathers answers: long poll goes on under the same ids, and is loaded only then", async () => {
  const { tab, modules } = await open(proxy.url, { fallback: { late: 3000 } });
  await publish();
  await saw(tab);
  const polls = () => modules.filter((path) => /poll\.js$/.test(path));
  assert.deepEqual(polls(), []);
  proxy.gathering = true;
  proxy.cut();
  await publish();
  await became(tab, "open poll");
  await publish();
  await saw(tab);
  assert.equal(polls().length, 1, `${modules}`);
});

// BRW-09
test("a connection that is open and brings nothing is given up after 2.5 heartbeats", async () => {
  const { tab, modules } = await open(proxy.url);
  await publish();
  await saw(tab);
  assert.equal(proxy.stall(), 1);
  await publish();
  await became(tab, "waiting silent");
  await publish();
  await saw(tab);
  assert.equal(modules.filter((path) => path === "/v1/events").length, 2);
});

test("502 for a while", async () => {
  const { tab } = await open(proxy.url);
  await publish();
  await saw(tab);
  proxy.refusing = true;
  proxy.cut();
  await publish();
  await became(tab, "waiting refused 502");
  await until("it has come back in vain", () => proxy.refusals >= 5);
  proxy.refusing = false;
  await publish();
  await saw(tab);
});

for (const transport of ["stream", "auto"]) {
  test(`connections cut at random bytes, transport ${transport}`, async (t) => {
    const seed = Number(process.env.FAULT_SEED ?? Math.floor(Math.random() * 2 ** 32));
    t.diagnostic(`FAULT_SEED=${seed}`);
    const random = generator(seed);
    const { tab } = await open(proxy.url, { transport });
    await publish(1);
    // From here on it has a cursor to come back with.
    await saw(tab);
    proxy.limit = () => Math.floor(random() * 2000);
    proxy.cut();
    await publish(300);
    await saw(tab);
    assert.ok(proxy.cuts >= 5, `${proxy.cuts} cuts`);
    t.diagnostic(`${proxy.cuts} cuts`);
  });
}

test("a leader whose tab crashes: another goes on after its last event", async () => {
  const { tab: leader } = await open(proxy.url, { share: true });
  const { tab: follower } = await open(proxy.url, { share: true });
  await publish();
  await saw(follower);
  // What is published now comes to nobody before the follower has tried to lead.
  proxy.refusing = true;
  const crashed = new Promise((resolve) => leader.once("crash", resolve));
  const debug = await stage.context.newCDPSession(leader);
  // Nobody is left to answer.
  debug.send("Page.crash").catch(() => {});
  await crashed;
  await publish();
  await until("the follower leads", () => proxy.refusals);
  proxy.refusing = false;
  await saw(follower);
  await until("there is one stream", async () => (await streams()) === 1);
});

test("what is loaded beside the first request does not come at once: events are seen, and a gap as soon as it is there", async () => {
  let missing = true;
  let asked = 0;
  await stage.context.route("**/client/beside.js", (route) => {
    asked += 1;
    return missing ? route.abort() : route.continue();
  });
  const { tab } = await open(proxy.url);
  await publish();
  await saw(tab);
  assert.ok(asked, "it was asked for");
  await tab.evaluate(() => {
    window.gaps = [];
    window.source.addEventListener("headwater.gap", (event) => window.gaps.push(JSON.parse(event.data).reason));
  });
  await stage.hub.kill();
  await stage.hub.wipe();
  await stage.hub.start();
  await became(tab, "waiting broken");
  missing = false;
  await until("the gap is told", () => tab.evaluate(() => window.gaps.length));
  assert.deepEqual(await tab.evaluate(() => window.gaps), ["epoch"]);
  await stage.context.unroute("**/client/beside.js");
});

test("what an option needs and does not load at first is asked for again", async () => {
  let missing = 2;
  await stage.context.route("**/client/extras.js", (route) => (missing-- > 0 ? route.abort() : route.continue()));
  const { tab } = await open(stage.hub.url, { share: true });
  const states = await tab.evaluate(() => window.states);
  assert.equal(states.filter((state) => state === "waiting unreachable").length, 2, `${states}`);
  await publish();
  await saw(tab);
  await stage.context.unroute("**/client/extras.js");
});

// BRW-06: what sharing is for.
test("eight tabs with a stream each: six receive, and one more as soon as one of them is closed", async () => {
  const tabs = [];
  for (let n = 0; n < 8; n += 1) tabs.push((await begin(stage.hub.url, { transport: "stream" })).tab);
  const receiving = async () => {
    const open = await Promise.all(tabs.map(isOpen));
    return tabs.filter((_, n) => open[n]);
  };
  await until("six are open", async () => (await receiving()).length >= 6);
  await publish();
  const six = await receiving();
  assert.equal(six.length, 6);
  for (const tab of six) await saw(tab);
  assert.equal(await streams(), 6);
  const starving = tabs.find((tab) => !six.includes(tab));
  assert.deepEqual(await starving?.evaluate(() => window.seen), []);
  await six[0].evaluate(() => window.source.close());
  await until("a seventh is open", async () => (await receiving()).some((tab) => !six.includes(tab)));
});

/**
 * Numbers from 0 to 1 that are the same for the same seed: mulberry32.
 * @param {number} seed
 */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
