// An empty page on another loopback origin, from which native EventSource reaches the hub across
// origins.

import { once } from "node:events";
import { createServer } from "node:http";

/**
 * Serves the empty page on a free port.
 * @returns {Promise<{url: string, close: () => Promise<void>}>}
 */
export async function servePage() {
  const server = createServer((_, response) => {
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" });
    response.end('<!doctype html><title>Empty</title><link rel="icon" href="data:,">');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
