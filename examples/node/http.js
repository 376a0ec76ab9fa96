// A clock: plain node:http, a source of events, and a server that stops without tearing a stream.

import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { drain, eventStream } from "headwater/node";

const server = createServer((request, response) => {
  eventStream(request, response).from(ticks);
});

async function* ticks({ signal }) {
  for (;;) {
    yield { type: "tick", data: new Date().toISOString() };
    await pause(1000, undefined, { signal });
  }
}

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
process.once("SIGTERM", () => drain(server));
