// The example with a hub inside as a user runs it: its page in a real browser, over a stop and a kill of the program.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { complaints, launch } from "./support/browser.js";
import { BINARY, freePort } from "./support/hub.js";
import { until } from "./support/until.js";

const EMBEDDED = process.env.EMBEDDED_BIN ?? join(dirname(BINARY), "embedded");

/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  await access(EMBEDDED).catch(() => assert.fail(`there is no ${EMBEDDED}; make it with: cargo build -p embedded`));
  browser = await launch();
});

after(() => browser?.close());

/**
 * Starts the example.
 * @param {string} address
 * @param {string} folder of its log
 */
async function start(address, folder) {
  const child = spawn(EMBEDDED, [address, join(folder, "log")], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (text) => (output += text));
  await until(
    () => `the example says where its page is: ${output}`,
    () => output.includes(`Open http://${address}/`),
  );
  return child;
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @param {NodeJS.Signals} signal
 */
async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}

// BRW-01: the browser's own EventSource, served by a route of an application
test("the page goes on where it was when the program was stopped, killed and started again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "headwater-embedded-"));
  const address = `127.0.0.1:${await freePort()}`;
  let program = await start(address, folder);
  try {
    const page = await browser.newPage();
    const found = complaints(page);
    await page.goto(`http://${address}/`);
    const state = (/** @type {string} */ text) => page.locator("#state", { hasText: new RegExp(`^${text}$`) }).waitFor();
    const shown = () => page.locator("#messages li").allTextContents();
    const say = async (/** @type {string} */ message) => {
      await page.getByLabel("Message").fill(message);
      await page.getByRole("button", { name: "Say" }).click();
      await until(`${message} is shown`, async () => (await shown()).includes(message));
    };
    await state("connected");
    await say("<b>Hello</b>");
    await say("how many?");
    await until("the answer is shown", async () => (await shown()).includes("2 since I was started"));
    assert.deepEqual(found, []);

    /** @type {NodeJS.Signals[]} */
    const signals = ["SIGTERM", "SIGKILL"];
    for (const signal of signals) {
      await end(program, signal);
      await state("reconnecting");
      program = await start(address, folder);
      // Before the page is back.
      await fetch(`http://${address}/say`, { method: "POST", body: `after ${signal}` });
      await until("the page has it", async () => (await shown()).includes(`after ${signal}`));
      await state("connected");
    }
    const all = ["<b>Hello</b>", "how many?", "2 since I was started", "after SIGTERM", "after SIGKILL"];
    assert.deepEqual(await shown(), all, "each once, in order");
    await page.close();
  } finally {
    await end(program, "SIGTERM");
    await rm(folder, { recursive: true, force: true });
  }
  assert.equal(program.exitCode, 0);
});
