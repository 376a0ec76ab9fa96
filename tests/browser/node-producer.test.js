// Native EventSource of a real browser against a stream that Node produces (BRW-01): it resumes after a drop, and stops at the end.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { eventStream } from "../../clients/js/src/node/index.js";
import { launch } from "./support/browser.js";
import { Stream } from "./support/stream.js";
import { until } from "./support/until.js";

test("a dropped EventSource goes on where it was, and stops for good when the stream has ended", async (context) => {
  let drops = 1;
  /** @type {Stream | undefined} */
  let source;
  const server = createServer((request, response) => {
    if (request.url !== "/events") return void response.setHeader("Content-Type", "text/html").end("<!doctype html><title>x</title>");
    const stream = eventStream(request, response, { retry: 100 });
    stream.from(async function* () {
      for (let n = Number(stream.lastEventId) + 1; n <= 4; n += 1) {
        yield { id: String(n), type: "step", data: String(n) };
        if (n === 2 && drops-- > 0) {
          await until("the page has the second step", async () => (await source?.seen())?.some(({ data }) => data === "2"));
          stream.cut();
        }
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const browser = await launch();
  context.after(async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
  });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  source = await Stream.open(page, `http://127.0.0.1:${port}/events`, { types: ["step"] });
  await source.closed();
  const steps = await source.wait("step", 4);
  assert.deepEqual(steps.map(({ data }) => data), ["1", "2", "3", "4"]);
  const [end] = await source.wait("headwater.end");
  assert.deepEqual(JSON.parse(end.data ?? ""), { reason: "done", topic: "" });
  assert.deepEqual(source.requests.map(({ lastEventId }) => lastEventId), [undefined, "2", "headwater.end"]);
});
