// Takes the picture of the hub's page that the README shows: a real hub with real traffic on it.
//
//   npm run screenshot [-- light|dark]

import { fileURLToPath } from "node:url";
import { setTimeout as pause } from "node:timers/promises";
import { complaints, launch } from "./support/browser.js";
import { Hub } from "./support/hub.js";
import { until } from "./support/until.js";

const PICTURE = fileURLToPath(new URL("../../docs/images/page.png", import.meta.url));
/** Samples the small lines must have before the picture is taken: one a second. */
const SAMPLES = 75;
const SHOPS = ["berlin", "lisbon", "oslo"];
const STEPS = ["order.placed", "order.paid", "order.shipped"];

const scheme = process.argv[2] === "light" ? "light" : "dark";
const stop = new AbortController();
const [hub, browser] = await Promise.all([Hub.start(), launch()]);
try {
  const page = await browser.newPage({ colorScheme: scheme, viewport: { width: 1360, height: 1010 }, deviceScaleFactor: 1.25 });
  const found = complaints(page);
  const traffic = [background(), orders(), ...Array.from({ length: 40 }, (_, n) => read(`sensors/${n % 8}`))];
  const topic = encodeURIComponent("orders/**");
  await page.goto(`${hub.url}/#topic=${topic}&types=${STEPS.join(",")}`);
  await page.locator("#state[data-state=open]").waitFor();
  const samples = () => page.locator(".spark polyline").first().evaluate((line) => (line.getAttribute("points") ?? "").split(" ").length);
  while ((await samples()) < SAMPLES) await until("another sample has come", changes(samples));
  await page.getByRole("button", { name: "Disconnect" }).click();
  const head = () => page.locator("#facts dd").nth(1).textContent();
  for (let seconds = 0; seconds < 4; seconds += 1) await until("the log has grown", changes(head));
  await page.getByRole("button", { name: /^Resume after/ }).click();
  await page.getByLabel("Topic", { exact: true }).fill("orders/lisbon/5121");
  await page.getByLabel("Data").fill('{"total":119.9,"items":4}');
  await page.getByLabel("Type", { exact: true }).fill("order.paid");
  await page.getByLabel("Key").fill("5121");
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.locator("#answer.good").waitFor();
  const rows = page.locator("#events li:not(.replayed)");
  const before = await rows.count();
  await until("some live rows stand above the replayed ones", async () => (await rows.count()) >= before + 5);
  await until("their topics are known", async () => (await page.locator("#events .topic:empty").count()) === 0);
  await page.evaluate(() => {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    scrollTo(0, 0);
  });
  await page.mouse.move(2, 2);
  await page.screenshot({ path: PICTURE, animations: "disabled" });
  if (found.length > 0) throw new Error(`the page complained: ${found.join("\n")}`);
  console.log(PICTURE);
  stop.abort();
  await Promise.all(traffic);
} finally {
  stop.abort();
  await browser.close();
  await hub.remove();
}

/**
 * A condition that holds once a value differs from what it is now.
 * @template T
 * @param {() => Promise<T>} value
 */
function changes(value) {
  const before = value();
  return async () => (await value()) !== (await before);
}

/** Sensors in waves: what the counters show. */
async function background() {
  for (let n = 0; !stop.signal.aborted; n += 1) {
    const burst = Math.round(6 + 5 * Math.sin(n / 45) + 4 * Math.random());
    const events = Array.from({ length: burst }, () => ({ topic: `sensors/${Math.floor(Math.random() * 8)}`, data: { celsius: 20 + Math.random() } }));
    await fetch(`${hub.url}/v1/events`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(events),
    });
    await pause(120);
  }
}

/** A few orders a second: what the list shows. */
async function orders() {
  for (let n = 5000; !stop.signal.aborted; n += 1) {
    const total = Math.round(500 + Math.random() * 24_000) / 100;
    const data = JSON.stringify({ total, items: 1 + (n % 5) });
    await hub.publish(`orders/${SHOPS[n % 3]}/${n - (n % 7)}`, data, { event: STEPS[n % 3], key: String(n - (n % 7)) });
    await pause(420 + Math.random() * 300);
  }
}

/**
 * A reader that takes what comes.
 * @param {string} topic
 */
async function read(topic) {
  const response = await fetch(`${hub.url}/v1/events?topic=${topic}`, { signal: stop.signal }).catch(() => null);
  try {
    for await (const _ of response?.body ?? []);
  } catch {
    // Ended with the picture.
  }
}
