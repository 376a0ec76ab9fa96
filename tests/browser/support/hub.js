// A real hub as a child process: on a free port, with its own data folder, killable and restartable
// on the same port and data.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "./until.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Path of the hub's binary. */
export const BINARY = process.env.HEADWATER_BIN ?? join(ROOT, "target/debug/headwater");

/** One hub. Made by `Hub.start()`. */
export class Hub {
  /** @type {import("node:child_process").ChildProcess | null} */
  process = null;
  log = "";

  /**
   * @param {number} port
   * @param {string} data
   * @param {string} config text of its configuration file
   */
  constructor(port, data, config) {
    this.port = port;
    this.data = data;
    this.config = config;
    this.url = `http://127.0.0.1:${port}`;
  }

  /**
   * Starts a hub with an empty log.
   * @param {string} [config] text of its configuration file
   */
  static async start(config = "") {
    const hub = new Hub(await freePort(), await mkdtemp(join(tmpdir(), "headwater-browser-")), config);
    await hub.start();
    return hub;
  }

  /** Starts it, again on the same port and data, and waits until it is ready. */
  async start() {
    const file = `${this.data}.toml`;
    await writeFile(file, this.config);
    const child = spawn(BINARY, ["serve", "--config", file, "--listen", `127.0.0.1:${this.port}`, "--data", this.data], {
      cwd: this.data,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.process = child;
    child.on("error", (error) => (this.log += `${BINARY}: ${error.message}\n`));
    for (const output of [child.stdout, child.stderr]) output?.on("data", (text) => (this.log += text));
    await until(() => `the hub is ready:\n${this.log}`, async () => {
      if (child.exitCode !== null) throw new Error(`the hub ended with ${child.exitCode}:\n${this.log}`);
      return (await fetch(`${this.url}/readyz`).catch(() => null))?.ok;
    });
  }

  /**
   * Ends it with a signal and waits until it is gone.
   * @param {NodeJS.Signals} signal
   */
  async kill(signal = "SIGKILL") {
    const child = this.process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  /** Throws its log away; the next start makes another. Only while it is down. */
  async wipe() {
    await rm(this.data, { recursive: true, force: true });
    await mkdir(this.data);
  }

  /** Ends it for good and removes its data. */
  async remove() {
    await this.kill();
    await rm(this.data, { recursive: true, force: true });
    await rm(`${this.data}.toml`, { force: true });
  }

  /**
   * Publishes one event.
   * @param {string} topic
   * @param {string} data
   * @param {Record<string, string>} [query] `event`, `key`, `final`
   * @returns {Promise<string>} its id
   */
  async publish(topic, data, query = {}) {
    const response = await fetch(`${this.url}/v1/topics/${topic}?${new URLSearchParams(query)}`, {
      method: "POST",
      headers: { "Content-Type": "text/plain" },
      body: data,
    });
    if (response.status !== 201) throw new Error(`publish answered ${response.status}: ${await response.text()}`);
    return (await response.json()).id;
  }

  /** How many streams are open, as the hub counts them. */
  async sessions() {
    const stats = await this.stats();
    return stats.sessions;
  }

  /** The next event of the hub's own counters. */
  async stats() {
    const stop = new AbortController();
    try {
      const response = await fetch(`${this.url}/v1/events?topic=${encodeURIComponent("$hub/stats")}`, {
        headers: { Accept: "text/event-stream" },
        signal: stop.signal,
      });
      let text = "";
      for await (const chunk of response.body) {
        text += Buffer.from(chunk).toString();
        const data = /^data: (.*)\n\n/m.exec(text);
        if (data) return JSON.parse(data[1]);
      }
      throw new Error(`no statistics in ${JSON.stringify(text)}`);
    } finally {
      stop.abort();
    }
  }
}

/** A port nobody listens on. */
export async function freePort() {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  server.close();
  await once(server, "close");
  return port;
}
