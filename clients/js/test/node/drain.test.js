// A process that stops: every stream ends at an event boundary, and its client knows to come back.

import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import test from "node:test";
import { drain, eventStream, streamCounts } from "headwater/node";
import { RawClient } from "../../support/raw.js";
import { listen, serve } from "../../support/server.js";

test("streams end with a closing event and the server is closed", async (context) => {
  const { port, server } = await serve(context, (request, response) => void eventStream(request, response));
  const clients = await Promise.all(Array.from({ length: 30 }, () => RawClient.get(context, port)));
  await Promise.all(clients.map((client) => client.shows("retry:")));
  await drain(server);
  assert.equal(server.listening, false);
  assert.equal(streamCounts().open, 0);
  for (const client of clients) {
    await client.over();
    assert.match(client.body, /event: headwater.closing\ndata: {"reason":"drain","reconnect_ms":\d+}\n\n(0\r\n\r\n|\r\n)?/);
  }
});

test("a client that does not take its end holds nothing up for longer than allowed", async (context) => {
  const { port, server } = await serve(context, (request, response) => {
    eventStream(request, response).from(async function* () {
      for (;;) yield "x".repeat(1024);
    });
  });
  const client = await RawClient.get(context, port, "/", { reading: false });
  await once(server, "request");
  await drain(server, { within: 300 });
  assert.equal(streamCounts().open, 0);
  assert.equal(server.listening, false);
  client.socket.resume();
  await client.over();
});

test("a stream that begins while the process stops is told so at once", async (context) => {
  const { port, server } = await serve(context, async (request, response) => {
    if (request.url === "/slow") await once(server, "close-soon");
    eventStream(request, response);
  });
  const client = await RawClient.get(context, port, "/slow");
  await once(server, "request");
  const over = drain(server);
  server.emit("close-soon");
  await client.shows('data: {"reason":"drain"');
  await over;
});

test("on HTTP/2 the connections end too", async (context) => {
  const server = http2.createServer((request, response) => void eventStream(request, response));
  const { url } = await listen(context, server);
  const session = http2.connect(url);
  const stream = session.request({ ":path": "/" });
  let text = "";
  stream.on("data", (bytes) => (text += bytes));
  await once(stream, "data");
  const gone = once(session, "close");
  await drain(server);
  await gone;
  assert.match(text, /event: headwater.closing\ndata: {"reason":"drain"/);
});
