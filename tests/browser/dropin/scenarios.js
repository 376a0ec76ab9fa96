// What pages do with an EventSource: each scenario is a script of the server and a piece of a page.
// They are run with the browser's class and with ours, and both have to see the same.

/** @typedef {import("../support/script-server.js").Answer} Answer */
/** @typedef {import("./run.js").Page} Page */
/**
 * `unreadable`: the server answers, and does not permit the page to read it.
 * @typedef {{script?: Record<string, Answer[]>, unreadable?: boolean, run: (page: Page) => unknown}} Scenario
 */

const FAST = "retry: 10\n\n";
const OPEN = { "Access-Control-Allow-Origin": "*" };
const CREDENTIALS = { "Access-Control-Allow-Origin": "{page}", "Access-Control-Allow-Credentials": "true" };

/** @type {Record<string, Scenario>} */
export const scenarios = {
  ...shape(),
  ...construction(),
  ...events(),
  ...listeners(),
  ...format(),
  ...reconnecting(),
  ...refusals(),
  ...redirects(),
  ...crossOrigin(),
  ...closing(),
};

/** @returns {Record<string, Scenario>} */
function shape() {
  return {
    "constants stand on the class and on its objects": {
      script: { "/a": [{ then: "hold" }] },
      async run(page) {
        const source = page.open("/a");
        for (const name of ["CONNECTING", "OPEN", "CLOSED"]) {
          page.log([name, page.Source[name], source[name], page.Source.prototype[name]]);
          const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(page.Source, name) ?? {};
          page.log({ writable, enumerable, configurable });
        }
        page.log(Object.prototype.toString.call(source));
        page.log([page.Source.name, page.Source.length]);
        await page.once(source, "open");
      },
    },
    "members are where a page looks for them": {
      script: { "/a": [{ then: "hold" }] },
      async run(page) {
        const source = page.open("/a");
        page.log(source instanceof EventTarget);
        page.log(Object.keys(source));
        page.log(Object.getOwnPropertyNames(page.Source.prototype).sort());
        for (const name of ["url", "readyState", "withCredentials", "onopen", "onmessage", "onerror", "close"]) {
          const found = Object.getOwnPropertyDescriptor(page.Source.prototype, name);
          page.log([name, typeof found?.get, typeof found?.set, typeof found?.value, found?.enumerable, found?.configurable]);
        }
        page.thrown(() => (source.readyState = 2));
        page.thrown(() => (source.url = "/b"));
        page.log([source.readyState, new URL(source.url).pathname]);
        await page.once(source, "open");
      },
    },
  };
}

/** @returns {Record<string, Scenario>} */
function construction() {
  const hold = { "/a": [{ then: "hold" }], "/deep/a": [{ then: "hold" }] };
  return {
    "addresses are resolved against the page": {
      script: hold,
      run(page) {
        for (const url of ["a", "/a", "./a?x=1 2", "/a#part", "//" + new URL(page.here).host + "/a", page.here, new URL("/a", page.here)]) {
          const source = new page.Source(url);
          page.log(page.named(source.url));
          source.close();
        }
      },
    },
    "a base element counts": {
      script: hold,
      async run(page) {
        const base = document.createElement("base");
        base.href = "/deep/";
        document.head.append(base);
        const source = page.open("a");
        base.remove();
        page.log(page.named(source.url));
        await page.once(source, "open");
      },
    },
    "an address that is none is a syntax error": {
      run(page) {
        for (const url of ["http://this is invalid/", "http://", "https://[::1", "//:x"]) page.thrown(() => new page.Source(url));
      },
    },
    "it has to be called with new and an address": {
      run(page) {
        page.thrown(() => new page.Source());
        page.thrown(() => page.Source("/a"));
        page.thrown(() => new page.Source("/a", 1));
        page.thrown(() => new page.Source(Symbol("a")));
      },
    },
    "credentials are off unless asked for": {
      script: hold,
      run(page) {
        for (const init of [undefined, null, {}, { withCredentials: true }, { withCredentials: false }, { withCredentials: 1 }]) {
          const source = new page.Source("/a", init);
          page.log([source.withCredentials, source.readyState]);
          source.close();
        }
      },
    },
  };
}

/** @returns {Record<string, Scenario>} */
function events() {
  return {
    "open, then messages with their members": {
      script: { "/a": [{ body: "id: 7\ndata: one\n\n", then: "hold" }] },
      async run(page) {
        const source = page.open("/a");
        page.log(source.readyState);
        source.addEventListener("open", (event) => page.log([event instanceof MessageEvent, event.bubbles, event.cancelable, event.eventPhase]));
        source.addEventListener("message", (event) => {
          page.log([event instanceof MessageEvent, event.bubbles, event.cancelable, event.composed]);
          page.log([event.source, event.ports.length, event.target === source, event.currentTarget === source]);
          page.log(typeof event.timeStamp);
        });
        await page.once(source, "message");
      },
    },
    "named events go to their own listeners only": {
      script: { "/a": [{ body: ["event: add\ndata: 1\n\n", "event: Add\ndata: 2\n\n", "data: 3\n\nevent:\ndata: 4\n\n", "event: message\ndata: 5\n\n"], then: "hold" }] },
      async run(page) {
        const source = page.open("/a", { types: ["add"] });
        await page.once(source, "message", 3);
      },
    },
    "names of the class's own events are taken from the stream too": {
      script: { "/a": [{ body: ["event: open\ndata: 1\n\n", "event: error\ndata: 2\n\n", "event: close\ndata: 3\n\n", "data: 4\n\n"], then: "hold" }] },
      async run(page) {
        await page.once(page.open("/a", { types: ["close"] }), "message");
      },
    },
    "the id of an event stays in force for those after it": {
      script: { "/a": [{ body: "data: 0\n\nid: 1\ndata: 1\n\ndata: 2\n\nid: x y\ndata: 3\n\nid\ndata: 4\n\nid: a\0b\ndata: 5\n\nid: ünï🌊\ndata: 6\n\n", then: "hold" }] },
      async run(page) {
        await page.once(page.open("/a"), "message", 7);
      },
    },
    "an id without data moves the cursor, unseen": {
      script: { "/a": [{ body: `${FAST}id: 41\n\n` }, { body: "data: after\n\n", then: "hold" }] },
      async run(page) {
        await page.once(page.open("/a"), "message");
      },
    },
    "a retry line, a comment and an event without data dispatch nothing": {
      script: { "/a": [{ body: ": hello\n\nretry: 1000\n\nevent: add\n\n\n\nevent: add\nid: 3\n\ndata: seen\n\n", then: "hold" }] },
      async run(page) {
        await page.once(page.open("/a", { types: ["add"] }), "message");
      },
    },
  };
}

/** @returns {Record<string, Scenario>} */
function listeners() {
  const two = { "/a": [{ body: "data: 1\n\ndata: 2\n\n", then: "hold" }] };
  return {
    "handler properties: null at first, a function or nothing, this is the source": {
      script: two,
      async run(page) {
        const source = new page.Source("/a");
        page.sources.push(source);
        page.log([source.onopen, source.onmessage, source.onerror]);
        source.onmessage = 5;
        page.log(source.onmessage);
        source.onmessage = {};
        page.log(typeof source.onmessage);
        const handler = function (event) {
          page.log([this === source, event.data]);
        };
        source.onmessage = handler;
        page.log(source.onmessage === handler);
        await page.once(source, "message", 2);
        source.onmessage = null;
        page.log(source.onmessage);
      },
    },
    "handlers keep the place where they were first set": {
      script: { "/a": [{ body: "data: 1\n\n", then: "hold" }] },
      async run(page) {
        const source = new page.Source("/a");
        page.sources.push(source);
        const say = (name) => () => page.log(name);
        source.addEventListener("message", say("first"));
        source.onmessage = say("replaced");
        source.addEventListener("message", say("second"));
        source.onmessage = say("handler");
        source.addEventListener("open", say("open listener"));
        source.onopen = say("removed");
        source.onopen = null;
        source.addEventListener("open", say("second open listener"));
        source.onopen = say("open handler, set again");
        await page.once(source, "message");
      },
    },
    "listeners: objects, once, removal, twice the same, signals": {
      script: two,
      async run(page) {
        const source = new page.Source("/a");
        page.sources.push(source);
        const say = (name) => () => page.log(name);
        source.addEventListener("message", { handleEvent: (event) => page.log(`object ${event.data}`) });
        source.addEventListener("message", say("once"), { once: true });
        const removed = say("removed");
        source.addEventListener("message", removed);
        source.removeEventListener("message", removed);
        const twice = say("twice the same");
        source.addEventListener("message", twice);
        source.addEventListener("message", twice);
        const stop = new AbortController();
        source.addEventListener("message", say("until aborted"), { signal: stop.signal });
        source.addEventListener("message", () => stop.abort());
        source.addEventListener("message", (event) => event.stopImmediatePropagation(), { once: true });
        source.addEventListener("message", say("stopped once"));
        await page.once(source, "message");
      },
    },
    "a listener that throws is reported, and the others go on": {
      script: two,
      async run(page) {
        const source = new page.Source("/a");
        page.sources.push(source);
        const reported = (event) => {
          page.log(event.message);
          event.preventDefault();
        };
        window.addEventListener("error", reported);
        source.addEventListener("message", () => {
          throw new Error("of the page");
        });
        source.addEventListener("message", (event) => page.log(event.data));
        await page.once(source, "message", 2);
        window.removeEventListener("error", reported);
      },
    },
    "pages may dispatch events themselves": {
      script: { "/a": [{ then: "hold" }] },
      async run(page) {
        const source = page.open("/a");
        await page.once(source, "open");
        page.log(source.dispatchEvent(new MessageEvent("message", { data: "own" })));
      },
    },
  };
}

/** @returns {Record<string, Scenario>} */
function format() {
  const read = (body, times) => ({
    script: { "/a": [{ body, then: "hold" }] },
    run: (page) => page.once(page.open("/a"), "message", times),
  });
  return {
    "lines end with LF, CR or CR LF": read(["data: 1\r", "\ndata: 2\r", "\rdata: 3\n", "\r\ndata: 4\r\n\r", "\ndata\rdata\r\rdata: 6\n\n"], 5),
    "data keeps its inner spaces and empty lines": read("data:  two\ndata\ndata:\ndata:x\n\ndata\n\ndata: \n\n", 3),
    "one byte order mark at the start is dropped": read("\uFEFFdata: 1\n\n\uFEFFdata: 2\n\ndata: 3\n\n", 2),
    "unknown fields and wrong case are ignored": read("Data: 1\nfoo: bar\n data: 2\ndata : 3\ndata:4\n\n", 1),
    "what is not UTF-8 is replaced": {
      script: { "/a": [{ body: ["data: ün\n\n", "data: 🌊\n\n"], then: "hold" }] },
      run: (page) => page.once(page.open("/a"), "message", 2),
    },
    "the charset UTF-8 may be named": {
      script: { "/a": [{ type: 'text/event-stream;charset="utf-8"', body: "data: 1\n\n", then: "hold" }], "/b": [{ type: "Text/Event-Stream ; charset=UTF-8", body: "data: 2\n\n", then: "hold" }] },
      async run(page) {
        await page.once(page.open("/a"), "message");
        await page.once(page.open("/b"), "message");
      },
    },
    "a large event arrives whole": {
      script: { "/a": [{ body: `data: ${"x".repeat(300_000)}\n\n`, then: "hold" }] },
      run: (page) => page.once(page.open("/a"), "message"),
    },
  };
}

/** @returns {Record<string, Scenario>} */
function reconnecting() {
  return {
    "a clean end is an error, then it comes back with its id": {
      script: { "/a": [{ body: `${FAST}id: 1-a\ndata: 1\n\n` }, { body: "id: 2-a\ndata: 2\n\n" }, { body: "data: 3\n\n", then: "hold" }] },
      async run(page) {
        await page.once(page.open("/a"), "message", 3);
      },
    },
    "a broken connection too": {
      script: { "/a": [{ body: `${FAST}id: 1\ndata: 1\n\n`, then: "hold" }, { body: "data: 2\n\n", then: "hold" }] },
      async run(page) {
        const source = page.open("/a");
        await page.once(source, "message");
        await fetch("/cut");
        await page.once(source, "message");
      },
    },
    "an incomplete last block counts for nothing": {
      script: { "/a": [{ body: `${FAST}id: 1\ndata: 1\n\nid: 2\ndata: 2\n` }, { body: "data: 3\n\n", then: "hold" }] },
      async run(page) {
        await page.once(page.open("/a"), "message", 2);
      },
    },
    "an empty id is not sent, others are sent as UTF-8": {
      script: { "/a": [{ body: `${FAST}id: ünï🌊\n\n` }, { body: "id\n\n" }, { body: "data: 3\n\n", then: "hold" }] },
      async run(page) {
        await page.once(page.open("/a"), "message");
      },
    },
    "a retry that is no number is ignored": {
      script: { "/a": [{ body: "retry: 10\nretry: 1e9\nretry: -5\nretry: 99999999x\nretry:\n\ndata: 1\n\n" }, { body: "data: 2\n\n", then: "hold" }] },
      async run(page) {
        await page.once(page.open("/a"), "message", 2);
      },
    },
    "a 204 after an end stops it": {
      script: { "/a": [{ body: `${FAST}data: 1\n\n` }] },
      async run(page) {
        const source = page.open("/a");
        await page.closed(source);
        page.log(source.readyState);
      },
    },
    "a 500 after an end stops it": {
      script: { "/a": [{ body: `${FAST}data: 1\n\n` }, { status: 500, body: "data: no\n\n" }] },
      async run(page) {
        const source = page.open("/a");
        await page.closed(source);
        await page.settle();
      },
    },
    "an event follows its end, and all come before the error": {
      script: { "/a": [{ body: FAST + Array.from({ length: 50 }, (_, n) => `id: ${n}\ndata: ${n}\n\n`).join("") }, { then: "hold" }] },
      async run(page) {
        const source = page.open("/a");
        await page.once(source, "open", 2);
      },
    },
  };
}

/** @returns {Record<string, Scenario>} */
function refusals() {
  /** @type {Record<string, Answer>} */
  const answers = {
    "204": { status: 204, type: null },
    "201 with a stream": { status: 201, body: "data: 1\n\n" },
    "206 with a stream": { status: 206, headers: { "Content-Range": "bytes 0-8/9" }, body: "data: 1\n\n" },
    "400": { status: 400, type: "text/plain", body: "no" },
    "401": { status: 401, type: "text/plain", body: "no" },
    "403 with a stream": { status: 403, body: "data: 1\n\n" },
    "404": { status: 404, type: "text/html", body: "no" },
    "410": { status: 410, type: null },
    "429": { status: 429, headers: { "Retry-After": "1" } },
    "500": { status: 500, type: "text/plain", body: "no" },
    "502": { status: 502, type: "text/html", body: "no" },
    "503 with a stream": { status: 503, body: "data: 1\n\n" },
    "a text": { type: "text/plain", body: "data: 1\n\n" },
    "a page": { type: "text/html", body: "data: 1\n\n" },
    "JSON": { type: "application/json", body: "{}" },
    "something that begins alike": { type: "text/event-streams", body: "data: 1\n\n" },
    "no media type": { type: null, body: "data: 1\n\n" },
    "an empty media type": { type: " ", body: "data: 1\n\n" },
  };
  return Object.fromEntries(
    Object.entries(answers).map(([name, answer]) => [
      `refused for good: ${name}`,
      {
        script: { "/a": [answer] },
        /** @param {Page} page */
        async run(page) {
          const source = page.open("/a");
          await page.closed(source);
          await page.settle();
          page.log(source.readyState);
        },
      },
    ]),
  );
}

/** @returns {Record<string, Scenario>} */
function redirects() {
  const here = (status) => ({
    script: {
      "/a": [{ status, type: null, headers: { Location: "/b" } }],
      "/b": [{ body: `${FAST}id: 1\ndata: 1\n\n` }, { body: "data: 2\n\n", then: "hold" }],
    },
    async run(page) {
      const source = page.open("/a");
      await page.once(source, "message", 2);
      page.log(page.named(source.url));
    },
  });
  const away = (headers) => ({
    "/a": [{ status: 307, type: null, headers: { Location: "{there}/b" } }],
    "/b": [{ headers, body: "id: 1\ndata: from there\n\n", then: "hold" }],
  });
  return {
    ...Object.fromEntries([301, 302, 303, 307, 308].map((status) => [`redirect ${status} is followed, and it comes back to where it led`, here(status)])),
    "a redirect to another origin gives its events that origin": {
      script: away(OPEN),
      async run(page) {
        const source = page.open("/a");
        await page.once(source, "message");
        page.log(page.named(source.url));
      },
    },
    "a redirect to another origin needs its permission": {
      unreadable: true,
      script: { "/a": away({})["/a"].concat(away({})["/a"]), "/b": away({})["/b"].concat(away({})["/b"]) },
      run: (page) => page.closed(page.open("/a")),
    },
    "a redirect to nowhere": {
      script: { "/a": [{ status: 302, type: null, headers: {} }] },
      run: (page) => page.closed(page.open("/a")),
    },
  };
}

/** @returns {Record<string, Scenario>} */
function crossOrigin() {
  const cookie = async (url) => fetch(url, { credentials: "include" });
  const sets = (headers) => ({ type: "text/plain", headers: { ...headers, "Set-Cookie": "session=1; Path=/" } });
  return {
    "another origin that permits everybody": {
      script: { "/a": [{ headers: OPEN, body: "id: 1\ndata: 1\n\n", then: "hold" }], "/c": [sets(CREDENTIALS)] },
      async run(page) {
        await cookie(`${page.there}/c`);
        await page.once(page.open(`${page.there}/a`), "message");
      },
    },
    "with credentials, where they are permitted": {
      script: { "/a": [{ headers: CREDENTIALS, body: "id: 1\ndata: 1\n\n", then: "hold" }], "/c": [sets(CREDENTIALS)] },
      async run(page) {
        await cookie(`${page.there}/c`);
        await page.once(page.open(`${page.there}/a`, { withCredentials: true }), "message");
      },
    },
    "cookies go to the page's own origin without being asked for": {
      script: { "/a": [{ body: "data: 1\n\n", then: "hold" }], "/c": [sets({})] },
      async run(page) {
        await cookie("/c");
        await page.once(page.open("/a"), "message");
      },
    },
    "another origin that permits nobody": {
      unreadable: true,
      script: { "/a": [{ body: "data: 1\n\n", then: "hold" }, { body: "data: 2\n\n", then: "hold" }] },
      run: (page) => page.closed(page.open(`${page.there}/a`)),
    },
    "credentials are not permitted with a wildcard": {
      unreadable: true,
      script: { "/a": Array(2).fill({ headers: OPEN, body: "data: 1\n\n", then: "hold" }) },
      run: (page) => page.closed(page.open(`${page.there}/a`, { withCredentials: true })),
    },
    "credentials are not permitted": {
      unreadable: true,
      script: { "/a": Array(2).fill({ headers: { "Access-Control-Allow-Origin": "{page}" }, body: "data: 1\n\n", then: "hold" }) },
      run: (page) => page.closed(page.open(`${page.there}/a`, { withCredentials: true })),
    },
    "another origin, again with its id": {
      script: { "/a": [{ headers: OPEN, body: `${FAST}id: 1\ndata: 1\n\n` }, { headers: OPEN, body: "data: 2\n\n", then: "hold" }] },
      async run(page) {
        await page.once(page.open(`${page.there}/a`), "message", 2);
      },
    },
    "another origin that refuses": {
      script: { "/a": [{ status: 403, headers: OPEN }] },
      run: (page) => page.closed(page.open(`${page.there}/a`)),
    },
  };
}

/** @returns {Record<string, Scenario>} */
function closing() {
  const stream = { "/a": [{ body: `${FAST}data: 1\n\ndata: 2\n\ndata: 3\n\n` }, { body: "data: again\n\n", then: "hold" }] };
  const quiet = { "/a": [{ then: "hold" }] };
  return {
    "close at once: nothing is told": {
      script: stream,
      async run(page) {
        const source = page.open("/a");
        source.close();
        page.log(source.readyState);
        await page.settle();
        source.close();
        page.log(source.readyState);
      },
    },
    "close while no answer has come": {
      script: { "/a": [{ then: "silence" }] },
      async run(page) {
        const source = page.open("/a");
        await page.settle();
        page.log(source.readyState);
        source.close();
        page.log(source.readyState);
        await page.settle();
      },
    },
    "close while open": {
      script: quiet,
      async run(page) {
        const source = page.open("/a");
        await page.once(source, "open");
        source.close();
        page.log(source.readyState);
        await page.settle();
      },
    },
    "close in the open handler: no message follows": {
      script: stream,
      async run(page) {
        const source = page.open("/a");
        source.addEventListener("open", () => source.close());
        await page.once(source, "open");
        await page.settle();
        page.log(source.readyState);
      },
    },
    "close in a message handler: later listeners still see this one, no other follows": {
      script: stream,
      async run(page) {
        const source = page.open("/a");
        source.addEventListener("message", () => source.close());
        source.addEventListener("message", (event) => page.log(`also ${event.data}`));
        await page.once(source, "message");
        await page.settle();
        page.log(source.readyState);
      },
    },
    "close in the error handler: it does not come back": {
      script: stream,
      async run(page) {
        const source = page.open("/a");
        source.addEventListener("error", () => source.close());
        await page.once(source, "error");
        await page.settle();
        page.log(source.readyState);
      },
    },
    "close while it waits to come back": {
      script: { "/a": [{ body: "retry: 60000\n\ndata: 1\n\n" }] },
      async run(page) {
        const source = page.open("/a");
        await page.once(source, "error");
        await page.settle();
        page.log(source.readyState);
        source.close();
        page.log(source.readyState);
      },
    },
    "close after it has given up": {
      script: {},
      async run(page) {
        const source = page.open("/a");
        await page.closed(source);
        source.close();
        page.log(source.readyState);
      },
    },
    "two sources do not know of each other": {
      script: { "/a": [{ body: "data: a\n\n", then: "hold" }], "/b": [{ body: "data: b\n\n", then: "hold" }] },
      async run(page) {
        const first = page.open("/a");
        await page.once(first, "message");
        first.close();
        await page.once(page.open("/b"), "message");
      },
    },
  };
}
