// Four processes behind one port. None of them holds anything that the others lack: events come from the hub, with its ids,
// so a client may come back to any of them.

import cluster from "node:cluster";
import { createServer } from "node:http";
import { subscribe } from "headwater";
import { drain, eventStream } from "headwater/node";

const HUB = process.env.HUB ?? "http://127.0.0.1:7070";

if (cluster.isPrimary) {
  const workers = Array.from({ length: 4 }, () => cluster.fork());
  process.once("SIGTERM", () => workers.forEach((worker) => worker.kill()));
} else {
  const server = createServer((request, response) => {
    eventStream(request, response, { headers: { "X-Worker": String(cluster.worker.id) } }).from(news);
  });
  server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
  process.once("SIGTERM", () => drain(server).then(() => process.exit()));
}

async function* news({ lastEventId, signal }) {
  const items = subscribe(`${HUB}/v1/events?topic=news`, { lastEventId, signal });
  for await (const item of items) {
    if (item.kind === "event") yield { id: item.id, type: item.type, topic: item.topic, data: item.data };
  }
}
