// A room: everybody who is here gets every message, and whoever was away for a while gets what they missed.

import compression from "compression";
import express from "express";
import { drain, eventStream } from "headwater/node";

const app = express();
app.use(compression());

/** The newest messages, for those who come back. */
const history = [];
const here = new Set();

app.get("/room", (request, response) => {
  const stream = eventStream(request, response, { resume: since });
  here.add(stream);
  stream.closed.then(() => here.delete(stream));
});

app.post("/room", express.text(), (request, response) => {
  const message = { id: String(Number(history.at(-1)?.id ?? 0) + 1), data: request.body };
  history.push(message);
  if (history.length > 1000) history.shift();
  // Nobody is waited for: a client that does not keep up is disconnected, and comes back through `since`.
  for (const stream of here) stream.send(message);
  response.status(201).json({ id: message.id });
});

function since(lastEventId) {
  return history.filter(({ id }) => Number(id) > Number(lastEventId));
}

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/room`));
process.once("SIGTERM", () => drain(server));
