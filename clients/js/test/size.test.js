// What a page loads stays small.

import assert from "node:assert/strict";
import { test } from "node:test";
import { size } from "../size.js";

/** In bytes. The goals are 3,500 for the core and 7,000 for all. @type {Record<string, number>} */
const CEILINGS = { core: 4100, all: 8500, decode: 1200 };

for (const [name, ceiling] of Object.entries(CEILINGS)) {
  test(`${name}: at most ${ceiling} bytes, minified and gzipped`, async () => {
    const bytes = await size(name);
    assert.ok(bytes <= ceiling, `${bytes} bytes`);
  });
}
