// A proxy in front of a hub that does what proxies do wrong: it gathers answers, falls silent, refuses, cuts.

import { once } from "node:events";
import { createServer, request as ask } from "node:http";

/** One proxy. Made by `FaultyProxy.start()`. */
export class FaultyProxy {
  /** Holds each answer back until it is whole. */
  gathering = false;
  /** Answers 502 to everything but preflights. */
  refusing = false;
  /** How many bytes of the next answer's body get through before its connection is cut. @type {(() => number) | null} */
  limit = null;
  /** How many answers were cut, and how many requests refused. */
  cuts = 0;
  refusals = 0;
  /** Answers under way, and what they come from. @type {Map<import("node:http").ServerResponse, import("node:http").IncomingMessage>} */
  #open = new Map();
  #server = createServer((request, response) => this.#forward(request, response));
  #port;
  url = "";

  /** @param {number} port the hub's */
  constructor(port) {
    this.#port = port;
  }

  /** @param {number} port the hub's */
  static async start(port) {
    const proxy = new FaultyProxy(port);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    proxy.url = `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (proxy.#server.address()).port}`;
    return proxy;
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Forwards nothing more of the answers under way, and leaves their connections open. */
  stall() {
    const stalled = this.#open.size;
    for (const [, answer] of this.#open) answer.removeAllListeners("data").resume();
    return stalled;
  }

  /** Breaks the connections of the answers under way. */
  cut() {
    for (const [response] of this.#open) response.destroy();
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  #forward(request, response) {
    const { method, url, headers } = request;
    if (this.refusing && method !== "OPTIONS") {
      this.refusals += 1;
      return response.writeHead(502, { "Access-Control-Allow-Origin": "*" }).end();
    }
    const onward = ask({ host: "127.0.0.1", port: this.#port, method, path: url, headers, agent: false });
    onward.on("response", (answer) => this.#answer(answer, response));
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  }

  /**
   * @param {import("node:http").IncomingMessage} answer
   * @param {import("node:http").ServerResponse} response
   */
  async #answer(answer, response) {
    this.#open.set(response, answer);
    response.on("close", () => this.#open.delete(response));
    answer.on("error", () => response.destroy());
    const { "transfer-encoding": _, connection: __, ...headers } = answer.headers;
    response.writeHead(answer.statusCode ?? 502, headers);
    if (this.gathering) {
      const gathered = await answer.toArray().catch(() => []);
      return response.end(Buffer.concat(gathered));
    }
    response.flushHeaders();
    let left = this.limit?.() ?? Infinity;
    answer.on("data", (bytes) => {
      const cut = bytes.length > left;
      response.write(bytes.subarray(0, left), () => cut && response.destroy());
      left -= bytes.length;
      if (!cut) return;
      this.cuts += 1;
      answer.removeAllListeners("data").resume();
    });
    answer.on("end", () => left >= 0 && response.end());
  }
}
