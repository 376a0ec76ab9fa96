// Streams as a Web `Response`: Hono, and every framework and runtime that answers with one.

import { responseHead } from "./head.js";
import { lastEventId } from "./request.js";
import { FINISHED, newStream } from "./stream.js";

/** Bytes that wait for the runtime before a sender waits: what Node's sockets take. */
const HIGH_WATER_MARK = 16 * 1024;

/**
 * Answers a request with an event stream. Return `response`, send to `stream`.
 * @param {Request} request
 * @param {import("./options.js").StreamOptions} [options]
 * @returns {{response: Response, stream: import("./stream.js").EventStream}}
 */
export function eventResponse(request, options = {}) {
  const { stream, settings } = newStream(lastEventId(request), options);
  if (stream.lastEventId === FINISHED) {
    stream.openEnded("finished");
    return { response: new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } }), stream };
  }
  const headers = responseHead(settings);
  if (request.method === "HEAD") {
    stream.openEnded("head");
    return { response: new Response(null, { headers }), stream };
  }
  const body = carry(stream);
  if (request.signal?.aborted) stream.gone();
  request.signal?.addEventListener("abort", () => stream.gone(), { signal: stream.signal });
  return { response: new Response(body, { headers }), stream };
}

/**
 * The body, which hands out one event at a time, when the runtime asks for more.
 * @param {import("./stream.js").EventStream} stream
 */
function carry(stream) {
  const encoder = new TextEncoder();
  /** @type {Uint8Array[]} */
  const waiting = [];
  let pending = 0;
  let asked = false;
  let ending = false;
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let controller;
  const advance = () => {
    const chunk = asked && waiting.shift();
    if (chunk) {
      asked = false;
      pending -= chunk.byteLength;
      controller.enqueue(chunk);
      if (pending === 0) stream.drained();
    }
    if (ending && pending === 0) {
      controller.close();
      stream.gone();
    }
  };
  const pull = () => {
    asked = true;
    advance();
  };
  const body = new ReadableStream(
    { start: (given) => void (controller = given), pull, cancel: () => stream.gone() },
    { highWaterMark: 0 },
  );
  stream.open({
    write: (text) => {
      const chunk = encoder.encode(text);
      pending += chunk.byteLength;
      waiting.push(chunk);
      advance();
      return pending <= HIGH_WATER_MARK;
    },
    pending: () => pending,
    end: () => {
      ending = true;
      advance();
    },
    cut: () => {
      // Without effect on a body that has ended.
      controller.error(new Error("the client did not take the stream"));
      stream.gone();
    },
  });
  return body;
}
