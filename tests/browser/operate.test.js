// Topics and sessions on the hub's page: found, told about, explained, ended.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Bench } from "./support/page.js";
import { until } from "./support/until.js";

const bench = new Bench(`
[[class]]
topics = ["rooms/**"]
presence = true
`);

/**
 * @param {string} table
 * @param {string} text
 */
const row = (table, text) => bench.page.locator(`${table} tbody tr`).filter({ hasText: text });

describe("the view of topics", () => {
  test("lists topics with their figures, found by the beginning of their names", async () => {
    const { page, hub } = bench;
    for (let n = 0; n < 12; n += 1) await hub.publish("list/orders", `event ${n}`);
    await hub.publish("list/over", "last", { final: "done" });
    await hub.publish("other/1", "x");
    await bench.read("topic=list/orders");
    await bench.open("topics");
    await bench.field("Begins with").fill("list/");
    await page.getByText("2 topics that begin with list/.").waitFor();
    assert.equal(await page.locator("#topics-table tbody tr").count(), 2);
    const told = await bench.ask("/v1/topics/list/orders");
    const cells = await row("#topics-table", "list/orders").locator("th, td").allTextContents();
    assert.deepEqual([cells[0], cells[1], cells[4]], ["list/orders", String(told.events), String(told.sessions)]);
    assert.ok(Number(cells[2]) > 0, `a rate in ${cells}`);
    await row("#topics-table", "list/over").getByText("finished: done").waitFor();
    await bench.field("Begins with").fill("nothing/like/it");
    await page.getByText("No topic begins with “nothing/like/it”.").waitFor();
  });

  test("shows what cannot be seen in a name", async () => {
    const { page, hub } = bench;
    await hub.publish("odd/%E2%80%AElive", "x");
    await hub.publish("odd/bom%EF%BB%BF", "x");
    await hub.publish("%20", "x");
    await bench.open("topics?prefix=odd/");
    await row("#topics-table", "odd/⟨U+202E⟩live").waitFor();
    await row("#topics-table", "odd/bom⟨U+FEFF⟩").waitFor();
    await bench.field("Begins with").fill(" ");
    await page.getByText("1 topic that begins with ␣.").waitFor();
    await page.getByRole("link", { name: "␣", exact: true }).click();
    await page.locator("#topic-detail h2").getByText("␣", { exact: true }).waitFor();
    await page.getByRole("link", { name: "Watch its events" }).click();
    await page.locator("#state[data-state=open]").waitFor();
    await hub.publish("%20", "seen \u202e here");
    const event = page.locator("#events li").first();
    await event.getByText("seen ⟨U+202E⟩ here").waitFor();
    assert.equal(await event.locator(".topic").textContent(), "␣");
  });

  test("sorts by any column, and says by which", async () => {
    const { page, hub } = bench;
    for (let n = 0; n < 3; n += 1) await hub.publish("sort/many", "x");
    await hub.publish("sort/few", "x");
    await bench.open("topics?prefix=sort/");
    const names = () => page.locator("#topics-table tbody th").allTextContents();
    await until("both are there", async () => (await names()).length === 2);
    await page.getByRole("button", { name: "Events" }).click();
    assert.deepEqual(await names(), ["sort/many", "sort/few"]);
    await page.getByRole("button", { name: "Events" }).click();
    assert.deepEqual(await names(), ["sort/few", "sort/many"]);
    assert.equal(await page.locator("#topics-table th[aria-sort=ascending]").textContent(), "Events");
  });

  test("tells who reads a topic whose class says so, and leads to its events and sessions", async () => {
    const { page, hub } = bench;
    await hub.publish("rooms/7", "hello");
    await bench.read("topic=rooms/7");
    await bench.open("topics?prefix=rooms/");
    await row("#topics-table", "rooms/7").getByRole("link").click();
    await page.getByText(/^Read by 1 member in 1 session/).waitFor();
    const [{ session }] = (await bench.ask("/v1/admin/sessions?topic=rooms/7")).sessions;
    await page.locator("#topic-detail .members").getByText(`${session} (anonymous)`).waitFor();
    await page.getByRole("link", { name: "Sessions that read it" }).click();
    await row("#sessions-table", session).waitFor();
    assert.equal(await bench.field("Reads topic or pattern").inputValue(), "rooms/7");
    await page.goBack();
    await page.getByRole("link", { name: "Watch its events" }).click();
    await page.locator("#state[data-state=open]").waitFor();
    assert.equal(await bench.field("Topic or pattern").inputValue(), "rooms/7");
  });
});

describe("the view of sessions", () => {
  test("has those furthest behind of all, and says how many there are", async () => {
    const { page, hub, topic } = bench;
    await Promise.all(Array.from({ length: 210 }, () => bench.read(`topic=${topic}`)));
    // The last to come stands behind all others in the order of places.
    await bench.read(`topic=${topic}&max_rate=0.01`);
    for (let n = 0; n < 3; n += 1) await hub.publish(topic, String(n));
    await bench.open(`sessions?topic=${topic}`);
    await page.getByText("211 sessions found; the 200 furthest behind are shown, and a column sorts these.").waitFor();
    const first = page.locator("#sessions-table tbody tr").first();
    await until("the slow one stands first", async () => /waits for its turn/.test((await first.textContent()) ?? ""));
    await first.getByText("from 127.0.0.1").waitFor();
    await page.getByRole("button", { name: "Show more" }).click();
    await page.getByText("211 sessions found.").waitFor();
  });

  test("says that a session is not there, and asks nothing of it", async () => {
    const { page } = bench;
    bench.expected = /status of 404/;
    await bench.open("session/zzz?topic=a");
    await page.getByText("There is no such session. It may have ended.").waitFor();
    assert.ok(await page.getByRole("button", { name: "End this session" }).isDisabled());
    assert.ok(await page.getByRole("button", { name: "Explain" }).isDisabled());
  });

  test("lists those that read a topic, the slowest first, and sorts them", async () => {
    const { page, hub, topic } = bench;
    await Promise.all([1, 2, 3].map(() => bench.read(`topic=${topic}`)));
    await bench.read(`topic=${topic}&topic=${topic}/more&max_rate=0.01`);
    for (let n = 0; n < 3; n += 1) await hub.publish(topic, String(n));
    await bench.open("sessions");
    await bench.field("Reads topic or pattern").fill(topic);
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByText("4 sessions found.").waitFor();
    const first = page.locator("#sessions-table tbody tr").first();
    await until("the slow one stands first", async () => /waits for its turn/.test((await first.textContent()) ?? ""));
    const limited = (await bench.ask(`/v1/admin/sessions?topic=${topic}`)).sessions.find((/** @type {any} */ each) => each.state === "limited");
    assert.equal(await first.locator("a").textContent(), limited.session);
    assert.match((await first.textContent()) ?? "", new RegExp(`${topic}, ${topic}/more`));
    await page.locator("#sessions-table").getByRole("button", { name: "Behind" }).click();
    await until("the slow one stands last", async () => /waits for its turn/.test((await page.locator("#sessions-table tbody tr").last().textContent()) ?? ""));
    await bench.field("Reads topic or pattern").fill("nobody/reads/this");
    await page.getByRole("button", { name: "Search" }).click();
    await page.getByText("No open session matches.").waitFor();
  });

  test("tells about one, explains what it gets and why, and ends it", async () => {
    const { page, hub, topic } = bench;
    await bench.read(`topic=${topic}/*`);
    const id = await hub.publish(`${topic}/a`, "x");
    const [{ session }] = (await bench.ask(`/v1/admin/sessions?topic=${topic}/a`)).sessions;
    await bench.open(`session/${session}`);
    await page.locator("#session-reads").getByText(`${topic}/*`).waitFor();
    const told = await bench.ask(`/v1/admin/sessions/${session}`);
    const facts = page.locator("#session-facts");
    await facts.getByText(told.told, { exact: true }).first().waitFor();
    for (const text of [told.address, "event-stream, socket", "live: up to date"]) await facts.getByText(text, { exact: true }).waitFor();

    await bench.field("Topic").fill(`${topic}/a`);
    await page.getByRole("button", { name: "Explain" }).click();
    await page.getByText(`It gets the events of ${topic}/a.`).waitFor();
    await page.locator(".steps").getByText(`Rule: "${topic}/*"`).waitFor();
    await page.locator(".steps").getByText(new RegExp(`newest is ${id}: the session is past it`)).waitFor();
    await bench.field("Topic").fill("elsewhere/1");
    await page.keyboard.press("Enter");
    await page.getByText("It does not get the events of elsewhere/1.").waitFor();
    await page.locator(".steps .bad").getByText("Reason: not-asked-for").waitFor();
    await page.reload();
    await page.getByText("It does not get the events of elsewhere/1.").waitFor();

    await page.getByRole("button", { name: "End this session" }).click();
    await page.getByRole("button", { name: "Leave it" }).click();
    await page.getByRole("button", { name: "End this session" }).click();
    bench.expected = /status of 404/;
    await page.getByRole("button", { name: "End it" }).click();
    await page.getByText("The session has ended.").waitFor();
    await page.locator("#session-facts").getByText("ended", { exact: true }).waitFor();
    assert.ok(await page.getByRole("button", { name: "End this session" }).isDisabled());
    assert.ok(await page.getByRole("button", { name: "Explain" }).isDisabled());
    assert.equal(await page.locator(".verdict").count(), 0);
    assert.deepEqual((await bench.ask(`/v1/admin/sessions?topic=${topic}/a`)).sessions, []);
  });
});
