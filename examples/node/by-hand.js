// What it takes without a library, for one client that is never behind. Every line is one of the pitfalls.

import { createServer } from "node:http";

const server = createServer((request, response) => {
  response.writeHead(200, {
    "Content-Type": "text/event-stream",
    // Without `no-transform` compressing middleware holds every event back.
    "Cache-Control": "no-store, no-transform",
    // Without this nginx does.
    "X-Accel-Buffering": "no",
  });
  // Without a byte of body the head may stay in a proxy, and `open` never comes.
  response.write("retry: 3000\n\n");
  const heartbeat = setInterval(() => response.write(":\n"), 15_000);
  const ticks = setInterval(() => {
    // A client that does not read fills memory, unless somebody looks.
    if (response.writableLength > 1024 * 1024) return response.destroy();
    response.write(`data: ${new Date().toISOString()}\n\n`);
  }, 1000);
  // `close` of the response comes on every way out, and once; `request.on("end")` is something else.
  response.on("close", () => {
    clearInterval(heartbeat);
    clearInterval(ticks);
  });
  // A write to a socket that has just died is no fault.
  response.on("error", () => {});
});

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
