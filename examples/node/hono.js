// The answer of a language model, word by word. When the reader leaves, the model is stopped too.

import { setTimeout as pause } from "node:timers/promises";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { compress } from "hono/compress";
import { drain, eventResponse } from "headwater/node";

const app = new Hono();
app.use(compress());

app.post("/chat", async (context) => {
  const { prompt } = await context.req.json();
  const { response, stream } = eventResponse(context.req.raw);
  stream.from(() => answer(prompt, stream.signal));
  return response;
});

/** In place of a model: every one of them takes a signal. */
async function* answer(prompt, signal) {
  try {
    for (const word of `You said: ${prompt}`.split(" ")) {
      yield { type: "token", data: word };
      await pause(100, undefined, { signal });
    }
  } finally {
    console.log("the model has stopped");
  }
}

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: "127.0.0.1" }, ({ port }) =>
  console.log(`http://127.0.0.1:${port}/chat`),
);
process.once("SIGTERM", () => drain(server));
