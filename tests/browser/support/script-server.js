// A server that answers the n-th request for a path with the n-th answer of its script, on two
// origins, and writes down what it was asked.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

/** The client's modules, served at `/client/…` as the hub does. */
const CLIENT = new URL("../../../clients/js/src/", import.meta.url);
/** The scripts that run in the page, served at `/dropin/…`. */
const SCENARIOS = new URL("../dropin/", import.meta.url);

/**
 * One answer.
 * @typedef {object} Answer
 * @property {number} [status] 200 when left out
 * @property {string | null} [type] the media type, `text/event-stream` when left out, null for none
 * @property {Record<string, string>} [headers] `{here}`, `{there}` and `{page}` stand for the two origins and the page's
 * @property {string | string[]} [body] written piece by piece
 * @property {"end" | "hold" | "silence"} [then] what follows the body; `silence`: not even a head is sent
 */

/**
 * What a request carried.
 * @typedef {{method: string, path: string, origin: string, accept?: string, lastEventId?: string, cookie?: string, cache?: string}} Asked
 */

/** Two origins with one script. Made by `ScriptServer.start()`. */
export class ScriptServer {
  /** @type {Map<string, Answer[]>} */
  scripts = new Map();
  /** @type {Asked[]} in the order of arrival */
  asked = [];
  /** Answers that are not ended: a request for `/cut` breaks their connections. @type {import("node:http").ServerResponse[]} */
  held = [];
  /** @type {import("node:http").Server[]} */
  servers = [];
  here = "";
  there = "";

  static async start() {
    const server = new ScriptServer();
    [server.here, server.there] = [await server.listen(), await server.listen()];
    return server;
  }

  /**
   * Takes a new script and forgets what was asked.
   * @param {Record<string, Answer[]>} script answers by path; after the last one a path answers 204
   */
  load(script) {
    this.asked = [];
    this.scripts = new Map(Object.entries(script).map(([path, answers]) => [path, [...answers]]));
    for (const server of this.servers) server.closeAllConnections();
  }

  async listen() {
    const server = createServer((request, response) => this.answer(request, response));
    this.servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    return `http://127.0.0.1:${port}`;
  }

  async close() {
    for (const server of this.servers) {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    }
  }

  /**
   * @param {import("node:http").IncomingMessage} request
   * @param {import("node:http").ServerResponse} response
   */
  async answer(request, response) {
    const path = request.url ?? "";
    if (path === "/") return respond(response, "text/html", '<!doctype html><title>Page</title><link rel="icon" href="data:,">');
    if (path === "/cut") {
      for (const held of this.held.splice(0)) held.socket?.destroy();
      return response.writeHead(204).end();
    }
    const file = /^\/(client|dropin)\/([\w./-]+\.js)$/.exec(path);
    if (file) return module(response, new URL(file[2], file[1] === "client" ? CLIENT : SCENARIOS));

    const script = this.scripts.get(path.split("?")[0]);
    const aside = request.headers["sec-fetch-mode"] === "no-cors";
    const next = aside || request.method === "OPTIONS" ? script?.[0] : script?.shift();
    const answer = request.method === "OPTIONS" ? preflight(next) : (next ?? { status: 204, type: null });
    this.asked.push(noted(request, path));
    const { status = 200, type = "text/event-stream", headers = {}, body = [], then = "end" } = answer;
    if (then === "silence") return;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, this.fill(value, request));
    if (type) response.setHeader("Content-Type", type);
    response.writeHead(status);
    response.flushHeaders();
    for (const piece of [body].flat()) {
      response.write(Buffer.from(piece, "utf8"));
      await new Promise(setImmediate);
    }
    if (then === "end") response.end();
    else this.held.push(response);
  }

  /**
   * @param {string} value
   * @param {import("node:http").IncomingMessage} request
   */
  fill(value, request) {
    return value.replaceAll("{here}", this.here).replaceAll("{there}", this.there).replaceAll("{page}", request.headers.origin ?? "");
  }
}

/**
 * A preflight is answered as the request after it will be: with its CORS headers.
 * @param {Answer | undefined} answer
 * @returns {Answer}
 */
function preflight(answer) {
  return { status: 204, type: null, headers: { ...answer?.headers, "Access-Control-Allow-Headers": "Last-Event-ID" } };
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {string} path
 * @returns {Asked}
 */
function noted({ method = "", headers }, path) {
  return {
    method,
    path,
    origin: headers.origin ?? "",
    accept: headers.accept,
    // Node reads header bytes as Latin-1; ids are UTF-8.
    lastEventId: headers["last-event-id"] && Buffer.from(String(headers["last-event-id"]), "latin1").toString("utf8"),
    cookie: headers.cookie,
    cache: headers["cache-control"],
  };
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {URL} file
 */
async function module(response, file) {
  const text = await readFile(fileURLToPath(file), "utf8").catch(() => null);
  if (text === null) response.writeHead(404).end();
  else respond(response, "text/javascript", text);
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {string} type
 * @param {string} text
 */
function respond(response, type, text) {
  response.writeHead(200, { "Content-Type": `${type}; charset=utf-8`, "Cache-Control": "no-cache" }).end(text);
}
