// One page, run with the browser's EventSource and with ours: it has to see the same, and the server too
// (BRW-01, BRW-11).

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { scenarios } from "./dropin/scenarios.js";
import { launch } from "./support/browser.js";
import { ScriptServer } from "./support/script-server.js";

/** Each class has a server and a page of its own, so that both run at the same time. */
const players = /** @type {Record<"native" | "ours", Player>} */ ({});
/** @type {import("playwright-core").Browser} */
let browser;

/** @typedef {{server: ScriptServer, page: import("playwright-core").Page}} Player */

before(async () => {
  browser = await launch();
  for (const kind of /** @type {const} */ (["native", "ours"])) {
    players[kind] = { server: await ScriptServer.start(), page: await browser.newPage() };
  }
});

after(async () => {
  await browser?.close();
  for (const { server } of Object.values(players)) await server.close();
});

/**
 * Runs a scenario: what the page saw, and what the server was asked.
 * @param {string} name
 * @param {"native" | "ours"} kind
 */
async function play(name, kind) {
  const { server, page } = players[kind];
  server.load(scenarios[name].script ?? {});
  await page.context().clearCookies();
  await page.goto(server.here);
  const trace = await page.evaluate(
    async ({ name, kind, origins }) => {
      const { run } = await import("/dropin/run.js");
      const { scenarios } = await import("/dropin/scenarios.js");
      const ours = kind === "ours" && (await import("/client/eventsource.js")).default;
      return run(scenarios[name].run, ours || EventSource, origins);
    },
    { name, kind, origins: { here: server.here, there: server.there } },
  );
  const asked = server.asked.map(({ origin, ...each }) => ({ ...each, origin: origin.replace(server.here, "{page}") }));
  return { trace, asked: asked.filter(isForTheStream), beside: asked.filter((each) => !isForTheStream(each)) };
}

/** @param {import("./support/script-server.js").Asked} asked */
function isForTheStream({ method, accept }) {
  return method === "GET" && accept === "text/event-stream";
}

describe("our EventSource passes for the browser's", () => {
  for (const name of Object.keys(scenarios)) {
    test(name, async () => {
      const [native, ours] = await Promise.all([play(name, "native"), play(name, "ours")]);
      assert.deepEqual(ours.trace, native.trace);
      // Ours asks once more before it gives up.
      const expected = scenarios[name].unreadable ? [...native.asked, ...native.asked] : native.asked;
      assert.deepEqual(ours.asked, expected);
    });
  }
});

describe("what ours asks beside, because it is a script", () => {
  test("a preflight, where an id goes to another origin", async () => {
    const { beside } = await play("another origin, again with its id", "ours");
    assert.deepEqual(beside.map(({ method, path }) => [method, path]), [["OPTIONS", "/a"]]);
  });

  test("without CORS, to tell a refusal by CORS from a server that is down", async () => {
    const { beside } = await play("another origin that permits nobody", "ours");
    assert.deepEqual(beside.map(({ method, path, accept, origin }) => [method, path, accept, origin]), [["GET", "/a", "*/*", ""]]);
  });
});
