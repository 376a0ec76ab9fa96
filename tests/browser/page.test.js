// The hub's own page at `/` in a real browser: its policy, its views by keyboard and for screen readers, both themes, and hostile
// texts (T23). What each view shows has tests of its own.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Bench } from "./support/page.js";
import { until } from "./support/until.js";

const bench = new Bench();
const VIEWS = ["overview", "topics", "sessions", "events"];

describe("the page", () => {
  test("is served under a strict policy and asks nobody but the hub, whatever is shown", async () => {
    /** @type {string[]} */
    const asked = [];
    bench.page.on("request", (request) => asked.push(new URL(request.url()).origin));
    const response = await bench.page.goto(bench.hub.url);
    const policy = response?.headers()["content-security-policy"] ?? "";
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "require-trusted-types-for 'script'"]) {
      assert.ok(policy.includes(part), `${part} is missing in ${policy}`);
    }
    for (const view of VIEWS) await bench.open(view);
    assert.deepEqual([...new Set(asked)], [bench.hub.url]);
  });

  test("shows each view by a link, keeps it over a reload, and goes back", async () => {
    const { page } = bench;
    await bench.open();
    for (const [name, view] of [["Topics", "topics"], ["Sessions", "sessions"], ["Events", "events"], ["Overview", "overview"]]) {
      await page.getByRole("navigation").getByRole("link", { name }).click();
      await page.getByRole("heading", { level: 1, name }).waitFor();
      assert.equal(await page.title(), `${name} – Headwater`);
      assert.equal(await page.locator("nav a[aria-current=page]").textContent(), name);
      await page.reload();
      await page.locator(`#view-${view}:not([hidden])`).waitFor();
      assert.equal(await page.locator(".view:visible").count(), 1);
    }
    await page.goBack();
    await page.locator("#view-events:not([hidden])").waitFor();
  });

  test("keeps the search, the range and the watched topic over a reload", async () => {
    const { page } = bench;
    await bench.open();
    await page.getByLabel("Shown").selectOption("15");
    await page.reload();
    await until("the range is kept", async () => (await page.getByLabel("Shown").inputValue()) === "15");
    await bench.open("topics");
    await bench.field("Begins with").fill("ord");
    await page.reload();
    await until("the search is kept", async () => (await bench.field("Begins with").inputValue()) === "ord");
    await bench.open("events");
    await bench.field("Topic or pattern").fill("orders/**");
    await page.getByRole("button", { name: "Watch", exact: true }).click();
    await page.reload();
    await until("the topic is kept", async () => (await bench.field("Topic or pattern").inputValue()) === "orders/**");
  });

  test("is dark or light as the system has it, or as the switch says, which is kept", async () => {
    const { page } = bench;
    await page.emulateMedia({ colorScheme: "dark" });
    await bench.open();
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const dark = await ground();
    await page.emulateMedia({ colorScheme: "light" });
    const light = await ground();
    assert.notEqual(dark, light);
    await page.getByLabel("Colours").selectOption("dark");
    assert.equal(await ground(), dark);
    await page.reload();
    assert.equal(await ground(), dark);
  });

  for (const theme of /** @type {const} */ (["dark", "light"])) {
    test(`has no flaw that axe knows of: every view, ${theme}`, async () => {
      const { page, topic, hub } = bench;
      await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
      await hub.publish(topic, '{"a":1}', { event: "named" });
      await hub.publish(`${topic}/end`, "last", { final: "done" });
      await bench.read(`topic=${topic}&max_rate=0.01`);
      for (let n = 0; n < 3; n += 1) await hub.publish(topic, "more");
      await bench.open();
      await page.locator("#slowest a").first().waitFor();
      assert.deepEqual(await bench.flaws(), []);
      await page.getByRole("button", { name: "Lag of sessions: show as a table" }).click();
      assert.deepEqual(await bench.flaws(), []);
      await page.locator("#slowest a").first().click();
      await bench.field("Topic").fill(topic);
      await page.getByRole("button", { name: "Explain" }).click();
      await page.locator(".verdict").waitFor();
      assert.deepEqual(await bench.flaws(), []);
      await bench.open(`topics?topic=${topic}`);
      await page.locator("#topic-detail h2").waitFor();
      assert.deepEqual(await bench.flaws(), []);
      await bench.open("sessions");
      await page.locator("#sessions-table tbody tr").first().waitFor();
      assert.deepEqual(await bench.flaws(), []);
      await page.goto(`${hub.url}/#/events?topic=${topic}`);
      await page.locator("#state[data-state=open]").waitFor();
      await hub.publish(topic, "seen", { event: "named" });
      await page.locator("#events summary").first().click();
      await page.locator("#events .record dd").first().waitFor();
      assert.deepEqual(await bench.flaws(), []);
    });
  }

  test("T23: markup in topics, types, data and keys stays text, wherever it is shown", async () => {
    const { page, hub } = bench;
    const attack = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';
    const topic = `hostile/<b onclick=alert(1)>`;
    await hub.publish(encodeURIComponent(topic).replace("%2F", "/"), attack, { key: "<b>key</b>", event: "<i>type</i>" });
    await bench.read(`topic=${encodeURIComponent(topic)}&topic=${encodeURIComponent("hostile/**")}&max_rate=0.01`);
    for (let n = 0; n < 3; n += 1) await hub.publish(encodeURIComponent(topic).replace("%2F", "/"), attack);
    await page.goto(`${hub.url}/#/events?topic=${encodeURIComponent("hostile/**")}`);
    await page.getByLabel("Start with").selectOption("earliest");
    await page.getByRole("button", { name: "Watch", exact: true }).click();
    const shown = page.locator("#events li").filter({ hasText: "<i>type</i>" });
    await shown.locator("summary").click();
    await shown.getByText("<b>key</b>").waitFor();
    assert.equal(await shown.locator("pre").textContent(), attack);
    await page.goto(`${hub.url}/#/topics?topic=${encodeURIComponent(topic)}`);
    await page.locator("#topic-detail h2").getByText(topic).waitFor();
    await page.goto(`${hub.url}/#/overview`);
    await page.locator("#slowest").getByText(topic).first().waitFor();
    await page.locator("#slowest a").first().click();
    await page.locator("#session-reads").getByText(topic).waitFor();
    await bench.field("Topic").fill(topic);
    await page.getByRole("button", { name: "Explain" }).click();
    await page.locator(".verdict").getByText(topic).waitFor();
    await page.goto(`${hub.url}/#/session/${encodeURIComponent("<b>x</b>")}`);
    await page.getByRole("heading", { name: "Session <b>x</b>" }).waitFor();
    bench.expected = /status of 404/;
    assert.equal(await page.locator("main img, main script, main b, main i").count(), 0);
    assert.match(await page.title(), /Headwater$/);
  });

  test("works by keyboard alone", async () => {
    const { page, topic } = bench;
    await bench.open();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Skip to the content");
    await page.keyboard.press("Enter");
    await until("the content has the focus", () => page.evaluate(() => document.activeElement?.id === "main"));
    await tabTo(() => document.activeElement?.id === "range");
    await tabTo(() => document.activeElement?.getAttribute("aria-label") === "Lag of sessions: show as a table");
    await page.keyboard.press("Space");
    await page.locator("#lag table").waitFor();
    await page.reload();
    await tabTo(() => document.activeElement?.textContent === "Events");
    await page.keyboard.press("Enter");
    await page.locator("#state[data-state=open]").waitFor();
    await tabTo(() => document.activeElement?.id === "watch-topic");
    await page.keyboard.press("Control+A");
    await page.keyboard.type(topic);
    await page.keyboard.press("Enter");
    await until("the topic is watched", () => page.url().includes(encodeURIComponent(topic)));
    await page.locator("#state[data-state=open]").waitFor();
    await tabTo(() => document.activeElement?.id === "publish-topic");
    await page.keyboard.press("Control+A");
    await page.keyboard.type(topic);
    await tabTo(() => document.activeElement?.id === "publish-data");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("typed");
    await page.keyboard.press("Control+Enter");
    await page.locator("#events li").filter({ hasText: "typed" }).waitFor();
    await tabTo(() => document.activeElement?.id === "drop");
    await page.keyboard.press("Space");
    await page.locator("#state[data-state=idle]").waitFor();
  });

  test("names every control, landmark and chart for a screen reader", async () => {
    const { page } = bench;
    await bench.open();
    const unnamed = await page.evaluate(() =>
      [...document.querySelectorAll("input, select, textarea, button")]
        .filter((node) => !(/** @type {HTMLInputElement} */ (node).labels?.length) && !node.getAttribute("aria-label") && !node.textContent?.trim())
        .map((node) => node.id),
    );
    assert.deepEqual(unnamed, []);
    for (const name of ["Published", "Delivered", "Publish to write", "Sessions", "Lag of sessions", "Streams ended", "Slowest sessions", "Ended by the hub", "Log"]) {
      await page.getByRole("region", { name, exact: true }).first().waitFor();
    }
    await page.getByRole("img", { name: /^Sessions: \d+ of at most \d+/ }).waitFor();
    await page.getByRole("banner").waitFor();
    await page.getByRole("main").waitFor();
    assert.equal(await page.locator("h1:visible").count(), 1);
  });

  test("fits a phone: nothing is wider than the screen", async () => {
    const { page, hub, topic } = bench;
    await page.setViewportSize({ width: 320, height: 844 });
    await hub.publish(`${topic}/a-rather-long-name-of-a-topic/that-goes-on-and-on`, "x".repeat(300));
    for (const view of VIEWS) {
      await bench.open(view);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wider, 0, view);
    }
  });
});

/**
 * Presses Tab until what has the focus is the right one.
 * @param {() => boolean} right evaluated in the page
 */
async function tabTo(right) {
  for (let presses = 0; presses < 80; presses += 1) {
    await bench.page.keyboard.press("Tab");
    if (await bench.page.evaluate(right)) return;
  }
  assert.fail(`Tab never reaches ${right}`);
}
