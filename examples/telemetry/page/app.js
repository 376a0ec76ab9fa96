// The live page: watches `telemetry/**` on the hub, across origins, with the browser's own
// EventSource, and shows the figures and what resume did for them.

import { Chart, SPAN_MS } from "./chart.js";

/**
 * What every sample says beside its figures.
 * @typedef {{host: string, at: number} & Record<string, any>} Sample
 * @typedef {import("./chart.js").Point} Point
 */

/** Most samples kept per chart and host. */
const KEPT = (SPAN_MS / 1000) * 2;
const percent = (/** @type {number} */ share) => `${Math.round(share * 100)} %`;

/**
 * The charts: what is drawn of a sample, how it is written, and a fixed top of the axis.
 * @type {Record<string, {chart: Chart, values: (s: Sample) => number[], now: (s: Sample) => string, top: (s: Sample) => number | undefined}>}
 */
const KINDS = {
  cpu: {
    chart: new Chart(find("cpu"), "CPU over the last minutes", percent, 1),
    values: (s) => [s.busy],
    now: (s) => `${percent(s.busy)} of ${s.cores.length} cores`,
    top: () => 1,
  },
  memory: {
    chart: new Chart(find("memory"), "Memory over the last minutes", bytes, 1),
    values: (s) => [s.used],
    now: (s) => `${bytes(s.used)} of ${bytes(s.total)}`,
    top: (s) => s.total,
  },
  network: {
    chart: new Chart(find("network"), "Network over the last minutes", (n) => `${bytes(n)}/s`, 1024),
    values: (s) => [s.received, s.sent],
    now: (s) => `↓ ${bytes(s.received)}/s  ↑ ${bytes(s.sent)}/s`,
    top: () => undefined,
  },
};

/** Points and newest sample by host and kind. @type {Map<string, Record<string, {points: Point[], newest: Sample}>>} */
const hosts = new Map();
/** Stretches that arrived after a reconnect. @type {{from: number, to: number}[]} */
const late = [];
let received = 0;
let repeated = 0;
let gaps = 0;
/** Opened connections. */
let opens = 0;
let openedAt = 0;
/** When the connection went away, or null while there is one. @type {number | null} */
let awaySince = null;
let caughtUp = 0;
/** Id of the newest sample: where a new EventSource resumes. */
let cursor = "";
/** @type {EventSource | null} */
let source = null;

const { hub } = await (await fetch("/hub.json")).json();
const hostChoice = /** @type {HTMLSelectElement} */ (find("host"));
hostChoice.addEventListener("change", draw);
find("drop").addEventListener("click", () => (source ? disconnect() : connect()));
connect();
setInterval(draw, 1000);

function connect() {
  // On its first request a new EventSource sends no Last-Event-ID, so the address says where to
  // resume. When the browser reconnects by itself, it sends the header, and that wins.
  const query = new URLSearchParams({ topic: "telemetry/**", ...(cursor ? { last_event_id: cursor } : { since: `${SPAN_MS / 1000}s` }) });
  source = new EventSource(`${hub}/v1/events?${query}`);
  source.onopen = opened;
  source.onerror = broken;
  // EventSource hands over only the types that somebody listens for.
  for (const kind of Object.keys(KINDS)) source.addEventListener(kind, (event) => take(kind, event));
  source.addEventListener("headwater.gap", (event) => {
    gaps += 1;
    tell(`Gap: ${event.data}`);
  });
  source.addEventListener("headwater.closing", (event) => tell(`The hub closes the stream: ${event.data}`));
  state("connecting", "Connecting", "");
  find("drop").textContent = "Disconnect";
}

function disconnect() {
  source?.close();
  source = null;
  awaySince ??= Date.now();
  state("idle", "Disconnected", "The samples go on without this page.");
  find("drop").textContent = `Resume after ${cursor || "the start"}`;
}

function opened() {
  opens += 1;
  openedAt = Date.now();
  caughtUp = 0;
  if (awaySince !== null) late.push({ from: awaySince, to: openedAt });
  if (late.length > 20) late.shift();
  awaySince = null;
  state("open", "Live", "");
}

function broken() {
  awaySince ??= Date.now();
  if (source?.readyState !== EventSource.CLOSED) return state("waiting", "Waiting", "The browser reconnects by itself.");
  source = null;
  state("closed", "Closed", "The hub refused the stream.");
  find("drop").textContent = "Connect";
}

/**
 * @param {string} kind
 * @param {MessageEvent<string>} event
 */
function take(kind, event) {
  /** @type {Sample} */
  const sample = JSON.parse(event.data);
  received += 1;
  if (notAfter(event.lastEventId, cursor)) repeated += 1;
  else cursor = event.lastEventId;
  // Taken before this connection was open: it was stored, or waited to be, while the page was away.
  if (opens > 1 && sample.at < openedAt) caughtUp += 1;
  const host = hosts.get(sample.host) ?? {};
  if (!hosts.has(sample.host)) {
    hosts.set(sample.host, host);
    const option = document.createElement("option");
    option.textContent = sample.host;
    hostChoice.append(option);
  }
  const series = (host[kind] ??= { points: [], newest: sample });
  series.newest = sample;
  series.points.push({ at: sample.at, values: KINDS[kind].values(sample) });
  if (series.points.length > KEPT) series.points.shift();
  scheduleDraw();
}

let scheduled = false;

/** A replay brings hundreds of samples at once; they are drawn together. */
function scheduleDraw() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    draw();
  });
}

function draw() {
  const now = Date.now();
  const stretches = awaySince === null ? late : [...late, { from: awaySince, to: now }];
  for (const [kind, { chart, now: write, top }] of Object.entries(KINDS)) {
    const series = hosts.get(hostChoice.value)?.[kind];
    chart.draw(series?.points ?? [], stretches, now, series && top(series.newest));
    say(`${kind}-now`, series ? write(series.newest) : "no sample yet");
  }
  say("received", String(received));
  say("newest", cursor || "–");
  say("reconnects", String(Math.max(0, opens - 1)));
  say("caught-up", opens > 1 ? `${caughtUp} samples` : "–");
  say("repeated", String(repeated));
  say("gaps", String(gaps));
}

/**
 * Whether an id is not newer than another of the same log.
 * @param {string} id
 * @param {string} other
 */
function notAfter(id, other) {
  const [[a, epoch], [b, otherEpoch]] = [id.split("-"), other.split("-")];
  return epoch === otherEpoch && BigInt(a) <= BigInt(b);
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} note
 */
function state(name, label, note) {
  find("state").dataset.state = name;
  say("state", label);
  say("note", note);
}

/** @param {string} what */
function tell(what) {
  const entry = document.createElement("li");
  entry.textContent = `${new Date().toLocaleTimeString()} ${what}`;
  find("log").prepend(entry);
  while (find("log").childElementCount > 20) find("log").lastElementChild?.remove();
}

/**
 * @param {string} id
 * @param {string} text
 */
function say(id, text) {
  const node = find(id);
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
function find(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`index.html lacks #${id}`);
  return node;
}

/** @param {number} value */
function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let step = 0;
  while (value >= 1024 && step < units.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[step]}`;
}
