// Watching and publishing on the hub's page: its main flow, restarts, gaps and ends.

import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { Bench } from "./support/page.js";
import { until } from "./support/until.js";

const bench = new Bench();

/** Waits until the watched stream is open. */
function open() {
  return bench.page.locator("#state[data-state=open]").waitFor();
}

/** @param {string} name */
async function watch(name) {
  await bench.field("Topic or pattern").fill(name);
  await bench.page.getByRole("button", { name: "Watch", exact: true }).click();
  await open();
}

/** @param {string} text */
function row(text) {
  return bench.page.locator("#events li").filter({ hasText: text });
}

beforeEach(async () => {
  await bench.page.goto(`${bench.hub.url}/#/events`);
  await open();
});

describe("the view of events", () => {
  test("tells a newcomer two commands for this very address", async () => {
    const codes = await bench.page.locator("#empty .copyable code").allTextContents();
    assert.equal(codes.length, 2);
    for (const code of codes) assert.ok(code.startsWith("curl ") && code.includes(bench.hub.url), code);
    await bench.hub.publish(bench.topic, "something arrives");
    await bench.page.locator("#empty").waitFor({ state: "hidden" });
  });

  test("publishes by form, shows the id, and the event appears with type, topic, key, time and readers", async () => {
    const { page, topic } = bench;
    await watch(topic);
    await bench.field("Topic").fill(topic);
    await bench.field("Data").fill('{"total":12}');
    await bench.field("Type").fill("order.paid");
    await bench.field("Key").fill("k-1");
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
    await shown.getByText(/^1 read its topic/).waitFor();
  });

  test("shows the problem document of a refused publish", async () => {
    bench.expected = /status of 4/;
    await bench.field("Topic").fill("no//topic");
    await bench.page.getByRole("button", { name: "Publish", exact: true }).click();
    await bench.says("#answer.bad", /^400 · .{10,}/);
  });

  test("gets every type and topic of a pattern, and finds what contains a text", async () => {
    const { page, hub, topic } = bench;
    await watch("page/**");
    await hub.publish(`${topic}/a`, "plain");
    await hub.publish(`${topic}/b`, "named", { event: "order.lost" });
    await row("named").getByText("order.lost").waitFor();
    await row("plain").getByText(`${topic}/a`).waitFor();
    await page.getByLabel("Show only what contains").fill("ORDER.lost");
    await row("plain").waitFor({ state: "hidden" });
    assert.ok(await row("named").isVisible());
    await hub.publish(`${topic}/a`, "later and hidden");
    await page.getByText("3 received, 1 shown").waitFor();
    await page.getByLabel("Show only what contains").fill("");
    await row("later and hidden").waitFor();
  });

  test("disconnects and resumes: what was missed is replayed once and marked", async () => {
    const { page, hub, topic } = bench;
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
    const { page, hub, topic } = bench;
    bench.expected = /ERR_|Failed to load/;
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
  });

  test("shows a gap prominently: here the log was replaced by another", async () => {
    const { page, hub, topic } = bench;
    bench.expected = /ERR_|Failed to load/;
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
    const { page, hub, topic } = bench;
    bench.expected = /ERR_|Failed to load/;
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

  test("says at once that a topic is finished", async () => {
    const { page, hub, topic } = bench;
    await watch(topic);
    // What the page says of the stream, from now on.
    await page.locator("#state").evaluate((chip) => {
      /** @type {any} */ (window).said = [];
      new MutationObserver(() => /** @type {any} */ (window).said.push(chip.textContent)).observe(chip, { childList: true, characterData: true, subtree: true });
    });
    await hub.publish(topic, "the last", { final: "done" });
    await page.getByText(/^Finished: /).waitFor();
    assert.deepEqual(await page.evaluate(() => /** @type {any} */ (window).said), ["Closed"]);
  });

  test("lets an event that is read stay where it is", async () => {
    const { page, hub, topic } = bench;
    await watch(topic);
    await hub.publish(topic, "read me");
    const place = async () => (await row("read me").boundingBox())?.y;
    await row("read me").locator("summary").click();
    await row("read me").locator(".record dd").first().waitFor();
    const before = await place();
    for (let n = 0; n < 3; n += 1) await hub.publish(topic, `later ${n}`);
    await page.getByText("4 received, 1 shown, 3 wait while you read").waitFor();
    assert.equal(await place(), before);
    await row("read me").locator("summary").click();
    await row("later 2").waitFor();
    // By keyboard, too.
    await page.keyboard.press("Tab");
    await page.keyboard.press("Shift+Tab");
    await until("an event has the focus", () => page.evaluate(() => document.activeElement?.closest("#events") != null));
    await hub.publish(topic, "while it has the focus");
    await page.getByText("5 received, 4 shown, 1 wait while you read").waitFor();
  });

  test("tells a screen reader of the topic that is watched, and not of the one before", async () => {
    const { page, hub, topic } = bench;
    await watch(topic);
    for (let n = 0; n < 5; n += 1) await hub.publish(topic, String(n));
    await page.getByText(/^5 received/).waitFor();
    await watch(`${topic}/quiet`);
    await hub.publish(`${topic}/quiet`, "one");
    await bench.says("#spoken", /^1 new event, 1 in all$/);
  });

  test("keeps a long type from filling the page", async () => {
    const { hub, topic } = bench;
    await watch(topic);
    await hub.publish(topic, "x", { event: "t".repeat(500) });
    await row("ttt").waitFor();
    assert.ok(((await row("ttt").boundingBox())?.height ?? 999) < 80);
  });

  test("says why a watch is refused", async () => {
    const { page } = bench;
    bench.expected = /status of 4/;
    await bench.field("Topic or pattern").fill("no//topic");
    await page.getByRole("button", { name: "Watch", exact: true }).click();
    const refusals = () => bench.metric("headwater_requests_refused_total");
    await page.locator("#state[data-state=closed]").waitFor();
    await bench.says("#state-note", /.{40,}/);
    const before = await refusals();
    await page.getByRole("button", { name: "Watch", exact: true }).click();
    await until("it is refused again", async () => (await refusals()) > before);
    await page.locator("#state[data-state=closed]").waitFor();
    assert.equal(await refusals(), before + 1, "one request, one refusal");
  });

  test("comes back by itself after a proxy's 503", async () => {
    const { page, hub, topic } = bench;
    bench.expected = /status of 503/;
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
    const { page, hub, topic } = bench;
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
});
