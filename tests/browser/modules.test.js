// The page's modules that need no browser: rates, formats, ids and patterns.

import assert from "node:assert/strict";
import { test } from "node:test";
import { atOrBefore, bytes, count, covers, cursorBefore, duration, position } from "../../dashboard/format.js";
import { KEPT, Level, Rate } from "../../dashboard/rates.js";

test("a rate needs two samples and starts again with a new process", () => {
  const rate = new Rate();
  assert.equal(rate.add(100, 1000), null);
  assert.equal(rate.add(150, 2000), 50);
  assert.equal(rate.add(160, 2500), 20);
  assert.equal(rate.add(3, 4000), null);
  assert.equal(rate.add(5, 5000), 2);
  assert.equal(rate.add(7, 5000), null);
  assert.deepEqual(rate.series, [50, 20, 2]);
});

test("series are bounded", () => {
  const level = new Level();
  for (let n = 0; n < KEPT + 10; n += 1) level.add(n);
  assert.equal(level.series.length, KEPT);
  assert.equal(level.series.at(-1), KEPT + 9);
});

test("numbers read well", () => {
  assert.deepEqual([0, 7, 7.25, 123.4, 9_999, 12_345, 1_500_000].map(count), ["0", "7", "7.3", "123", "9999", "12.3 k", "1.5 M"]);
  assert.deepEqual([0, 1023, 1024, 65_536, 9_000_000].map(bytes), ["0 B", "1023 B", "1.0 KiB", "64.0 KiB", "8.6 MiB"]);
  assert.deepEqual([5, 65, 3_700, 90_000].map(duration), ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
});

test("ids compare by number, only inside one log, beyond what a double holds", () => {
  assert.equal(position("1042-6f3"), null);
  assert.equal(position("x"), null);
  assert.equal(cursorBefore("1042-6f3a"), "1041-6f3a");
  assert.equal(cursorBefore("0-6f3a"), null);
  assert.equal(cursorBefore("9007199254740993-6f3a"), "9007199254740992-6f3a");
  assert.ok(atOrBefore("9-6f3a", "10-6f3a"));
  assert.ok(!atOrBefore("11-6f3a", "10-6f3a"));
  assert.ok(!atOrBefore("9-6f3a", "10-beef"));
  assert.ok(!atOrBefore("9-6f3a", null));
});

test("patterns cover topics as the hub matches them", () => {
  const cases = [
    ["orders/42", "orders/42", true],
    ["orders/42", "orders/421", false],
    ["orders/*", "orders/42", true],
    ["orders/*", "orders/42/items", false],
    ["orders/*", "orders", false],
    ["orders/**", "orders", true],
    ["orders/**", "orders/42/items", true],
    ["*/42", "orders/42", true],
    ["**", "anything/at/all", true],
    ["**", "$hub/stats", false],
    ["$hub/**", "$hub/stats", true],
  ];
  for (const [pattern, topic, expected] of cases) {
    assert.equal(covers(String(pattern), String(topic)), expected, `${pattern} and ${topic}`);
  }
});
