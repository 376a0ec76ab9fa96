// The samples of the book, run as a reader runs them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { events, subscribe } from "headwater";
import { Hub, freePort } from "../../tests/browser/support/hub.js";
import { until } from "../../tests/browser/support/until.js";

/**
 * Starts a sample and waits until it says where it is.
 * @param {import("node:test").TestContext} context
 * @param {string} file
 * @param {Record<string, string>} [env]
 */
async function start(context, file, env = {}) {
  const sample = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url))], {
    env: { ...process.env, PORT: String(await freePort()), ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  context.after(() => sample.kill("SIGKILL"));
  const started = { sample, said: "", url: "" };
  sample.stdout.on("data", (text) => (started.said += text));
  started.url = await until(() => `${file} says where it is: ${started.said}`, () => /http:\S+/.exec(started.said)?.[0]);
  return started;
}

/**
 * The first events of a stream.
 * @param {string} url
 * @param {number} count
 * @param {RequestInit} [init]
 */
async function first(url, count, init) {
  const response = await fetch(url, { ...init, headers: { "Accept-Encoding": "gzip", ...init?.headers } });
  assert.equal(response.status, 200);
  const seen = [];
  for await (const event of events(response.body)) {
    seen.push(event);
    if (seen.length === count) break;
  }
  return { seen, response };
}

test("http.js ticks, and ends its streams when it is stopped", async (context) => {
  const { url, sample } = await start(context, "http.js");
  const response = await fetch(url);
  const stream = events(response.body);
  assert.equal((await stream.next()).value?.type, "tick");
  sample.kill("SIGTERM");
  const rest = [];
  for await (const event of stream) rest.push(event);
  assert.deepEqual(rest.at(-1)?.type, "headwater.closing");
  if (sample.exitCode === null) await once(sample, "exit");
  assert.equal(sample.exitCode, 0);
});

test("by-hand.js ticks too", async (context) => {
  const { url } = await start(context, "by-hand.js");
  assert.match((await first(url, 1)).seen[0].data, /^\d{4}-/);
});

test("express.js gives everybody every message, and what they missed", async (context) => {
  const { url } = await start(context, "express.js");
  const say = async (/** @type {string} */ body) => {
    const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "text/plain" }, body });
    assert.equal(answer.status, 201);
  };
  const [one, two] = [subscribe(url), subscribe(url)];
  context.after(() => [one, two].forEach((each) => each.close()));
  await until("both are here", () => one.state?.name === "open" && two.state?.name === "open");
  await say("hello");
  for (const each of [one, two]) assert.equal((await each[Symbol.asyncIterator]().next()).value?.data, "hello");
  await say("while you were away");
  const { seen } = await first(url, 1, { headers: { "Last-Event-ID": "1" } });
  assert.deepEqual(seen.map(({ id, data }) => [id, data]), [["2", "while you were away"]]);
});

test("fastify.js tells progress once, also to a client that reconnects", async (context) => {
  const { url } = await start(context, "fastify.js");
  const half = await first(url, 2);
  assert.deepEqual(half.seen.map(({ id }) => id), ["1", "2"]);
  const rest = await first(url, 4, { headers: { "Last-Event-ID": "2" } });
  assert.deepEqual(rest.seen.map(({ id }) => id), ["3", "4", "5", "headwater.end"]);
  const again = await fetch(url, { headers: { "Last-Event-ID": "headwater.end" } });
  assert.equal(again.status, 204);
});

test("hono.js answers word by word, and stops its model when the reader leaves", async (context) => {
  const started = await start(context, "hono.js");
  const ask = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"prompt":"one two three four five"}' };
  const { seen } = await first(started.url, 2, ask);
  assert.deepEqual(seen.map(({ data }) => data), ["You", "said:"]);
  await until("the model has stopped", () => started.said.includes("the model has stopped"));
});

test("cluster.js: any process goes on where another one was", async (context) => {
  const hub = await Hub.start();
  context.after(() => hub.remove());
  const started = await start(context, "cluster.js", { HUB: hub.url });
  context.after(() => started.sample.kill("SIGTERM"));
  await until("four processes are there", () => started.said.match(/http:/g)?.length === 4);
  const ids = [];
  for (const data of ["1", "2", "3", "4", "5", "6", "7", "8"]) ids.push(await hub.publish("news", data));
  const workers = new Set();
  let cursor = ids[0];
  for (const id of ids.slice(1)) {
    const { seen, response } = await first(started.url, 1, { headers: { "Last-Event-ID": cursor } });
    workers.add(response.headers.get("x-worker"));
    assert.equal(seen[0].id, id);
    assert.equal(seen[0].topic, "news");
    cursor = seen[0].id;
  }
  assert.ok(workers.size > 1, "more than one process has answered");
  started.sample.kill("SIGTERM");
  await once(started.sample, "exit");
});

test("publish.js pipes an answer into the hub, and ends its topic", async (context) => {
  const hub = await Hub.start();
  context.after(() => hub.remove());
  const sample = spawn(process.execPath, [fileURLToPath(new URL("publish.js", import.meta.url))], {
    env: { ...process.env, HUB: hub.url },
  });
  let said = "";
  sample.stdout.on("data", (text) => (said += text));
  const reader = subscribe(`${hub.url}/v1/events?topic=chats/1&since=earliest`);
  let text = "";
  for await (const item of reader) {
    if (item.kind === "event") text += item.data;
    if (item.kind === "end") break;
  }
  assert.equal(text, "Rivers remember where they rose.");
  await until("it tells the ids", () => /^5 events, the last of them \d+-[0-9a-f]+$/m.test(said));
});
