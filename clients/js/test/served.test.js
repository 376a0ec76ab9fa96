// The hub serves the very files of the package.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Hub } from "../../../tests/browser/support/hub.js";

const SOURCES = new URL("../src/", import.meta.url);

/** @type {Hub} */
let hub;
before(async () => (hub = await Hub.start()));
after(() => hub.remove());

test("the hub serves every module as it is published, and /client.js leads to them", async () => {
  assert.equal(await (await fetch(`${hub.url}/client.js`)).text(), 'export * from "./client/index.js";\n');
  for (const name of readdirSync(SOURCES).filter((name) => name.endsWith(".js"))) {
    const response = await fetch(`${hub.url}/client/${name}`);
    assert.equal(await response.text(), readFileSync(new URL(name, SOURCES), "utf8"), name);
  }
  const missing = await fetch(`${hub.url}/client/absent.js`);
  assert.equal(missing.status, 404);
  await missing.body?.cancel();
});

test("pages of every origin may load them, and what has not changed is not sent again", async () => {
  const everywhere = [{ Origin: "http://localhost:5173" }, { Origin: "https://app.example" }, { "Sec-Fetch-Site": "cross-site" }];
  for (const [path, headers] of ["/client.js", "/client/decode.js"].flatMap((path) => everywhere.map((headers) => [path, headers]))) {
    const first = await fetch(hub.url + path, { headers });
    await first.body?.cancel();
    assert.equal(first.status, 200);
    assert.equal(first.headers.get("content-type"), "text/javascript; charset=utf-8");
    assert.equal(first.headers.get("access-control-allow-origin"), "*");
    assert.equal(first.headers.get("access-control-allow-credentials"), null);
    assert.equal(first.headers.get("cross-origin-resource-policy"), "cross-origin");
    assert.equal(first.headers.get("cache-control"), "no-cache");
    const tag = first.headers.get("etag") ?? "";
    const again = await fetch(hub.url + path, { headers: { ...headers, "If-None-Match": tag } });
    assert.equal(again.status, 304);
    assert.equal(again.headers.get("access-control-allow-origin"), "*");
    assert.equal(await again.text(), "");
  }
});
