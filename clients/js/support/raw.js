// A client that is nothing but a socket: it reads when it is told to, and leaves in every way a client can.

import { once } from "node:events";
import { connect } from "node:net";
import { until } from "../../../tests/browser/support/until.js";

/** One connection with one request. Made by `RawClient.get()`. */
export class RawClient {
  text = "";
  ended = false;
  /** The pieces in which the bytes came. @type {string[]} */
  chunks = [];

  /** @param {import("node:net").Socket} socket */
  constructor(socket) {
    this.socket = socket;
    socket.on("data", (bytes) => {
      this.chunks.push(bytes.toString());
      this.text += bytes;
    });
    socket.on("error", () => {});
    socket.on("close", () => (this.ended = true));
  }

  /**
   * @param {import("node:test").TestContext} context
   * @param {number} port
   * @param {string} [path]
   * @param {{headers?: Record<string, string>, method?: string, reading?: boolean}} [options]
   */
  static async get(context, port, path = "/", { headers = {}, method = "GET", reading = true } = {}) {
    const socket = connect({ port, host: "127.0.0.1" });
    context.after(() => socket.destroy());
    await once(socket, "connect");
    const client = new RawClient(socket);
    if (!reading) socket.pause();
    const lines = Object.entries({ Host: "127.0.0.1", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`, "utf8"));
    return client;
  }

  /** What came after the head, without the marks of the chunks. */
  get body() {
    const [, ...rest] = this.text.split("\r\n\r\n");
    return rest.join("\r\n\r\n").replace(/(^|\r\n)[0-9a-f]+\r\n/g, "");
  }

  /** @param {string} text */
  shows(text) {
    return until(() => `the client is shown ${JSON.stringify(text)}, only ${JSON.stringify(this.text)}`, () => this.text.includes(text));
  }

  /** The server has ended the connection. */
  over() {
    return until("the connection is over", () => this.ended);
  }

  reset() {
    this.socket.resetAndDestroy();
  }

  /** Sends FIN and goes on reading. */
  halfClose() {
    this.socket.end();
  }
}
