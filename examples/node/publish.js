// An answer that is piped into the hub while it is made: any number of readers follow it, and come back to it.

import { setTimeout as pause } from "node:timers/promises";
import { Publisher } from "headwater/node";

const publisher = new Publisher(process.env.HUB ?? "http://127.0.0.1:7070");

async function* answer() {
  for (const word of ["Rivers", " remember", " where", " they", " rose."]) {
    yield word;
    await pause(100);
  }
}

const ids = await publisher.publishStream("chats/1", answer(), { type: "token", final: true });
console.log(`${ids.length} events, the last of them ${ids.at(-1)}`);
