// Streams on Node's own responses: http, https and http2 (compatibility interface), and so Express and Fastify.

import { responseHead } from "./head.js";
import { countSocketError, isDraining } from "./registry.js";
import { lastEventId } from "./request.js";
import { FINISHED, newStream } from "./stream.js";

/**
 * What is used of a request of `node:http` or `node:http2`.
 * @typedef {object} NodeRequest
 * @property {string} [method]
 * @property {string} [url]
 * @property {string} [originalUrl] Express's address of the request, where a router has cut `url`
 * @property {Record<string, string | string[] | undefined>} headers
 * @property {number} httpVersionMajor
 * @property {{destroyed: boolean, setTimeout(ms: number): unknown, setNoDelay(on: boolean): unknown,
 *   setKeepAlive(on: boolean, ms: number): unknown}} socket
 * @property {() => unknown} resume
 *
 * What is used of a response of theirs.
 * @typedef {object} NodeResponse
 * @property {boolean} headersSent
 * @property {boolean} destroyed
 * @property {boolean} writableEnded
 * @property {number} writableLength
 * @property {(status: number, headers: Record<string, string>) => unknown} writeHead
 * @property {(name: string, value: any) => unknown} setHeader
 * @property {(name: string) => unknown} removeHeader
 * @property {(text: string) => boolean} write
 * @property {() => unknown} end
 * @property {() => unknown} destroy
 * @property {(event: "error" | "drain" | "close", listener: () => void) => unknown} on
 * @property {{session?: {close(): unknown}}} [stream] of HTTP/2
 *
 * A reply of Fastify.
 * @typedef {{raw: NodeResponse, hijack(): unknown, getHeaders(): Record<string, unknown>}} Reply
 */

/**
 * Answers a request with an event stream. The head leaves at once. Takes what a handler of `node:http`, `node:http2`, Express or
 * Fastify is given. Read the request's body first: what is left of it is thrown away.
 * @param {NodeRequest | {raw: NodeRequest}} request
 * @param {NodeResponse | Reply} response
 * @param {import("./options.js").StreamOptions} [options]
 * @returns {import("./stream.js").EventStream}
 */
export function eventStream(request, response, options = {}) {
  const incoming = "raw" in request ? request.raw : request;
  const outgoing = "raw" in response ? response.raw : response;
  if (outgoing.headersSent) throw new Error("the response has begun already: call eventStream before anything is written to it");
  const { stream, settings } = newStream(lastEventId(incoming), options);
  if ("hijack" in response) takeOver(response, outgoing);
  outgoing.removeHeader("Content-Length");
  if (stream.lastEventId === FINISHED) {
    outgoing.writeHead(204, { "Cache-Control": "no-store" });
    outgoing.end();
    stream.openEnded("finished");
    return stream;
  }
  outgoing.writeHead(200, responseHead(settings));
  if (incoming.method === "HEAD") {
    outgoing.end();
    stream.openEnded("head");
    return stream;
  }
  carry(stream, incoming, outgoing);
  return stream;
}

/**
 * @param {import("./stream.js").EventStream} stream
 * @param {NodeRequest} request
 * @param {NodeResponse} response
 */
function carry(stream, request, response) {
  const { socket } = request;
  // An unread body would hide that the client leaves, and count against `requestTimeout`.
  request.resume();
  if (request.httpVersionMajor === 1) {
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
  }
  response.on("error", countSocketError);
  response.on("drain", () => stream.drained());
  response.on("close", () => stream.gone());
  stream.open({
    // Somebody else may have ended the response.
    write: (text) => !response.writableEnded && response.write(text),
    pending: () => response.writableLength,
    end: () => {
      response.end();
      // Nothing else tells the clients of HTTP/2 that this server takes no more requests.
      if (isDraining()) response.stream?.session?.close();
    },
    cut: () => response.destroy(),
  });
  // The client may have left before the handler ran.
  if (response.destroyed || socket.destroyed) stream.gone();
}

/**
 * Fastify writes nothing to a hijacked reply, not even the fields its plugins have set.
 * @param {Reply} reply
 * @param {NodeResponse} response
 */
function takeOver(reply, response) {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) response.setHeader(name, value);
  }
}

/** TCP keep-alive finds a client that vanished while nothing is on its way to it. */
const KEEP_ALIVE_MS = 30_000;
