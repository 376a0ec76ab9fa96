// Native EventSource of a real browser against a real hub (BRW-01, BRW-11, reliability R19). Every
// stream here also crosses origins: the page comes from another port.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { launch } from "./support/browser.js";
import { Hub } from "./support/hub.js";
import { servePage } from "./support/page-server.js";
import { Stream } from "./support/stream.js";
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

before(async () => {
  [hub, browser, server] = await Promise.all([Hub.start(), launch(), servePage()]);
});

after(async () => {
  await browser?.close();
  await server?.close();
  await hub?.remove();
});

beforeEach(async () => {
  await page?.context().close();
  page = await browser.newPage();
  await page.goto(server.url);
  topic = `browser/${++topics}`;
});

/** @param {Record<string, string>} query */
function events(query) {
  return `${hub.url}/v1/events?${new URLSearchParams(query)}`;
}

describe("native EventSource", () => {
  test("is told open, message and named events, each with its id", async () => {
    const stream = await Stream.open(page, events({ topic }), { types: ["order.paid"] });
    await stream.wait("open");
    const first = await hub.publish(topic, "one\ntwo");
    const second = await hub.publish(topic, '{"total":12}', { event: "order.paid" });
    await stream.wait("order.paid");
    assert.deepEqual(await stream.seen(), [
      { type: "open", state: 1 },
      { type: "message", data: "one\ntwo", id: first, state: 1 },
      { type: "order.paid", data: '{"total":12}', id: second, state: 1 },
    ]);
  });

  test("keeps text as it was published: empty, spaces, colons, emoji, long", async () => {
    const stream = await Stream.open(page, events({ topic }));
    await stream.wait("open");
    const texts = ["", "x", " leading space", ": not a comment", "id: 7", "\n", "a\n\nb", "tail\n", "🌊 ünïcödé", "y".repeat(100_000)];
    for (const text of texts) await hub.publish(topic, text);
    const got = await stream.wait("message", texts.length);
    assert.deepEqual(got.map((each) => each.data), texts);
  });

  test("reads patterns, once each, in publish order", async () => {
    const stream = await Stream.open(page, `${events({ topic: `${topic}/*` })}&topic=${encodeURIComponent(`${topic}/**`)}`);
    await stream.wait("open");
    const ids = [];
    for (let n = 0; n < 20; n += 1) ids.push(await hub.publish(`${topic}/${n % 3}`, String(n)));
    const got = await stream.wait("message", 20);
    assert.deepEqual(got.map((each) => each.id), ids);
  });

  test("reconnects with its id after kill -9 of the hub: nothing lost, nothing repeated", async () => {
    const stream = await Stream.open(page, events({ topic }));
    await stream.wait("open");
    const ids = [];
    for (let n = 0; n < 5; n += 1) ids.push(await hub.publish(topic, `before ${n}`));
    await stream.wait("message", 5);
    await hub.kill("SIGKILL");
    await stream.wait("error");
    await hub.start();
    for (let n = 0; n < 5; n += 1) ids.push(await hub.publish(topic, `meanwhile ${n}`));
    await stream.wait("open", 2);
    for (let n = 0; n < 5; n += 1) ids.push(await hub.publish(topic, `after ${n}`));
    const got = await stream.wait("message", 15);
    assert.deepEqual(got.map((each) => each.id), ids);
    assert.equal(stream.requests[0].lastEventId, undefined);
    await until("the reconnect's headers are known", () => stream.requests.at(-1)?.lastEventId);
    assert.equal(stream.requests.at(-1)?.lastEventId, ids[4]);
  });

  test("loses nothing when it drops before its first event: the first bytes set its cursor", async () => {
    const before = await hub.publish("elsewhere", "moves the log on");
    const stream = await Stream.open(page, events({ topic }));
    await stream.wait("open");
    await hub.kill("SIGKILL");
    await stream.wait("error");
    await hub.start();
    const id = await hub.publish(topic, "published while away");
    const got = await stream.wait("message");
    assert.deepEqual(got.map((each) => each.id), [id]);
    await until("the reconnect's headers are known", () => stream.requests.at(-1)?.lastEventId);
    assert.equal(stream.requests.at(-1)?.lastEventId, before);
  });

  test("stops for good on the 204 of a finished topic", async () => {
    await hub.publish(topic, "first");
    await hub.publish(topic, "last", { final: "done" });
    const stream = await Stream.open(page, events({ topic, since: "earliest" }));
    await stream.closed();
    const types = (await stream.seen()).map((each) => each.type);
    // Open, all events, the end, a clean end of the response, and the 204 that closes.
    assert.deepEqual(types, ["open", "message", "message", "headwater.end", "error", "error"]);
    assert.equal(JSON.parse((await stream.wait("headwater.end"))[0].data ?? "").reason, "done");
    assert.equal(stream.requests.length, 2);
  });

  test("stops for good on a wrong MIME type", async () => {
    const stream = await Stream.open(page, `${hub.url}/healthz`);
    await stream.closed();
    assert.deepEqual(await stream.seen(), [{ type: "error", state: 2 }]);
  });

  test("stops for good on a refused request", async () => {
    const stream = await Stream.open(page, events({ topic: "no//topic" }));
    await stream.closed();
    assert.deepEqual(await stream.seen(), [{ type: "error", state: 2 }]);
  });

  test("is told of a gap when its id is not of this hub", async () => {
    const stream = await Stream.open(page, events({ topic, last_event_id: "nonsense" }));
    const [gap] = await stream.wait("headwater.gap");
    const { reason, requested, resumed_at } = JSON.parse(gap.data ?? "");
    assert.equal(reason, "unknown");
    assert.equal(requested, "nonsense");
    assert.equal(resumed_at, gap.id);
    const id = await hub.publish(topic, "the stream goes on");
    assert.equal((await stream.wait("message"))[0].id, id);
  });

  test("is told that the hub closes for a drain, and comes back when it is up again", async () => {
    const stream = await Stream.open(page, events({ topic }));
    await stream.wait("open");
    await hub.kill("SIGTERM");
    const [closing] = await stream.wait("headwater.closing");
    assert.equal(JSON.parse(closing.data ?? "").reason, "drain");
    await hub.start();
    const id = await hub.publish(topic, "after the restart");
    assert.equal((await stream.wait("message"))[0].id, id);
  });

  test("a new object resumes by the address", async () => {
    const first = await hub.publish(topic, "one");
    const second = await hub.publish(topic, "two");
    const stream = await Stream.open(page, events({ topic, last_event_id: first }));
    const got = await stream.wait("message");
    assert.deepEqual(got.map((each) => each.id), [second]);
  });
});

describe("across origins", () => {
  test("the hub echoes the exact loopback origin", async () => {
    const answer = page.waitForResponse((response) => response.url().includes("/v1/events"));
    const stream = await Stream.open(page, events({ topic }));
    await stream.wait("open");
    const headers = await (await answer).allHeaders();
    assert.equal(headers["access-control-allow-origin"], server.url);
    assert.match(headers["vary"] ?? "", /origin/i);
  });

  test("with credentials it opens too, and never by a wildcard", async () => {
    await page.context().addCookies([{ name: "session", value: "1", url: hub.url }]);
    const answer = page.waitForResponse((response) => response.url().includes("/v1/events"));
    const stream = await Stream.open(page, events({ topic }), { withCredentials: true });
    await stream.wait("open");
    const headers = await (await answer).allHeaders();
    assert.equal(headers["access-control-allow-origin"], server.url);
    assert.equal(headers["access-control-allow-credentials"], "true");
    const id = await hub.publish(topic, "with a cookie");
    assert.equal((await stream.wait("message"))[0].id, id);
  });

  test("a page of a foreign origin is refused and reads nothing", async () => {
    const foreign = "https://shop.example";
    await page.route(`${foreign}/`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>Foreign</title>" }));
    // Chromium guards loopback itself; here the hub has to.
    await page.context().grantPermissions(["local-network-access"], { origin: foreign });
    await page.goto(`${foreign}/`);
    const refused = page.waitForEvent("console", (message) => /No 'Access-Control-Allow-Origin' header/.test(message.text()));
    const stream = await Stream.open(page, events({ topic, since: "earliest" }));
    await stream.closed();
    await refused;
    assert.deepEqual(await stream.seen(), [{ type: "error", state: 2 }]);
  });

  test("the page may read the problem document of a refusal", async () => {
    const problem = await page.evaluate(async (url) => {
      const response = await fetch(url, { headers: { Accept: "text/event-stream" } });
      return { status: response.status, type: response.headers.get("content-type"), body: await response.json() };
    }, events({ topic: "no//topic" }));
    assert.equal(problem.status, 400);
    assert.match(problem.type ?? "", /^application\/problem\+json/);
    assert.equal(typeof problem.body.title, "string");
  });
});
