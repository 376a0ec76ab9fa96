// What a page loads stays small.

import assert from "node:assert/strict";
import { test } from "node:test";
import { size } from "../size.js";

/** In bytes. The goal for all is 7,000. @type {Record<string, number>} */
const CEILINGS = { core: 3500, all: 8100, decode: 1200 };

for (const [name, ceiling] of Object.entries(CEILINGS)) {
  test(`${name}: at most ${ceiling} bytes, minified and gzipped`, async () => {
    const bytes = await size(name);
    assert.ok(bytes <= ceiling, `${bytes} bytes`);
  });
}
