// The hub's own page at `/` in a real browser: its main flow, the keyboard alone, hostile payloads
// (T23), restarts, and no complaint of the browser about any of it.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { complaints, launch } from "./support/browser.js";
import { Hub } from "./support/hub.js";
import { until } from "./support/until.js";

/** @type {Hub} */
let hub;
/** @type {import("playwright-core").Browser} */
let browser;
/** @type {import("playwright-core").Page} */
let page;
/** @type {string[]} */
let found = [];
/** What a test expects the browser to complain about: a hub that is down. @type {RegExp | null} */
let expected = null;
let topics = 0;
let topic = "";

before(async () => {
  [hub, browser] = await Promise.all([Hub.start(), launch()]);
});

after(async () => {
  await browser?.close();
  await hub?.remove();
});

beforeEach(async () => {
  topic = `page/${++topics}`;
  expected = null;
  page = await browser.newPage();
  found = complaints(page);
  await page.goto(hub.url);
  await open();
});

afterEach(async () => {
  await page.context().close();
  assert.deepEqual(found.filter((each) => !expected?.test(each)), []);
});

/** Waits until the watched stream is open. */
function open() {
  return page.locator("#state[data-state=open]").waitFor();
}

/** @param {string} name */
async function watch(name) {
  await page.getByLabel("Topic or pattern").fill(name);
  await page.getByRole("button", { name: "Watch", exact: true }).click();
  await open();
}

/** @param {string} text */
function row(text) {
  return page.locator("#events li").filter({ hasText: text });
}

/** @param {string} label */
async function counter(label) {
  const tile = page.locator(".tile").filter({ hasText: label });
  return (await tile.locator(".total").textContent()) ?? "";
}

describe("the page", () => {
  test("is served under a strict policy and asks nobody but the hub", async () => {
    /** @type {string[]} */
    const asked = [];
    page.on("request", (request) => asked.push(new URL(request.url()).origin));
    const response = await page.reload();
    await open();
    const policy = response?.headers()["content-security-policy"] ?? "";
    for (const part of ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "require-trusted-types-for 'script'"]) {
      assert.ok(policy.includes(part), `${part} is missing in ${policy}`);
    }
    assert.deepEqual([...new Set(asked)], [hub.url]);
  });

  test("tells a newcomer two commands for this very address", async () => {
    const codes = await page.locator("#empty .copyable code").allTextContents();
    assert.equal(codes.length, 2);
    for (const code of codes) assert.ok(code.startsWith("curl ") && code.includes(hub.url), code);
    await hub.publish(topic, "something arrives");
    await page.locator("#empty").waitFor({ state: "hidden" });
  });

  test("publishes by form, shows the id, and the event appears with type, topic, key and time", async () => {
    await watch(topic);
    await page.getByLabel("Topic", { exact: true }).fill(topic);
    await page.getByLabel("Data").fill('{"total":12}');
    await page.getByLabel("Type", { exact: true }).fill("order.paid");
    await page.getByLabel("Key").fill("k-1");
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    const id = await page.locator("#answer.good code").textContent();
    const shown = row('{"total":12}');
    await shown.waitFor();
    assert.equal(await shown.locator(".id").textContent(), id);
    assert.equal(await shown.locator(".type").textContent(), "order.paid");
    assert.equal(await shown.locator(".topic").textContent(), topic);
    await shown.locator("summary").click();
    await shown.getByText("k-1").waitFor();
    await shown.getByText(/^\d{4}-\d\d-\d\dT/).waitFor();
  });

  test("shows the problem document of a refused publish", async () => {
    expected = /status of 4/;
    await page.getByLabel("Topic", { exact: true }).fill("no//topic");
    await page.getByRole("button", { name: "Publish", exact: true }).click();
    await page.locator("#answer.bad").waitFor();
    assert.match((await page.locator("#answer").textContent()) ?? "", /^400 · .{10,}/);
  });

  test("counts: totals and rates move while events flow", async () => {
    await until("the counters have come", async () => /in all/.test(await counter("Events stored")));
    const before = await counter("Events stored");
    for (let n = 0; n < 20; n += 1) await hub.publish(topic, String(n));
    await until("the stored events are counted", async () => (await counter("Events stored")) !== before);
    await until("the deliveries are counted", async () => !/· 0 in all/.test(await counter("Deliveries")));
    await page.locator(".tile .spark polyline[points]").first().waitFor({ state: "attached" });
    await page.locator("#link[data-state=live]").waitFor();
  });

  test("T23: a payload with markup stays text, wherever it is shown", async () => {
    const attack = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';
    await watch("page/**");
    await hub.publish(topic, attack, { key: "<b>key</b>" });
    const shown = row("onerror");
    await shown.waitFor();
    await shown.locator("summary").click();
    await shown.getByText("<b>key</b>").waitFor();
    assert.equal(await shown.locator("pre").textContent(), attack);
    assert.equal(await page.locator("#events img, #events script, #events b").count(), 0);
    assert.equal(await page.title(), "Headwater");
  });

  test("fills in the topics of a pattern and offers types that nobody listens for", async () => {
    await watch("page/**");
    await hub.publish(`${topic}/a`, "plain");
    await hub.publish(`${topic}/b`, "named", { event: "order.lost" });
    await page.getByRole("button", { name: "Listen for order.lost (1 missed)" }).click();
    await hub.publish(`${topic}/b`, "now heard", { event: "order.lost" });
    const heard = row("now heard");
    await heard.waitFor();
    await until("the topic is known", async () => (await heard.locator(".topic").textContent()) === `${topic}/b`);
    assert.match(page.url(), /types=order\.lost/);
  });

  test("disconnects and resumes: what was missed is replayed once and marked", async () => {
    await watch(topic);
    await hub.publish(topic, "seen");
    await row("seen").waitFor();
    await page.getByRole("button", { name: "Disconnect" }).click();
    await page.locator("#state[data-state=idle]").waitFor();
    for (let n = 0; n < 3; n += 1) await hub.publish(topic, `missed ${n}`);
    await page.getByRole("button", { name: /^Resume after / }).click();
    await page.getByText(/3 events replayed/).waitFor();
    await until("the rows are marked", async () => (await page.locator("#events li.replayed").count()) === 3);
    await hub.publish(topic, "live again");
    await row("live again").waitFor();
    assert.equal(await page.locator("#events li").count(), 5);
    assert.equal(await page.locator("#events li.repeated").count(), 0);
  });

  test("survives kill -9 of the hub: says so, comes back by itself, loses nothing", async () => {
    expected = /ERR_|Failed to load/;
    await watch(topic);
    await hub.publish(topic, "one");
    await row("one").waitFor();
    await hub.kill("SIGKILL");
    await page.locator("#state[data-state=waiting]").waitFor();
    await hub.start();
    await hub.publish(topic, "two");
    await open();
    await row("two").waitFor();
    assert.deepEqual(await page.locator("#events .data").allTextContents(), ["two", "one"]);
    await page.locator("#link[data-state=live]").waitFor();
  });

  test("shows a gap prominently: here the log was replaced by another", async () => {
    expected = /ERR_|Failed to load/;
    await watch(topic);
    await hub.publish(topic, "gone with its log");
    await row("gone with its log").waitFor();
    await hub.kill("SIGKILL");
    await hub.wipe();
    await hub.start();
    await page.locator("#events li.gap").getByText("Gap: epoch").waitFor();
    const id = await hub.publish(topic, "goes on");
    assert.equal(await row("goes on").locator(".id").textContent(), id);
  });

  test("shows closing and end prominently", async () => {
    expected = /ERR_|Failed to load/;
    await watch(topic);
    await hub.kill("SIGTERM");
    await page.locator("#events li.closing").getByText("Closing: drain").waitFor();
    await hub.start();
    await open();
    await hub.publish(topic, "the last", { final: "done" });
    await page.locator("#events li.end").getByText("End: done").waitFor();
    await page.locator("#state[data-state=closed]").waitFor();
    await page.getByText(/^Finished: /).waitFor();
  });

  test("says why a watch is refused", async () => {
    expected = /status of 4/;
    await page.getByLabel("Topic or pattern").fill("no//topic");
    await page.getByRole("button", { name: "Watch", exact: true }).click();
    await page.locator("#state[data-state=closed]").waitFor();
    await until("the reason is told", async () => ((await page.locator("#state-note").textContent()) ?? "").length > 40);
  });

  test("comes back by itself after a proxy's 503, which ends EventSource for good", async () => {
    expected = /status of 503/;
    let refused = 0;
    await page.route("**/v1/events?topic=page*", (route) => {
      refused += 1;
      return refused === 1 ? route.fulfill({ status: 503, body: "down for a deploy" }) : route.continue();
    });
    await watch(topic);
    assert.ok(refused > 1);
    await hub.publish(topic, "seen in the end");
    await row("seen in the end").waitFor();
  });

  test("keeps at most 200 rows, pauses and clears", async () => {
    await watch(topic);
    await page.getByRole("button", { name: "Pause" }).click();
    for (let n = 0; n < 5; n += 1) await hub.publish(topic, `held ${n}`);
    await page.getByText("5 since the pause").waitFor();
    assert.equal(await page.locator("#events li").count(), 0);
    await page.getByRole("button", { name: "Pause" }).click();
    await row("held 4").waitFor();
    const lines = Array.from({ length: 230 }, (_, n) => JSON.stringify({ topic, data: `many ${n}` })).join("\n");
    await fetch(`${hub.url}/v1/events`, { method: "POST", headers: { "Content-Type": "application/x-ndjson" }, body: lines });
    await page.getByText("235 received, 200 shown").waitFor();
    await page.getByRole("button", { name: "Clear" }).click();
    assert.equal(await page.locator("#events li").count(), 0);
  });

  test("works by keyboard alone", async () => {
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to the watch form");
    await page.keyboard.press("Enter");
    await until("the watch field has the focus", () => page.evaluate(() => document.activeElement?.id === "watch-topic"));
    await page.keyboard.press("Control+A");
    await page.keyboard.type(topic);
    await page.keyboard.press("Enter");
    await until("the topic is watched", () => page.url().includes(encodeURIComponent(topic)));
    await open();
    await tabTo("publish-topic");
    await page.keyboard.press("Control+A");
    await page.keyboard.type(topic);
    await tabTo("publish-data");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("typed");
    await page.keyboard.press("Control+Enter");
    await row("typed").waitFor();
    await tabTo("drop");
    await page.keyboard.press("Space");
    await page.locator("#state[data-state=idle]").waitFor();
  });

  test("names every control for a screen reader", async () => {
    const unnamed = await page.evaluate(() =>
      [...document.querySelectorAll("input, select, textarea, button")]
        .filter((node) => !node.labels?.length && !node.getAttribute("aria-label") && !node.textContent?.trim())
        .map((node) => node.id),
    );
    assert.deepEqual(unnamed, []);
    for (const name of ["Watch", "Publish", "Events"]) await page.getByRole("region", { name, exact: true }).waitFor();
  });
});

/**
 * Presses Tab until a control has the focus.
 * @param {string} id
 */
async function tabTo(id) {
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((id) => document.activeElement?.id === id, id)) return;
  }
  assert.fail(`Tab never reaches #${id}`);
}
