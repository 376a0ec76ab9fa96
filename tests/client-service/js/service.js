// The test service of the client for browsers and Node: see ../README.md.

import { once } from "node:events";
import { createServer } from "node:http";
import { argv, exit, stdin } from "node:process";
import { memoryStore } from "../../../clients/js/src/index.js";
import { Client } from "./client.js";

const CAPABILITIES = ["headers", "last-event-id", "post", "report", "read-timeout", "restart", "headwater"];

const [host, port] = (argv[2] ?? "127.0.0.1:0").split(":");
const store = memoryStore();
/** @type {Map<string, Client>} the clients by their path */
const clients = new Map();
let started = 0;

const server = createServer(async (request, response) => {
  const { method, url = "/" } = request;
  const client = clients.get(url);
  const answer = (status, headers, body) => response.writeHead(status, headers).end(body);
  if (url === "/" && method === "GET") {
    return answer(200, { "Content-Type": "application/json" }, JSON.stringify({ capabilities: CAPABILITIES, name: "js" }));
  }
  if (url === "/" && method === "DELETE") {
    answer(204);
    return response.once("close", end);
  }
  if (url === "/" && method === "POST") {
    const options = await json(request);
    if (typeof options?.streamUrl !== "string" || typeof options.callbackUrl !== "string") return answer(400);
    try {
      const path = `/streams/${++started}`;
      clients.set(path, new Client(options, store));
      return answer(201, { Location: path });
    } catch (error) {
      return answer(400, {}, String(error));
    }
  }
  if (!client) return answer(404);
  if (method === "POST") return answer(client.command((await json(request))?.command) ? 202 : 400);
  if (method !== "DELETE") return answer(405);
  clients.delete(url);
  await client.stop();
  answer(204);
});

server.listen(Number(port), host);
await once(server, "listening");
console.log(`listening on http://${host}:${server.address().port}`);
stdin.on("end", end).resume();

function end() {
  exit(0);
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @returns {Promise<any>} its body, undefined when it is no JSON
 */
async function json(request) {
  const pieces = await request.toArray();
  try {
    return JSON.parse(Buffer.concat(pieces).toString());
  } catch {
    return undefined;
  }
}
