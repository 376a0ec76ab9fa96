// What the hub carries of others is what their package has, and what is ours has the types it says.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

test("the embedded uPlot is that of the lock file, byte for byte, with its licence", async () => {
  const folder = here("../../dashboard/vendor/uplot/");
  const from = { "LICENSE": "LICENSE", "uPlot.esm.js": "dist/uPlot.esm.js", "uPlot.esm.d.ts": "dist/uPlot.d.ts", "uPlot.min.css": "dist/uPlot.min.css" };
  assert.deepEqual((await readdir(folder)).sort(), Object.keys(from).sort());
  for (const [ours, theirs] of Object.entries(from)) {
    const [mine, packed] = await Promise.all([readFile(folder + ours), readFile(here(`node_modules/uplot/${theirs}`))]);
    assert.ok(mine.equals(packed), `${ours} differs from the package: npm ci, then copy it`);
  }
});

test("the page's modules have the types they say", async () => {
  const check = promisify(execFile)(here("node_modules/.bin/tsc"), ["--project", here("../../dashboard/tsconfig.json")]);
  await check.catch((error) => assert.fail(error.stdout || error.message));
});
