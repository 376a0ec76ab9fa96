// Takes the picture of the hub's page that the README shows: a real hub with readers of every kind on it.
//
//   npm run screenshot [-- light|dark]

import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { complaints, launch } from "./support/browser.js";
import { Hub } from "./support/hub.js";
import { until } from "./support/until.js";

const PICTURE = fileURLToPath(new URL("../../docs/src/images/page.png", import.meta.url));
/** Seconds the charts must have before the picture is taken. */
const SECONDS = 285;
const CONFIG = `
[limits]
stall_timeout = "40s"

[[class]]
topics = ["sensors/**", "bulk/**"]
durability = "memory"
retention = { age = "1h", events = 2000, bytes = "30MiB" }

[[class]]
topics = ["orders/**"]
retention = { age = "7d" }

[[class]]
topics = ["chat/**"]
presence = true
`;
const TOPICS = ["orders/berlin", "orders/lisbon", "orders/oslo", "sensors/roof", "sensors/cellar", "sensors/garden", "prices/eur", "prices/usd", "chat/7", "chat/8"];

const scheme = process.argv[2] === "light" ? "light" : "dark";
const stop = new AbortController();
/** @type {import("node:net").Socket[]} */
const sockets = [];
const [hub, browser] = await Promise.all([Hub.start(CONFIG), launch()]);
try {
  const page = await browser.newPage({ colorScheme: scheme, viewport: { width: 1680, height: 1060 } });
  const found = complaints(page);
  await page.goto(hub.url);
  await page.locator("#link[data-state=live]").waitFor();
  publishing();
  video();
  for (let n = 0; n < 180; n += 1) coming(TOPICS[n % TOPICS.length], 20 + 200 * Math.random());
  for (let n = 0; n < 12; n += 1) coming("orders/*", 300);
  for (let n = 0; n < 4; n += 1) coming("bulk/video", 3600, "&max_rate=0.5");
  for (let n = 0; n < 5; n += 1) stalling("bulk/video", 6 + n * 6);
  stalling("bulk/video", 90);
  ending();
  const seconds = async () => {
    const up = (await page.locator("#figure-uptime .value").textContent()) ?? "";
    const [, minutes = "0", rest = "0"] = /^(?:(\d+) min ?)?(?:(\d+) s)?/.exec(up) ?? [];
    return 60 * Number(minutes) + Number(rest);
  };
  for (let waited = 0; waited < SECONDS; waited = await seconds()) await until("another second has passed", changes(seconds));
  await page.mouse.move(2, 2);
  await page.screenshot({ path: PICTURE, animations: "disabled" });
  if (found.length > 0) throw new Error(`the page complained: ${found.join("\n")}`);
  console.log(PICTURE);
} finally {
  stop.abort();
  sockets.forEach((socket) => socket.destroy());
  await browser.close();
  await hub.remove();
}
process.exit();

/**
 * A condition that holds once a value differs from what it is now.
 * @template T
 * @param {() => Promise<T>} value
 */
function changes(value) {
  const before = value();
  return async () => (await value()) !== (await before);
}

/** Small events in waves. */
async function publishing() {
  for (let n = 0; !stop.signal.aborted; n += 1) {
    const burst = Math.round(7 + 5 * Math.sin(n / 90) + 3 * Math.random());
    const events = Array.from({ length: burst }, () => ({ topic: TOPICS[Math.floor(Math.random() * TOPICS.length)], data: { value: 20 + Math.random() } }));
    await post("/v1/events", "application/json", JSON.stringify(events));
    await pause(110);
  }
}

/** Large ones, which slow readers do not keep up with. */
async function video() {
  for (; !stop.signal.aborted; await pause(250)) await post("/v1/topics/bulk/video", "text/plain", "x".repeat(240_000));
}

/** An administrator who ends a session now and then. */
async function ending() {
  for (; !stop.signal.aborted; await pause(25_000)) {
    const listed = await fetch(`${hub.url}/v1/admin/sessions?topic=chat/7&limit=1`, { signal: stop.signal }).catch(() => null);
    const [session] = listed ? (await listed.json()).sessions : [];
    if (session) await fetch(`${hub.url}/v1/admin/sessions/${session.session}`, { method: "DELETE" });
  }
}

/**
 * A reader that takes what comes, leaves after a while, and comes again.
 * @param {string} topic
 * @param {number} seconds
 * @param {string} [more]
 */
async function coming(topic, seconds, more = "") {
  for (; !stop.signal.aborted; await pause(500 + 3000 * Math.random())) {
    const leave = new AbortController();
    const later = setTimeout(() => leave.abort(), seconds * 1000 * (0.5 + Math.random()));
    try {
      const response = await fetch(`${hub.url}/v1/events?topic=${topic}${more}`, { signal: leave.signal });
      for await (const _ of response.body ?? []);
    } catch {
      // It has left.
    }
    clearTimeout(later);
  }
}

/**
 * A reader that takes nothing for some time, again and again.
 * @param {string} topic
 * @param {number} seconds
 */
function stalling(topic, seconds) {
  const socket = connect({ host: "127.0.0.1", port: hub.port });
  sockets.push(socket);
  socket.on("error", () => {});
  socket.write(`GET /v1/events?topic=${topic} HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\n\r\n`);
  socket.resume();
  const cycle = async () => {
    for (; !stop.signal.aborted && !socket.destroyed; await pause(1500 + 4000 * Math.random())) {
      socket.pause();
      await pause(seconds * 1000 * (0.6 + Math.random()));
      socket.resume();
    }
  };
  cycle();
  socket.on("close", () => {
    if (!stop.signal.aborted) setTimeout(() => stalling(topic, seconds), 2000);
  });
}

/**
 * @param {string} path
 * @param {string} type
 * @param {string} body
 */
async function post(path, type, body) {
  await fetch(`${hub.url}${path}`, { method: "POST", headers: { "Content-Type": type }, body, signal: stop.signal }).catch(() => {});
}
