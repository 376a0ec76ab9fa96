// The overview of the hub's page: every figure is the hub's own.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Bench } from "./support/page.js";
import { until } from "./support/until.js";

const bench = new Bench(`
[limits]
stall_timeout = "1s"

[[class]]
topics = ["brief/**"]
durability = "memory"
retention = { age = "1h", events = 5 }
`);

/** @param {string} id */
const figure = (id) => bench.text(`#figure-${id} .value`);

/**
 * The numbers of the newest row of a panel's table, by the head of their column.
 * @param {string} panel
 * @param {number} [rows]
 * @returns {Promise<Record<string, number>[]>}
 */
async function rows(panel, rows = 1) {
  return bench.page.locator(`#${panel} table`).evaluate(
    (table, rows) => {
      const names = [...table.querySelectorAll("thead th")].map((cell) => cell.textContent ?? "");
      return [...table.querySelectorAll("tbody tr")].slice(0, rows).map((row) =>
        Object.fromEntries([...row.children].map((cell, index) => [names[index], Number(cell.textContent)])),
      );
    },
    rows,
  );
}

describe("the overview", () => {
  test("shows sessions, log, connections, memory and descriptors as the hub counts them", async () => {
    const { hub, topic } = bench;
    await Promise.all([1, 2, 3].map(() => bench.read(`topic=${topic}`)));
    for (let n = 0; n < 7; n += 1) await hub.publish(topic, String(n));
    await bench.open();
    const sessions = await bench.metric("headwater_sessions");
    assert.equal(sessions, 4, "three readers and the page");
    await bench.says("#open-sessions .value", /^4$/);
    await bench.says("#open-sessions .note", new RegExp(`^of at most ${await shown("headwater_sessions_limit")}$`));
    // The hub's own topics come one after the other.
    await until("the topics are counted", async () =>
      (await bench.text("#figure-log-size .note")).endsWith(` in ${await bench.metric("headwater_topics")} topics`),
    );
    const connections = await bench.metric("headwater_connections");
    // Whoever asks for the metrics has a connection, too, and keeps it for a while.
    assert.ok(Math.abs(Number(await figure("connections")) - connections) <= 3);
    assert.match(await figure("memory"), /^\d+(\.\d)? MiB$/);
    const descriptors = Number(await figure("descriptors"));
    assert.ok(Math.abs(descriptors - (await bench.metric("headwater_descriptors"))) <= 4, String(descriptors));
    await bench.says("#figure-uptime .note", /^head \d+-[0-9a-f]+$/);
  });

  test("shows what is published and delivered, and how long it took", async () => {
    const { hub, topic } = bench;
    await Promise.all([1, 2].map(() => bench.read(`topic=${topic}`)));
    await bench.open();
    for (let n = 0; n < 40; n += 1) await hub.publish(topic, String(n));
    const stored = await bench.metric("headwater_events_stored_total");
    await bench.says("#published .note", new RegExp(`, ${stored} since the start$`));
    for (const panel of ["published", "delivered"]) {
      await bench.page.locator(`#${panel}`).getByRole("button", { name: /as a table$/ }).click();
    }
    // Two readers get each event; the page gets those of the hub about itself. A row is the rate of its time, which on a busy
    // machine is more than a second, so that the rows of some number of events have no sum to expect.
    const sum = async (/** @type {string} */ panel) => (await rows(panel, 30)).reduce((total, row) => total + (row["events per second"] || 0), 0);
    await until("both rates are shown", async () => {
      await hub.publish(topic, "another");
      return (await sum("published")) > 30 && (await sum("delivered")) > 60;
    });
    await bench.page.locator("#latency").getByRole("button", { name: /as a table$/ }).click();
    const latencies = await bench.page.locator("#latency tbody").textContent();
    assert.match(latencies ?? "", /\d (ms|µs)/);
    assert.ok((await bench.metric("headwater_delivery_latency_seconds_count")) >= 80);
  });

  test("counts sessions by lag, and names the slow ones with the reason", async () => {
    const { page, hub, topic } = bench;
    await Promise.all(Array.from({ length: 6 }, () => bench.read(`topic=${topic}`)));
    await bench.read(`topic=${topic}&max_rate=0.01`);
    for (let n = 0; n < 3; n += 1) await hub.publish(topic, String(n));
    await bench.open();
    const slow = page.locator("#slowest tbody tr").filter({ hasText: topic });
    await slow.getByText("waits for its turn (max_rate)").waitFor();
    await bench.says("#lag .value", /^1$/);
    await bench.says("#lag .note", /^session is more than a second behind, of \d+$/);
    await page.getByRole("button", { name: "Lag of sessions: show as a table" }).click();
    // A cell has the most of its time, in which a session may have gone from one step to the next.
    await until("the newest cells have all sessions", async () => {
      const [newest] = await rows("lag");
      const { Time: _, ...steps } = newest;
      const sessions = Object.values(steps).reduce((total, count) => total + count, 0);
      return sessions >= 8 && steps["up to date"] >= 6;
    });
    const named = (await bench.ask(`/v1/admin/sessions?topic=${topic}`)).sessions.find((/** @type {any} */ each) => each.state === "limited");
    assert.equal(await slow.locator("a").textContent(), named.session);
    await slow.locator("a").click();
    await page.getByRole("heading", { name: `Session ${named.session}` }).waitFor();
  });

  test("paints a cell of the heat map for those who are behind", async () => {
    const { page, hub, topic } = bench;
    await bench.read(`topic=${topic}&max_rate=0.01`);
    for (let n = 0; n < 3; n += 1) await hub.publish(topic, String(n));
    await bench.open();
    await bench.says("#lag .value", /^[1-9]/);
    const painted = () =>
      page.locator("#lag canvas").evaluate((canvas) => {
        const { width, height } = /** @type {HTMLCanvasElement} */ (canvas);
        const { data } = /** @type {any} */ (canvas).getContext("2d").getImageData(width * 0.5, 0, width * 0.5, height);
        let amber = 0;
        for (let at = 0; at < data.length; at += 4) amber += Number(data[at + 3] > 0 && data[at] - data[at + 2] > 40);
        return amber;
      });
    // A cell is some pixels wide and a row high; text, grid and the cells of those who are up to date are blue or grey.
    await until("a cell in the colour of those who are behind is painted", async () => (await painted()) > 30);
  });

  test("tells whose stream was ended by the hub, and why", async () => {
    const { page, hub, topic } = bench;
    await bench.deaf(`topic=${topic}`);
    await bench.read(`topic=${topic}/read`);
    await bench.open();
    const [session] = (await bench.ask(`/v1/admin/sessions?topic=${topic}/read`)).sessions;
    await fetch(`${hub.url}/v1/admin/sessions/${session.session}`, { method: "DELETE" });
    await page.locator("#ended tbody tr").filter({ hasText: "by an administrator" }).getByText(topic).waitFor();
    // Until the kernel takes no more for the one that takes nothing; then the hub waits for a second, and ends it.
    await until("the deaf one is ended", async () => {
      for (let n = 0; n < 8; n += 1) await hub.publish(topic, "x".repeat(200_000));
      return (await page.locator("#ended tbody tr").filter({ hasText: "took nothing" }).count()) > 0;
    });
    await bench.says("#ends .legend", /took nothing 1/);
    assert.equal(await bench.metric('headwater_sessions_closed_total{reason="stalled"}'), 1);
  });

  test("shows the log by class, with what it keeps and its oldest event", async () => {
    const { page, hub } = bench;
    for (let n = 0; n < 9; n += 1) await hub.publish("brief/1", String(n));
    await bench.open();
    const row = page.locator("#log-classes tbody tr").filter({ hasText: "brief/**" });
    await until("the class holds five events", async () => {
      const cells = await row.locator("th, td").allTextContents();
      return cells[1] === "1" && cells[2] === "5" && /ago|now/.test(cells[4]) && /^1 h, 5 events/.test(cells[5]) && cells[6] === "memory";
    });
    await bench.says("#log-note", /takes events/);
    assert.equal(await page.locator("#log-classes tbody tr").filter({ hasText: "$hub/**" }).count(), 1);
  });

  test("says so when the hub is gone, shows nothing as known, and goes on by itself when it is back", async () => {
    const { page, hub } = bench;
    bench.expected = /ERR_|Failed to load/;
    await bench.open();
    await page.getByText("Nobody is behind").waitFor();
    await hub.kill("SIGKILL");
    await page.locator("#link[data-state=lost]").waitFor();
    await page.locator("#view-overview[data-stale]").waitFor();
    await bench.says("#overview-note", /^The last figures are of \d\d:\d\d:\d\d/);
    await bench.says("#slowest .empty-note", /^Not known/);
    assert.deepEqual(await bench.flaws(), []);
    await page.getByRole("link", { name: "Sessions", exact: true }).click();
    await bench.says("#sessions-note", /^No answer from the hub/);
    await bench.says("#sessions-table .empty-note", /^Not known/);
    await hub.start();
    await page.locator("#sessions-table tbody tr").first().waitFor();
    await page.getByRole("link", { name: "Overview" }).click();
    await page.locator("#link[data-state=live]").waitFor();
    await bench.says("#figure-uptime .value", /^\d+ s$/);
    await bench.says("#open-sessions .value", /^1$/);
    await bench.says("#overview-note", /^$/);
    // Its own topics are in memory: a page that resumed by id would make a gap of each restart.
    assert.equal(await bench.metric("headwater_gaps_total"), 0);
  });

  test("does not look live when nothing comes any more", async () => {
    const { page, hub } = bench;
    await bench.open();
    await bench.says("#open-sessions .value", /^1$/);
    hub.process?.kill("SIGSTOP");
    try {
      await bench.says("#link[data-state=lost]", /^No figures since \d\d:\d\d:\d\d$/);
      await page.locator("#view-overview[data-stale]").waitFor();
    } finally {
      hub.process?.kill("SIGCONT");
    }
    await page.locator("#link[data-state=live]").waitFor();
    await page.locator("#view-overview:not([data-stale])").waitFor();
  });

  test("stays where it is while its first figures come", async () => {
    const { page, hub } = bench;
    await page.addInitScript(() => {
      /** @type {any} */ (window).shifted = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) /** @type {any} */ (window).shifted += /** @type {any} */ (entry).value;
      }).observe({ type: "layout-shift", buffered: true });
    });
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(hub.url);
    await bench.says("#figure-log-size .note", /events? in \d/);
    await bench.says("#log-note", /takes events/);
    const place = () => page.evaluate(() => document.querySelector("nav")?.getBoundingClientRect().x);
    const before = await place();
    await page.locator("#link").evaluate((link) => (link.textContent = "A sentence that is far longer than the one before"));
    assert.equal(await place(), before, "the navigation stays, too");
    const shifted = await page.evaluate(() => /** @type {any} */ (window).shifted);
    assert.ok(shifted < 0.1, `a shift of ${shifted}`);
  });

  test("labels its charts with times of now, before figures and after", async () => {
    const { page } = bench;
    await page.addInitScript(() => {
      /** @type {string[]} */
      const written = (/** @type {any} */ (window).written = []);
      const write = CanvasRenderingContext2D.prototype.fillText;
      CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
        written.push(text);
        return write.call(this, text, ...rest);
      };
    });
    await bench.open();
    await bench.says("#open-sessions .value", /^1$/);
    const times = await page.evaluate(() => /** @type {any} */ (window).written.filter((/** @type {string} */ text) => /^\d\d:\d\d$/.test(text)));
    const minutes = (/** @type {string} */ text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
    const now = await page.evaluate(() => new Date().getHours() * 60 + new Date().getMinutes());
    assert.ok(times.length >= 24, `labels: ${times}`);
    for (const text of times) assert.ok((now - minutes(text) + 1440) % 1440 <= 7, `${text} is not of the last minutes`);
  });

  test("has larger text on a wall", async () => {
    const { page } = bench;
    const size = async (/** @type {number} */ width) => {
      await page.setViewportSize({ width, height: 2160 });
      return page.evaluate(() => parseFloat(getComputedStyle(document.body).fontSize));
    };
    await bench.open();
    assert.ok((await size(3840)) > 1.7 * (await size(1280)));
  });

  test("has the last minutes at once after a reload", async () => {
    const { page } = bench;
    await bench.open();
    await until("some seconds are there", async () => (await told()).events >= 4);
    await page.reload();
    await page.locator("#link[data-state=live]").waitFor();
    await page.locator("#open-sessions").getByRole("button", { name: /as a table$/ }).click();
    assert.ok((await rows("open-sessions", 30)).length >= 4);
  });

  test("does no work while it is hidden", async () => {
    const { page } = bench;
    await bench.open();
    await page.evaluate(() => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
      /** @type {any} */ (window).frames_asked = 0;
      const ask = requestAnimationFrame;
      window.requestAnimationFrame = (callback) => {
        /** @type {any} */ (window).frames_asked += 1;
        return ask(callback);
      };
    });
    for (let times = 0; times < 2; times += 1) {
      const { last } = await told();
      await until("the hub has told again", async () => (await told()).last !== last);
    }
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).frames_asked), 0);
  });
});

/** What the hub keeps of `$hub/stats`. */
function told() {
  return bench.ask("/v1/topics/%24hub/stats");
}

/** @param {string} name of a metric, as the page writes numbers */
async function shown(name) {
  const value = await bench.metric(name);
  return value >= 1e4 ? `${value / 1e3 >= 100 ? Math.round(value / 1e3) : (value / 1e3).toFixed(1)} k` : String(value);
}
