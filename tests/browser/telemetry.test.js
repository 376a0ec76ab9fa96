// The telemetry example as a user runs it: the program, a real hub, its page in a real browser.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { complaints, launch } from "./support/browser.js";
import { BINARY, freePort, Hub } from "./support/hub.js";
import { until } from "./support/until.js";

const TELEMETRY = process.env.TELEMETRY_BIN ?? join(dirname(BINARY), "telemetry");

/** @type {import("playwright-core").Browser} */
let browser;

before(async () => {
  await access(TELEMETRY).catch(() => assert.fail(`there is no ${TELEMETRY}; make it with: cargo build -p telemetry`));
  browser = await launch();
});

after(() => browser?.close());

/** The example as a child process. */
class Telemetry {
  output = "";
  page = "";

  /**
   * @param {string} hub address
   * @param {string} folder where it runs
   */
  static async start(hub, folder) {
    const telemetry = new Telemetry();
    const child = spawn(TELEMETRY, ["--hub", hub, "--listen", "127.0.0.1:0"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    telemetry.child = child;
    for (const output of [child.stdout, child.stderr]) output.on("data", (text) => (telemetry.output += text));
    telemetry.page = await until(
      () => `the example says where its page is:\n${telemetry.output}`,
      () => /^Page\s+(\S+)/m.exec(telemetry.output)?.[1],
    );
    return telemetry;
  }

  /** Process id of the hub it started. */
  async hub() {
    const children = await readFile(`/proc/${this.child?.pid}/task/${this.child?.pid}/children`, "utf8");
    assert.match(children, /^\d+ $/, "one child");
    return Number(children);
  }

  async stop() {
    if (!this.child || this.child.exitCode !== null) return;
    const gone = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await gone;
  }
}

/**
 * The number an element shows.
 * @param {import("playwright-core").Page} page
 * @param {string} id
 */
async function shown(page, id) {
  return Number.parseInt((await page.locator(`#${id}`).textContent()) ?? "", 10);
}

test("the page shows live figures, catches up after a pause and after kill -9 of the hub", async () => {
  const hub = await Hub.start();
  const telemetry = await Telemetry.start(`127.0.0.1:${hub.port}`, hub.data);
  try {
    const page = await browser.newPage();
    const found = complaints(page);
    await page.goto(telemetry.page);
    await page.locator("#state[data-state=open]").waitFor();
    await until("CPU is shown", async () => /^\d+ % of \d+ cores$/.test((await page.locator("#cpu-now").textContent()) ?? ""));
    await until("memory is shown", async () => /iB of /.test((await page.locator("#memory-now").textContent()) ?? ""));
    await until("network is shown", async () => /B\/s/.test((await page.locator("#network-now").textContent()) ?? ""));
    await page.locator("#cpu polyline").first().waitFor({ state: "attached" });
    assert.deepEqual(found, []);

    await page.locator("#drop").click();
    const missed = await samples(hub);
    await until("more samples are stored", async () => (await samples(hub)) >= missed + 6);
    await page.getByRole("button", { name: /^Resume after/ }).click();
    await until("the missed samples have arrived", async () => (await shown(page, "caught-up")) >= 6);
    await page.locator("#cpu .late").waitFor({ state: "attached" });

    await hub.kill("SIGKILL");
    await page.locator("#state[data-state=waiting]").waitFor();
    await hub.start();
    await page.locator("#state[data-state=open]").waitFor();
    const received = await shown(page, "received");
    await until("samples flow again", async () => (await shown(page, "received")) >= received + 6);
    assert.equal(await shown(page, "repeated"), 0);
    assert.equal(await shown(page, "gaps"), 0);
    assert.deepEqual(found.filter((each) => !/ERR_/.test(each)), []);
    await page.close();
  } finally {
    await telemetry.stop();
    await hub.remove();
  }
});

test("without a hub it starts one, starts it again when it is killed, and stops it at the end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "headwater-telemetry-"));
  const address = `127.0.0.1:${await freePort()}`;
  const telemetry = await Telemetry.start(address, folder);
  try {
    assert.match(telemetry.output, /started here/);
    const page = await browser.newPage();
    await page.goto(telemetry.page);
    await until("samples flow", async () => (await shown(page, "received")) >= 3);
    process.kill(await telemetry.hub(), "SIGKILL");
    await until("the page has reconnected", async () => (await shown(page, "reconnects")) >= 1);
    const received = await shown(page, "received");
    await until("samples flow again", async () => (await shown(page, "received")) >= received + 6);
    await page.close();
  } finally {
    await telemetry.stop();
  }
  assert.equal(telemetry.child?.exitCode, 0);
  await assert.rejects(fetch(`http://${address}/healthz`), "the hub is gone");
  await rm(folder, { recursive: true, force: true });
});

/**
 * How many samples the hub keeps.
 * @param {Hub} hub
 */
async function samples(hub) {
  const response = await fetch(`${hub.url}/v1/topics?prefix=telemetry/`);
  const { topics } = await response.json();
  return topics.reduce((/** @type {number} */ sum, /** @type {{events: number}} */ each) => sum + each.events, 0);
}
