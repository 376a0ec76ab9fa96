// Three ways to read the same topic of the same log, each with its connections in sight: an event stream, long polls, and
// polls at an interval.

import { Agent, request } from "node:http";

/** How often a polling client asks. */
export const POLL_EVERY_MS = 5000;

/** One client. It reports each event's data to `onevent` until it is stopped. */
class Reader {
  requests = 0;
  stopped = false;

  constructor(url, topic, onevent) {
    this.url = url;
    this.topic = topic;
    this.onevent = onevent;
    this.sockets = new Set();
    this.agent = new Agent({ keepAlive: true });
  }

  /** Bytes from and to the hub so far, heads included. */
  get bytes() {
    let down = 0;
    let up = 0;
    for (const socket of this.sockets) {
      down += socket.bytesRead;
      up += socket.bytesWritten;
    }
    return { down, up };
  }

  ask(query, accept, onresponse) {
    this.requests += 1;
    const address = `${this.url}/v1/events?topic=${this.topic}${query}`;
    const asked = request(address, { agent: this.agent, headers: { Accept: accept } }, onresponse);
    asked.on("socket", (socket) => this.sockets.add(socket));
    asked.on("error", (error) => {
      if (!this.stopped) throw error;
    });
    asked.end();
    this.asked = asked;
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.asked?.destroy();
    this.agent.destroy();
  }
}

/** `text/event-stream`: one request for as long as it lives. */
export class Stream extends Reader {
  start() {
    return new Promise((ready) => {
      this.ask("", "text/event-stream", (response) => {
        let rest = "";
        response.setEncoding("utf8");
        response.on("error", () => {});
        response.on("data", (text) => {
          ready();
          const blocks = (rest + text).split("\n\n");
          rest = blocks.pop();
          for (const block of blocks) {
            const data = /^data: (.*)$/m.exec(block);
            if (data) this.onevent(data[1]);
          }
        });
      });
    });
  }
}

/** Asks for JSON from a cursor; when and how long the hub holds the answer is the subclass's. */
class Poll extends Reader {
  cursor = "";

  once(query) {
    return new Promise((done) => {
      const cursor = this.cursor ? `&last_event_id=${this.cursor}` : "";
      this.ask(query + cursor, "application/json", (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("error", () => {});
        response.on("data", (part) => (text += part));
        response.on("end", () => {
          const answer = JSON.parse(text);
          this.cursor = answer.cursor;
          for (const event of answer.events) this.onevent(event.data);
          done();
        });
      });
    });
  }
}

/** The answer is held until there is an event; then the next request follows at once. */
export class LongPoll extends Poll {
  async start() {
    await this.once("&wait=0");
    this.loop();
  }

  async loop() {
    while (!this.stopped) await this.once("&wait=55");
  }
}

/** Asks every few seconds, whether there is something or not; clients start at different moments. */
export class ShortPoll extends Poll {
  async start() {
    await this.once("&wait=0");
    this.timer = setTimeout(() => this.loop(), Math.random() * POLL_EVERY_MS);
  }

  async loop() {
    this.timer = setTimeout(() => this.loop(), POLL_EVERY_MS);
    await this.once("&wait=0");
  }
}
