import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { Decoder } from "headwater/decode";
import { encode } from "../../src/node/encode.js";

test("a block has its fields in the hub's order, and data in lines", () => {
  const event = { comment: "by hand", retry: 250, id: "7-a", type: "order.paid", topic: "orders/42", data: "a\r\nb\rc\nd" };
  assert.equal(
    encode(event),
    ": by hand\nretry: 250\nid: 7-a\nevent: order.paid\ntopic: orders/42\ndata: a\ndata: b\ndata: c\ndata: d\n\n",
  );
  assert.equal(encode(" leading"), "data:  leading\n\n");
  assert.equal(encode({ data: { total: 12 } }), 'data: {"total":12}\n\n');
  assert.equal(encode({ data: null }), "data: null\n\n");
  assert.equal(encode({ data: "" }), "data: \n\n");
  assert.equal(encode({ id: "7-a" }), "id: 7-a\n\n");
});

test("what would break out of its field is refused with the field's name", () => {
  for (const end of ["\n", "\r", "\0"]) {
    assert.throws(() => encode({ data: "x", id: `1${end}data: forged` }), /^TypeError: id has to be text without CR, LF and NUL/);
    assert.throws(() => encode({ data: "x", type: `a${end}b` }), /^TypeError: type has to be/);
    assert.throws(() => encode({ data: "x", topic: `a${end}b` }), /^TypeError: topic has to be/);
  }
  assert.throws(() => encode({ data: "x", id: "" }), /id has to be/);
  assert.throws(() => encode({ data: "x", id: " 1" }), /white space/);
  assert.throws(() => encode({ data: "x", id: /** @type {any} */ (1) }), /id has to be text/);
  assert.throws(() => encode({ data: "x", retry: -1 }), /retry has to be/);
  assert.throws(() => encode({ type: "x" }), /never dispatched/);
  assert.throws(() => encode({}), /never dispatched/);
  assert.throws(() => encode({ data: () => {} }), /not a function/);
});

test("a forged line end in data or a comment stays data or a comment", () => {
  assert.deepEqual(decoded(encode({ comment: "a\ndata: forged", data: "x\r\n\r\nevent: forged" })), [
    { type: "message", data: "x\n\nevent: forged", id: "" },
  ]);
});

test("every event of the vectors comes back from the decoder as it was encoded", () => {
  const { vectors } = JSON.parse(readFileSync(new URL("../../../../vectors/event-stream.json", import.meta.url), "utf8"));
  const events = vectors.flatMap((/** @type {any} */ vector) => vector.events);
  assert.ok(events.length > 50);
  for (const { event, data, id } of events) {
    const type = event.replaceAll(/[\0\r\n]/g, "");
    const given = { type: type || "message", data, ...(id && id === id.trim() && { id }) };
    assert.deepEqual(decoded(encode(given)), [{ type: given.type, data: data.replaceAll(/\r\n?/g, "\n"), id: given.id ?? "" }]);
  }
});

test("random text survives the way through encoder and decoder", () => {
  const pieces = ["\r", "\n", "\r\n", ":", " ", "data:", "id: 1", "\u{feff}", "é", "\u{1f600}", "\u{2028}", "x", "\0", ""];
  // A fixed generator, so that a failure repeats.
  let seed = 20_261_128;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647);
  for (let round = 0; round < 2_000; round += 1) {
    const data = Array.from({ length: random() % 12 }, () => pieces[random() % pieces.length]).join("");
    assert.deepEqual(decoded(encode({ data })), [{ type: "message", data: data.replaceAll(/\r\n?/g, "\n"), id: "" }]);
  }
});

/** @param {string} text */
function decoded(text) {
  const events = new Decoder().push(new TextEncoder().encode(text));
  return [...events].map(({ type, data, id }) => ({ type, data, id }));
}
