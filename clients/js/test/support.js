// A server that does what a test says with every request, and what tests wait with.

import { once } from "node:events";
import { createServer } from "node:http";

export { Hub } from "../../../tests/browser/support/hub.js";
export { until } from "../../../tests/browser/support/until.js";

/**
 * @typedef {import("node:http").IncomingMessage} Request
 * @typedef {import("node:http").ServerResponse} Response
 */

/**
 * Serves on a free port.
 * @param {(request: Request, response: Response, nth: number) => void} answer is given every request and its number, from 1
 */
export async function serve(answer) {
  /** @type {Request[]} */
  const requests = [];
  const server = createServer((request, response) => answer(request, response, requests.push(request)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    requests,
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/**
 * The head of a hub's stream, and text to begin with.
 * @param {Response} response
 * @param {string} [text]
 */
export function stream(response, text = "") {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Headwater-Heartbeat": "15" });
  response.flushHeaders();
  if (text) response.write(text);
}

/**
 * One answer to a long poll.
 * @param {Response} response
 * @param {number[]} ids
 * @param {number} cursor
 * @param {object | null} [gap]
 */
export function pollAnswer(response, ids, cursor, gap = null) {
  const events = ids.map((id) => ({ id: `${id}-a`, topic: "t", event: "message", data: `${id}`, key: null }));
  response.writeHead(200, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ events, cursor: `${cursor}-a`, gap }));
}
