// Servers on free ports, gone with the test.

import { once } from "node:events";
import { createServer } from "node:http";

/**
 * Serves with a handler of `node:http`.
 * @param {import("node:test").TestContext} context
 * @param {import("node:http").RequestListener} handler
 */
export function serve(context, handler) {
  return listen(context, createServer(handler));
}

/**
 * Starts any server on a free port.
 * @template {import("node:http").Server | import("node:http2").Http2Server} S
 * @param {import("node:test").TestContext} context
 * @param {S} server
 * @returns {Promise<{server: S, port: number, url: string}>}
 */
export async function listen(context, server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    if ("closeAllConnections" in server) server.closeAllConnections();
    server.close();
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { server, port, url: `http://127.0.0.1:${port}` };
}
