// The chat example as a user runs it: a real hub, Uvicorn with several workers, its page in a real browser.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { complaints, launch } from "./support/browser.js";
import { BINARY, freePort, Hub } from "./support/hub.js";
import { until } from "./support/until.js";

/** Python with the package, as the test runner builds it. */
const PYTHON = process.env.HEADWATER_PYTHON ?? join(dirname(BINARY), "../python/python");
const EXAMPLE = fileURLToPath(new URL("../../examples/llm-chat", import.meta.url));
const WORKERS = 3;

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {Hub} */
let hub;
/** @type {Provider} */
let provider;
/** @type {Server} */
let chat;

before(async () => {
  await access(PYTHON).catch(() => assert.fail(`there is no ${PYTHON}; make it with: cargo xtask setup`));
  [browser, hub] = await Promise.all([launch(), Hub.start('retry = "100ms"')]);
  provider = await Provider.start();
  chat = await Server.start("app:app", WORKERS, { HUB_URL: hub.url, PROVIDER_URL: provider.url, WORKER_BEAT: "0.2" });
});

after(async () => {
  await Promise.all([browser?.close(), chat?.stop()]);
  provider?.stop();
  await hub?.remove();
});

/** What the provider answers, and how far it goes before it waits. */
const WORDS = Array.from({ length: 300 }, (_, number) => `${number === 0 ? "" : " "}word${number}`);
const WHOLE = WORDS.join("");
const HALF = WORDS.slice(0, 150).join("");

/** A provider of language models that stops in the middle of each answer until it is told to go on. */
class Provider {
  /** Answers under way. @type {Set<import("node:http").ServerResponse>} */
  open = new Set();
  url = "";
  #server = createServer((request, response) => this.#answer(request, response));

  static async start() {
    const provider = new Provider();
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (provider.#server.address());
    provider.url = `http://127.0.0.1:${port}/v1`;
    return provider;
  }

  stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** Lets all answers go on to their end. */
  goOn() {
    for (const response of this.open) {
      for (const word of WORDS.slice(150)) response.write(chunk(word));
      response.end("data: [DONE]\n\n");
    }
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  #answer(request, response) {
    assert.equal(request.url, "/v1/chat/completions");
    request.resume();
    this.open.add(response);
    response.on("close", () => this.open.delete(response));
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    for (const word of WORDS.slice(0, 150)) response.write(chunk(word));
  }
}

/** @param {string} content */
function chunk(content) {
  const choices = [{ index: 0, delta: { content }, finish_reason: null }];
  return `data: ${JSON.stringify({ object: "chat.completion.chunk", choices })}\n\n`;
}

/** An application of the example under Uvicorn. */
class Server {
  said = "";
  url = "";

  /**
   * @param {string} app
   * @param {number} workers
   * @param {Record<string, string>} env
   */
  static async start(app, workers, env) {
    const server = new Server();
    const port = await freePort();
    const command = ["-m", "uvicorn", app, "--port", String(port), "--workers", String(workers), "--timeout-graceful-shutdown", "5"];
    server.child = spawn(PYTHON, command, {
      cwd: EXAMPLE,
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const output of [server.child.stdout, server.child.stderr]) output.on("data", (text) => (server.said += text));
    server.url = `http://127.0.0.1:${port}`;
    await until(
      () => `${app} is up:\n${server.said}`,
      () => server.said.split("Application startup complete").length > workers,
    );
    return server;
  }

  async stop() {
    if (!this.child || this.child.exitCode !== null) return;
    const gone = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await gone;
  }
}

/** A page of a chat that is not there yet, or of another page's chat. @param {string} [url] */
async function open(url = chat.url) {
  const page = await browser.newPage();
  const found = complaints(page);
  await page.goto(url);
  await page.locator("#state[data-state=open]").waitFor();
  return { page, found };
}

/**
 * @param {import("playwright-core").Page} page
 * @param {string} question
 */
async function ask(page, question) {
  await page.locator("#question").fill(question);
  await page.locator("#ask").click();
  await page.locator("article[data-state=writing] h2", { hasText: question }).waitFor();
}

/** The newest answer of a page. @param {import("playwright-core").Page} page */
const shown = async (page) => (await page.locator("article .answer").last().textContent()) ?? "";

/** How an answer of a page ended. @param {import("playwright-core").Page} page */
const ended = async (page) => {
  await page.locator("article[data-state=writing]").last().waitFor({ state: "detached" });
  return page.locator("article").last().getAttribute("data-state");
};

/**
 * What the hub has of a chat's answers.
 * @param {import("playwright-core").Page} page
 */
async function stored(page) {
  const topic = `chats/${new URL(page.url()).hash.slice(1)}/*`;
  const address = `${hub.url}/v1/events?${new URLSearchParams({ topic, since: "earliest", wait: "0", limit: "10000" })}`;
  const { events } = await (await fetch(address, { headers: { Accept: "application/json" } })).json();
  return events.filter((/** @type {{event: string}} */ { event }) => event === "token").map((/** @type {{data: string}} */ { data }) => data);
}

test("a reload in the middle of an answer loses no token and repeats none, and a second tab sees the same", async () => {
  const { page, found } = await open();
  await ask(page, "Why?");
  await until("half of it is there", async () => (await shown(page)) === HALF);
  await page.reload();
  await until("it is there again", async () => (await shown(page)) === HALF);
  const second = await open(page.url());
  await until("it is in the second tab", async () => (await shown(second.page)) === HALF);
  provider.goOn();
  for (const each of [page, second.page]) {
    assert.equal(await ended(each), "done");
    assert.equal(await shown(each), WHOLE);
  }
  assert.deepEqual(await stored(page), WORDS);
  assert.deepEqual([...found, ...second.found], []);
  await Promise.all([page.close(), second.page.close()]);
});

test("either tab stops the answer for both", async () => {
  const { page } = await open();
  const second = await open(page.url());
  for (const [number, stopper] of [page, second.page].entries()) {
    await ask(page, "Why?");
    const begun = async () => (await second.page.locator("article").count()) === number + 1 && (await shown(second.page)) === HALF;
    await until("both see it", begun);
    await stopper.locator("article[data-state=writing] .stop").click();
    for (const each of [page, second.page]) {
      assert.equal(await ended(each), "cancelled");
      assert.equal(await shown(each), HALF);
    }
    await until("the provider is no longer asked", () => provider.open.size === 0);
  }
  await Promise.all([page.close(), second.page.close()]);
});

test("leaving is not stopping: the answer goes on without a reader", async () => {
  const { page } = await open();
  await ask(page, "Why?");
  await until("half of it is there", async () => (await shown(page)) === HALF);
  const address = page.url();
  await page.close();
  provider.goOn();
  await until("the answer is over", () => provider.open.size === 0);
  const again = await open(address);
  assert.equal(await ended(again.page), "done");
  assert.equal(await shown(again.page), WHOLE);
  await again.page.close();
});

test("a worker that is killed leaves no page waiting", async () => {
  const { page } = await open();
  const asked = page.waitForResponse((response) => response.url().endsWith("/questions"));
  await ask(page, "Why?");
  const worker = (await asked).headers()["x-worker"];
  await until("half of it is there", async () => (await shown(page)) === HALF);
  process.kill(Number(worker), "SIGKILL");
  assert.equal(await ended(page), "error");
  assert.equal(await shown(page), HALF);
  // The others are told apart from it, and a new worker takes its place.
  await ask(page, "And now?");
  await until("half of the next one is there", async () => (await shown(page)) === HALF);
  provider.goOn();
  assert.equal(await ended(page), "done");
  assert.equal(await shown(page), WHOLE);
  await page.close();
});

test("a native EventSource is redirected to the hub, and reads all of it", async () => {
  const { page, found } = await open();
  await ask(page, "Why?");
  const reading = page.evaluate(
    (address) =>
      new Promise((/** @type {(text: string) => void} */ resolve) => {
        const source = new EventSource(address);
        let text = "";
        source.addEventListener("token", ({ data }) => (text += data));
        source.addEventListener("headwater.end", () => {
          source.close();
          resolve(text);
        });
      }),
    `/chats/${new URL(page.url()).hash.slice(1)}/events`,
  );
  await until("half of it is there", async () => (await shown(page)) === HALF);
  provider.goOn();
  assert.equal(await reading, WHOLE);
  assert.deepEqual(found, []);
  await page.close();
});

// FWK-04
test("a stop reaches the worker that generates, whichever takes it", async () => {
  /** @param {string} path @param {unknown} [body] */
  const post = async (path, body = {}) => {
    const headers = { "Content-Type": "application/json", Connection: "close" };
    const response = await fetch(`${chat.url}/chats/${id}/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    assert.equal(response.status, 202);
    return { worker: response.headers.get("x-worker"), answer: await response.json() };
  };
  const id = crypto.randomUUID();
  const crossed = async () => {
    const { worker, answer } = await post("questions", { question: "Why?" });
    const stop = await post(`answers/${answer.answer}/stop`);
    const topic = `${hub.url}/v1/topics/chats/${id}/${answer.answer}`;
    await until("it has ended", async () => {
      const response = await fetch(topic);
      return response.ok && (await response.json()).finished === "cancelled";
    });
    return stop.worker !== worker;
  };
  await until("another worker took the stop", crossed);
});

test("without a provider the stand-in answers, in the format of one", async () => {
  const program = `
import asyncio, provider
async def main():
    async for token in provider.answer([{"role": "user", "content": "Why?"}]):
        print(token, end="")
asyncio.run(main())`;
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1", STAND_IN_PACE: "0" };
  const { stdout } = await promisify(execFile)(PYTHON, ["-c", program], { cwd: EXAMPLE, env });
  assert.match(stdout, /^You asked “Why\?”\. A stream .* sentence\.$/);
});
