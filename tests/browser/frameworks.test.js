// The React hook and the Vue composable in a real browser, against a real hub (CLI-02).

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { complaints, launch } from "./support/browser.js";
import { bundle } from "./support/bundle.js";
import { Hub } from "./support/hub.js";
import { servePage } from "./support/page-server.js";
import { until } from "./support/until.js";

/** @type {Hub} */
let hub;
/** @type {import("playwright-core").Browser} */
let browser;
/** @type {import("playwright-core").Page} */
let page;
/** @type {Awaited<ReturnType<typeof servePage>>} */
let server;
let topics = 0;
/** A topic of its own for every test. */
let topic = "";
/** Addresses of the hub that the page has asked for. @type {string[]} */
let requests = [];
/** @type {string[]} */
let wrong = [];

before(async () => {
  [hub, browser, server] = await Promise.all([Hub.start(), launch(), servePage()]);
});

after(async () => {
  await browser?.close();
  await server?.close();
  await hub?.remove();
});

for (const [framework, entry] of [["React", "frameworks/react.jsx"], ["Vue", "frameworks/vue.js"]]) {
  describe(framework, () => {
    /** @type {string} */
    let script;
    before(async () => {
      script = await bundle(entry);
    });

    beforeEach(() => open(script));

    test("events are shown, and the stream is closed with its component", async () => {
      await mount(events(topic));
      await shows({ state: "open", count: 0 });
      await hub.publish(topic, "one");
      await hub.publish(topic, "two");
      await shows({ count: 2, last: ["one", "two"], error: null });
      assert.equal(await hub.sessions(), 2, "the page's and the one that counts");
      await page.evaluate(() => window.app.unmount());
      await until("the hub has no session of the page", async () => (await hub.sessions()) === 1);
      assert.equal(requests.length, 1);
      assert.deepEqual(wrong, []);
    });

    test("another address is another subscription, which shows nothing of the one before", async () => {
      await mount(events(topic));
      await shows({ state: "open" });
      await hub.publish(topic, "before");
      await shows({ count: 1 });
      await page.evaluate((url) => window.app.setUrl(url), events(`${topic}/other`));
      await shows({ state: "open", count: 0, last: [] });
      await until("the first stream is closed", async () => (await hub.sessions()) === 2);
      await hub.publish(topic, "nobody's");
      await hub.publish(`${topic}/other`, "mine");
      await shows({ count: 1, last: ["mine"] });
      await page.evaluate(() => window.app.setUrl(null));
      await shows({ state: "connecting", count: 0 });
      await until("the second stream is closed", async () => (await hub.sessions()) === 1);
    });

    test("a thousand events at once are shown in few renderings", async () => {
      await mount(events(topic));
      await shows({ state: "open" });
      const before = await page.evaluate(() => window.app.renders);
      const batch = Array.from({ length: 1000 }, (_, n) => ({ topic, data: String(n) }));
      const answer = await fetch(`${hub.url}/v1/events`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(batch) });
      assert.equal(answer.status, 201);
      await shows({ count: 1000, last: ["997", "998", "999"] });
      const { renders, seen } = await page.evaluate(() => window.app);
      assert.equal(seen, 1000, "the handler has seen each");
      assert.ok(renders - before <= 50, `${renders - before} renderings`);
    });

    test("a value is reduced from all events, over the hub's death", async () => {
      await mount(events(topic), { mode: "reduce" });
      await shows({ state: "open", value: 0 });
      await hub.publish(topic, "40");
      await shows({ value: 40, count: 0 });
      await hub.kill();
      await shows({ state: "waiting", value: 40 });
      await hub.start();
      await hub.publish(topic, "2");
      await shows({ state: "open", value: 42 });
    });

    test("why a stream has stopped for good is shown", async () => {
      await mount(`${hub.url}/v1/topics`);
      await shows({ state: "closed", error: "wrong_type" });
    });
  });
}

test("React's strict mode mounts twice and opens one stream, which lasts", async () => {
  await open(await bundle("frameworks/react.jsx"));
  await mount(events(topic), { strict: true });
  await shows({ state: "open" });
  await hub.publish(topic, "one");
  await shows({ count: 1, last: ["one"] });
  assert.equal(requests.length, 1);
  assert.deepEqual(await page.evaluate(() => window.app.states), ["connecting", "open"], "there was one subscription");
  assert.equal(await hub.sessions(), 2);
  await page.evaluate(() => window.app.unmount());
  await until("the hub has no session of the page", async () => (await hub.sessions()) === 1);
});

for (const [sample, expected] of [
  ["orders.jsx", /^open.*\{"total": 12\}.*\{"total": 30\}$/],
  ["orders-vue.js", /^open: 2 orders, 42 in all$/],
]) {
  test(`the book's ${sample} follows the hub`, async () => {
    const script = await bundle(`../../examples/node/${sample}`);
    const url = `${hub.url}/v1/events?topic=${sample}/*&since=earliest`;
    await open(script, { "data-url": url });
    for (const total of [12, 30]) await hub.publish(`${sample}/${total}`, `{"total": ${total}}`);
    let shown = "";
    await until(
      () => `the page shows the orders, only ${shown}`,
      async () => expected.test((shown = (await page.textContent("#app")) ?? "")),
    );
    assert.deepEqual(wrong, []);
  });
}

/**
 * A fresh page with a script.
 * @param {string} script
 * @param {Record<string, string>} [attributes] of the element that the script fills
 */
async function open(script, attributes = {}) {
  await page?.context().close();
  page = await browser.newPage();
  requests = [];
  wrong = complaints(page);
  page.on("request", (request) => request.url().startsWith(hub.url) && requests.push(request.url()));
  await page.goto(server.url);
  await page.evaluate((attributes) => {
    const app = Object.assign(document.createElement("div"), { id: "app" });
    for (const [name, value] of Object.entries(attributes)) app.setAttribute(name, value);
    document.body.replaceChildren(app);
  }, attributes);
  await page.addScriptTag({ content: script });
  topic = `frameworks/${(topics += 1)}`;
}

/** @param {string} topic */
function events(topic) {
  return `${hub.url}/v1/events?${new URLSearchParams({ topic })}`;
}

/**
 * @param {string} url
 * @param {{strict?: boolean, mode?: string}} [options]
 */
function mount(url, options = {}) {
  return page.evaluate(([url, options]) => window.app.mount(url, options), /** @type {const} */ ([url, options]));
}

/**
 * Waits until the component shows this, among others.
 * @param {Record<string, unknown>} expected
 */
async function shows(expected) {
  /** @type {any} */
  let shown;
  await until(
    () => `the component shows ${JSON.stringify(expected)}, only ${JSON.stringify(shown)}`,
    async () => {
      shown = JSON.parse((await page.textContent("#app pre")) ?? "{}");
      return Object.entries(expected).every(([name, value]) => JSON.stringify(shown[name]) === JSON.stringify(value));
    },
  );
}
