// The progress of a job, with an end: a client that comes back afterwards is answered 204, and stops.

import { setTimeout as pause } from "node:timers/promises";
import compress from "@fastify/compress";
import fastify from "fastify";
import { drain, eventStream } from "headwater/node";

const app = fastify();
await app.register(compress);

app.get("/jobs/:job", (request, reply) => {
  eventStream(request, reply).from(progress);
});

async function* progress({ lastEventId, signal }) {
  for (let done = Number(lastEventId) + 1; done <= 5; done += 1) {
    await pause(200, undefined, { signal });
    yield { id: String(done), type: "progress", data: { done, total: 5, percent: done * 20 } };
  }
}

console.log(`${await app.listen({ port: Number(process.env.PORT ?? 3000), host: "127.0.0.1" })}/jobs/1`);
process.once("SIGTERM", () => drain(app.server));
