// The streams that are decoded.

/** @type {Record<string, (n: number) => string>} the block of an event, by shape */
const BLOCKS = {
  "as the hub sends": (n) =>
    `id: ${1000 + n}-6f3a\nevent: order.paid\ntopic: orders/${n}\ndata: {"total": ${n}, "currency": "EUR", "paid": true}\n\n`,
  "a token of an LLM": (n) => `data: {"choices":[{"index":0,"delta":{"content":" token${n}"}}]}\n\n`,
  "4 kB of data": (n) => `id: ${n}\ndata: ${n} ${"x".repeat(4000)}\n\n`,
  "four data lines": (n) => `id: ${n}\ndata: first ${n}\ndata: second\ndata: third\ndata: fourth\n\n`,
  "beyond ASCII": (n) => `id: ${n}\ndata: Grüße ${n}, 日本語テキスト, 🙂 straße\n\n`,
};

/**
 * @param {number} size bytes of each stream, about
 * @returns {[string, Uint8Array][]}
 */
export function streams(size) {
  return Object.entries(BLOCKS).map(([shape, block]) => {
    let text = "";
    for (let n = 0; text.length < size; n++) text += block(n);
    return [shape, new TextEncoder().encode(text)];
  });
}

/**
 * @param {Uint8Array} bytes
 * @param {number} size
 */
export function chunks(bytes, size) {
  const pieces = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}
