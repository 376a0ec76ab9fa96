// The page's modules that need no browser: figures over time, formats, ids, patterns and tokens.

import assert from "node:assert/strict";
import { test } from "node:test";
import { claimsOf } from "../../dashboard/credential.js";
import { atOrBefore, bytes, count, covers, duration, position, span } from "../../dashboard/format.js";
import { Growth, History, steps } from "../../dashboard/series.js";

test("growth needs two samples and starts again with a new process or after a break", () => {
  const growth = new Growth();
  assert.equal(growth.add(1, { events: 100 }), null);
  assert.deepEqual(growth.add(2, { events: 150 }), { added: { events: 50 }, rates: { events: 50 } });
  assert.deepEqual(growth.add(2.5, { events: 160 }), { added: { events: 10 }, rates: { events: 20 } });
  assert.equal(growth.add(4, { events: 3 }), null);
  assert.deepEqual(growth.add(5, { events: 5 })?.rates, { events: 2 });
  assert.equal(growth.add(5, { events: 7 }), null);
  assert.equal(growth.add(500, { events: 900 }), null);
});

test("a history is bounded, keeps its columns in step and shows a break", () => {
  const history = new History(100);
  for (let n = 0; n < 1000; n += 1) history.add(n, n < 500 ? { a: n } : { a: n, b: 2 * n });
  assert.ok(history.length >= 100 && history.length <= 110, String(history.length));
  assert.deepEqual(history.window(2, ["a", "b", "c"]), [[997, 998, 999], [997, 998, 999], [1994, 1996, 1998], [null, null, null]]);
  assert.equal(history.last("b"), 1998);
  assert.equal(history.sum(1, "a"), 1997);
  history.add(999, { a: 1 });
  assert.equal(history.newest, 999, "nothing comes twice");
  history.add(1099, { a: 7 });
  assert.deepEqual(history.window(100, ["a"]), [[999, 1000, 1099], [999, null, 7]]);
});

test("samples are gathered into steps, and what is unknown is left out", () => {
  const most = steps([10, 11, 12, 15, 20], [[1, 5, 2, null, 4], [0, 0, 1, null, 0]], 5, Math.max);
  assert.deepEqual(most, [{ time: 10, figures: [5, 1] }, { time: 20, figures: [4, 0] }]);
  assert.deepEqual(steps([1, 2], [[1, 2]], 60, (a, b) => a + b), [{ time: 0, figures: [3] }]);
});

test("a token says what it is for, and what is no token says nothing", () => {
  const part = (/** @type {unknown} */ value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const of = (/** @type {unknown} */ claims) => claimsOf(`${part({})}.${part(claims)}.x`);
  assert.deepEqual(of({ sub: "Ada ✓", exp: 5, headwater: { admin: true, subscribe: ["a/*"] } }), {
    subject: "Ada ✓",
    admin: true,
    subscribe: ["a/*"],
    publish: [],
    expires: 5,
  });
  assert.deepEqual(of({ sub: 7, headwater: { admin: "yes", publish: 3 } }), { subject: "", admin: false, subscribe: [], publish: [], expires: null });
  for (const text of ["", "a.b.c", "nonsense", `${part({})}.${part(null)}.x`]) assert.equal(claimsOf(text), null, text);
});

test("numbers read well", () => {
  assert.deepEqual([0, 7, 7.25, 123.4, 9_999, 12_345, 1_500_000].map(count), ["0", "7", "7.3", "123", "9999", "12.3 k", "1.5 M"]);
  assert.deepEqual([0, 1023, 1024, 65_536, 9_000_000].map(bytes), ["0 B", "1023 B", "1.0 KiB", "64.0 KiB", "8.6 MiB"]);
  assert.deepEqual([5, 65, 3_700, 90_000].map(duration), ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
  assert.deepEqual([0.00025, 0.0123, 0.5, 3.21, 75].map(span), ["250 µs", "12.3 ms", "500 ms", "3.2 s", "1 min 15 s"]);
});

test("ids compare by number, only inside one log, beyond what a double holds", () => {
  assert.equal(position("1042-6f3"), null);
  assert.equal(position("x"), null);
  assert.ok(!atOrBefore("9007199254740993-6f3a", "9007199254740992-6f3a"));
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
