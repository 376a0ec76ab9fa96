// The usual frameworks with their usual layers on: compression and buffering cannot wrap a stream (RUN-04).

import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import fastifyCompress from "@fastify/compress";
import { createAdaptorServer } from "@hono/node-server";
import compression from "compression";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { compress } from "hono/compress";
import { eventResponse, eventStream } from "headwater/node";
import { until } from "../../../../tests/browser/support/until.js";
import { RawClient } from "../../support/raw.js";

/** @typedef {import("headwater/node").EventStream} EventStream */
/** What a framework's server is made of: every stream it begins is handed to `took`. @typedef {(stream: EventStream) => void} Took */

const LONG = "the same words again and again. ".repeat(200);

const FRAMEWORKS = {
  express: (/** @type {Took} */ took) => {
    const app = express();
    app.use(compression({ threshold: 0 }));
    app.use((_, response, next) => void (response.set("X-From-Middleware", "yes"), next()));
    app.get("/page", (_, response) => void response.type("text").send(LONG));
    app.get("/events", (request, response) => took(eventStream(request, response)));
    return listening(app.listen(0, "127.0.0.1"));
  },
  fastify: async (/** @type {Took} */ took) => {
    const app = fastify();
    await app.register(fastifyCompress, { threshold: 0 });
    app.addHook("onRequest", async (_, reply) => void reply.header("X-From-Middleware", "yes"));
    app.get("/page", async (_, reply) => reply.type("text/plain").send(LONG));
    app.get("/events", (request, reply) => took(eventStream(request, reply)));
    // As a Web response: the framework's own way out, through every hook.
    app.get("/web", (request, reply) => {
      const { response, stream } = eventResponse(new Request(`http://x${request.url}`));
      took(stream);
      return reply.send(response);
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    return app.server;
  },
  hono: (/** @type {Took} */ took) => {
    const app = new Hono();
    app.use(compress({ threshold: 0 }));
    app.use(async (context, next) => {
      await next();
      context.header("X-From-Middleware", "yes");
    });
    app.get("/page", (context) => context.text(LONG));
    app.get("/events", (context) => {
      const { response, stream } = eventResponse(context.req.raw);
      took(stream);
      return response;
    });
    return listening(createAdaptorServer(app).listen(0, "127.0.0.1"));
  },
};

const ROUTES = [
  { framework: "express", path: "/events" },
  { framework: "fastify", path: "/events" },
  { framework: "fastify", path: "/web" },
  { framework: "hono", path: "/events" },
];

for (const { framework, path } of ROUTES) {
  test(`${framework} ${path}: with compression on, events arrive one by one, and leaving is noticed`, async (context) => {
    /** @type {EventStream | undefined} */
    let stream;
    const server = await FRAMEWORKS[/** @type {keyof FRAMEWORKS} */ (framework)]((begun) => (stream = begun));
    context.after(() => void (server.closeAllConnections(), server.close()));
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    const headers = { "Accept-Encoding": "gzip, br, deflate" };

    const page = await RawClient.get(context, port, "/page", { headers });
    await page.shows("\r\n\r\n");
    assert.match(page.text.toLowerCase(), /content-encoding: (gzip|br|deflate)/, "the compression of this test works");

    const client = await RawClient.get(context, port, path, { headers });
    await client.shows("retry:");
    const [head] = client.text.toLowerCase().split("\r\n\r\n");
    assert.ok(!head.includes("content-encoding"), head);
    assert.ok(!head.includes("content-length"), head);
    assert.ok(head.includes("content-type: text/event-stream\r\n"), head);
    assert.ok(head.includes("x-from-middleware: yes"), head);
    for (let n = 1; n <= 5; n += 1) {
      assert.equal(await stream?.send({ id: String(n), data: `event ${n}` }), true);
      await client.shows(`id: ${n}\ndata: event ${n}\n\n`);
      assert.ok(!client.text.includes(`id: ${n + 1}\n`));
    }
    client.reset();
    assert.deepEqual(await stream?.closed, { reason: "client" });
  });
}

test("a Web response that nobody reads makes its source wait, and cancelling it cleans up", async () => {
  let given = 0;
  let cleaned = 0;
  const { response, stream } = eventResponse(new Request("http://x/"));
  const read = stream.from(async function* () {
    try {
      for (;;) yield { id: String((given += 1)), data: "x".repeat(1024) };
    } finally {
      cleaned += 1;
    }
  });
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const held = given;
  await reader.read();
  await until("the source has to wait", () => given > 10);
  assert.ok(given - held <= 20, `${given}`);
  await reader.cancel();
  await read;
  assert.deepEqual([cleaned, await stream.closed], [1, { reason: "client" }]);
});

test("a Web request that is aborted ends its stream, and one that has finished is answered 204", async () => {
  const stop = new AbortController();
  const { stream } = eventResponse(new Request("http://x/", { signal: stop.signal }));
  stop.abort();
  assert.deepEqual(await stream.closed, { reason: "client" });

  const first = eventResponse(new Request("http://x/"));
  first.stream.from([{ data: "all" }]);
  const [, id] = /id: (\S+)/.exec(await first.response.text()) ?? [];
  const again = eventResponse(new Request(`http://x/?last_event_id=${id}`));
  assert.equal(again.response.status, 204);
  assert.deepEqual(await again.stream.closed, { reason: "finished" });
});

/** @param {import("node:http").Server} server */
async function listening(server) {
  if (!server.listening) await once(server, "listening");
  return server;
}
