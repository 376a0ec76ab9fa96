// What a store is given, and under which key.

import assert from "node:assert/strict";
import { test } from "node:test";
import { subscribe } from "headwater";
import { serve, stream, until } from "./support.js";

/** Serves three events on one stream that stays open. */
const three = () => serve((_, response) => stream(response, [1, 2, 3].map((n) => `id: ${n}\ndata: ${n}\n\n`).join("")));

test("the key is the address without its credentials and its cursor, or the one that is given", async () => {
  const server = await three();
  const keys = [];
  const store = { load: (key) => void keys.push(key), save: () => {} };
  for (const options of [{ store }, { store, storeKey: "mine" }]) {
    const subscription = subscribe(`${server.url}/v1/events?topic=a&ticket=secret&last_event_id=9`, options);
    for await (const item of subscription) if (item.id === "1") break;
  }
  assert.deepEqual(keys, [`${server.url}/v1/events?topic=a`, "mine"]);
  await server.close();
});

test("one save at a time, and of those that wait the newest", async () => {
  const server = await three();
  const saved = [];
  let finish = () => {};
  const store = {
    load: () => null,
    save: (_, id) => {
      saved.push(id);
      return new Promise((resolve) => (finish = () => resolve(undefined)));
    },
  };
  const subscription = subscribe(server.url, { store });
  const items = subscription[Symbol.asyncIterator]();
  for (let n = 0; n < 3; n++) await items.next();
  // The third is handled when the next is asked for.
  const fourth = items.next();
  await until("the first is being saved", () => saved.length === 1);
  finish();
  await until("another is being saved", () => saved.length === 2);
  assert.deepEqual(saved, ["1", "3"]);
  subscription.close();
  await fourth;
  await server.close();
});

test("a store that fails is reported, and the stream goes on", async (t) => {
  const server = await three();
  const warn = t.mock.method(console, "warn", () => {});
  const fail = () => {
    throw new Error("full");
  };
  const data = [];
  for await (const item of subscribe(server.url, { store: { load: fail, save: fail } })) {
    if (data.push(item.data) === 3) break;
  }
  assert.deepEqual(data, ["1", "2", "3"]);
  await until("the load and a save were reported", () => warn.mock.callCount() >= 2);
  assert.match(`${warn.mock.calls[0].arguments}`, /failed.*full/);
  await server.close();
});
