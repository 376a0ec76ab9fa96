// Signing in to the hub's page where the hub asks for rights.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import { BINARY } from "./support/hub.js";
import { Bench } from "./support/page.js";
import { until } from "./support/until.js";

const SECRET = "a secret of thirty-two bytes or more, for tests";
const AUDIENCE = "https://hub.example";

const bench = new Bench(`
[access]
audience = "${AUDIENCE}"

[[access.keys]]
id = "main"
algorithm = "HS256"
secret = "${SECRET}"
`);

/**
 * A token as the hub wants it.
 * @param {Record<string, unknown>} claims
 */
function token(claims) {
  const now = Math.floor(Date.now() / 1000);
  const part = (/** @type {unknown} */ value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const all = { sub: "ops", aud: AUDIENCE, iat: now, exp: now + 3600, headwater: { admin: true, subscribe: ["**"], publish: ["**"] }, ...claims };
  const signed = `${part({ alg: "HS256", typ: "JWT", kid: "main" })}.${part(all)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

/** @param {string} text */
async function signIn(text) {
  await bench.page.getByLabel("Token with the right admin").fill(text);
  await bench.page.getByRole("button", { name: "Sign in" }).click();
}

/** Opens the page of a hub that refuses, and waits for its form. */
async function refused() {
  bench.expected = /status of 40[13]/;
  await bench.page.goto(bench.hub.url);
  await bench.page.locator("#sign-in").waitFor();
}

describe("signing in", () => {
  test("says why the hub refuses and what to do, and takes a token that may", async () => {
    const { page } = bench;
    /** @type {string[]} */
    const addresses = [];
    page.on("request", (request) => addresses.push(request.url()));
    await refused();
    await page.locator("#link[data-state=refused]").waitFor();
    await bench.says("#sign-in-why", /401 .*Send Authorization: Bearer.*Reason: missing/);
    assert.deepEqual(await bench.flaws(), []);
    const good = token({});
    await page.getByLabel("Token with the right admin").fill(good);
    await bench.says("#sign-in-answer", /of ops, an administrator.*expires in 59 min.*read \*\*/);
    await signIn(good);
    await page.locator("#link[data-state=live]").waitFor();
    await page.locator("#sign-in").waitFor({ state: "hidden" });
    await bench.says("#who", /ops, admin.*for 59 min/);
    await bench.says("#open-sessions .value", /^1$/);
    assert.deepEqual(addresses.filter((each) => each.includes(good.slice(0, 20))), [], "no token in an address");
    await page.getByRole("navigation").getByRole("link", { name: "Sessions" }).click();
    await page.locator("#sessions-table tbody tr").filter({ hasText: "$hub/stats" }).waitFor();
  });

  test("tells a command that works, takes a whole header, and stands ready for either", async () => {
    const { page } = bench;
    await refused();
    await until("the field has the focus", () => page.evaluate(() => document.activeElement?.id === "token"));
    const command = (await page.locator("#token-command").textContent()) ?? "";
    const [program, ...words] = command.replace("AUDIENCE", AUDIENCE).split(" ");
    assert.equal(program, "headwater");
    const made = execFileSync(BINARY, [...words, "--key", "main"], { env: { SECRET }, encoding: "utf8" });
    await signIn(`Authorization: Bearer ${made.trim()}`);
    await page.locator("#link[data-state=live]").waitFor();
    await bench.says("#who", /for 7 h 59 min|for 8 h/);
    // A link would bring no token along.
    assert.ok(await page.locator("#metrics").isHidden());
  });

  test("asks for nothing until somebody signs in", async () => {
    const { page } = bench;
    await page.clock.install();
    await refused();
    await page.locator("#link[data-state=refused]").waitFor();
    /** @type {string[]} */
    const asked = [];
    page.on("request", (request) => request.url().includes("/assets/") || asked.push(request.url()));
    for (const view of ["Topics", "Sessions", "Overview"]) {
      await page.getByRole("navigation").getByRole("link", { name: view }).click();
      await page.clock.runFor(60_000);
    }
    assert.deepEqual(asked, []);
    await signIn(token({}));
    await until("it goes on", async () => {
      await page.clock.runFor(1000);
      return page.locator("#link[data-state=live]").isVisible();
    });
  });

  test("keeps the token over a reload only where that was wanted", async () => {
    const { page } = bench;
    await refused();
    await signIn(token({}));
    await page.locator("#link[data-state=live]").waitFor();
    await page.reload();
    await page.locator("#sign-in").waitFor();
    await page.getByLabel("Keep it in this tab over a reload").check();
    await signIn(token({}));
    await page.locator("#link[data-state=live]").waitFor();
    await page.reload();
    await page.locator("#link[data-state=live]").waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.locator("#link[data-state=refused]").waitFor();
    await page.reload();
    await page.locator("#sign-in").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length), 0);
  });

  test("refuses a token that may not, one that is forged and one that is over, each with its reason", async () => {
    await refused();
    await signIn(token({ headwater: { subscribe: ["**"] } }));
    await bench.says("#sign-in-answer", /403 .*Reason: no-right-to-admin.*not an administrator, which this page needs/);
    await signIn(`${token({}).slice(0, -4)}AAAA`);
    await bench.says("#sign-in-answer", /401 .*Reason: (bad-)?signature/);
    await signIn(token({ exp: Math.floor(Date.now() / 1000) - 600 }));
    await bench.says("#sign-in-answer", /401 .*Reason: expired.*It expired 10 min/);
    await signIn("nonsense");
    await bench.says("#sign-in-answer", /401 .*This is no JWT/);
    assert.ok(await bench.page.locator("#sign-in").isVisible());
  });

  test("says when the token ends, and asks for another one then", async () => {
    const { page } = bench;
    await refused();
    await signIn(token({ exp: Math.floor(Date.now() / 1000) + 6 }));
    await bench.says("#who", /for \d s/);
    await page.locator("#sign-in").waitFor();
    await bench.says("#sign-in-why", /expired/);
    await bench.says("#who", /expired/);
    await signIn(token({ sub: "second" }));
    await page.locator("#link[data-state=live]").waitFor();
    await bench.says("#who", /second/);
  });

  test("T23: a subject with markup stays text", async () => {
    const { page, hub } = bench;
    await refused();
    const subject = "<img src=x onerror=alert(1)>";
    const mine = token({ sub: subject });
    await page.getByLabel("Token with the right admin").fill(mine);
    await bench.says("#sign-in-answer", /of <img src=x/);
    await signIn(mine);
    await bench.says("#who", /<img src=x/);
    await bench.read("topic=orders/1&max_rate=0.01", { Authorization: `Bearer ${mine}` });
    const publish = () =>
      fetch(`${hub.url}/v1/topics/orders/1`, { method: "POST", body: "x", headers: { Authorization: `Bearer ${mine}` } });
    for (let n = 0; n < 3; n += 1) assert.equal((await publish()).status, 201);
    await page.locator("#slowest tbody tr").getByText(subject).waitFor();
    await page.getByRole("navigation").getByRole("link", { name: "Sessions" }).click();
    await page.locator("#sessions-table tbody tr").getByText(subject).first().waitFor();
    assert.equal(await page.locator("main img, .who img").count(), 0);
    await until("the page still has its title", async () => /Headwater$/.test(await page.title()));
  });
});
