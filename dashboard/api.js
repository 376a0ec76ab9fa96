// The hub's plain HTTP calls. Every refusal arrives as a `Refusal` that carries the problem document.

/**
 * One event in the form the hub's JSON read gives it.
 * @typedef {{id: string, topic: string, event: string, data: string, key?: string | null, time: string}} Recorded
 */

/** A refusal by the hub (RFC 9457), or the lack of any answer. */
export class Refusal extends Error {
  /**
   * @param {number} status 0 when no answer came
   * @param {{title?: string, detail?: string, remedy?: string}} problem
   */
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `status ${status}`);
    this.status = status;
    this.title = problem.title ?? (status ? `Refused with status ${status}` : "No answer");
    this.detail = problem.detail ?? "";
    this.remedy = problem.remedy ?? "";
  }
}

/**
 * Publishes one event.
 * @param {{topic: string, data: string, type?: string, key?: string, final?: string}} event
 * @returns {Promise<string>} its id
 */
export async function publish({ topic, data, type, key, final }) {
  const query = new URLSearchParams();
  if (type) query.set("event", type);
  if (key) query.set("key", key);
  if (final) query.set("final", final);
  const path = topic.split("/").map(encodeURIComponent).join("/");
  const suffix = query.size > 0 ? `?${query}` : "";
  const response = await call(`/v1/topics/${path}${suffix}`, {
    method: "POST",
    headers: { "Content-Type": isJson(data) ? "application/json" : "text/plain; charset=utf-8" },
    body: data,
  });
  return (await response.json()).id;
}

/**
 * Reads what is stored after a cursor, without waiting: the same read as a stream, in its JSON form.
 * @param {string} topic
 * @param {string} after
 * @param {number} limit
 * @returns {Promise<{events: Recorded[], cursor: string}>}
 */
export async function readAfter(topic, after, limit) {
  const query = new URLSearchParams({ topic, last_event_id: after, limit: String(limit), wait: "0" });
  return (await call(`/v1/events?${query}`, { headers: { Accept: "application/json" } })).json();
}

/**
 * Where a read that starts now would start: the end of the log.
 * @param {string} topic
 * @returns {Promise<string | null>}
 */
export async function head(topic) {
  const response = await call(`/v1/events?${new URLSearchParams({ topic })}`, { method: "HEAD" });
  return response.headers.get("Headwater-Cursor");
}

/**
 * Names of topics to suggest; empty when the hub will not list them.
 * @returns {Promise<string[]>}
 */
export async function topics() {
  const listed = await (await call("/v1/topics", {})).json();
  return (listed.topics ?? []).map((/** @type {{topic: string}} */ each) => each.topic);
}

/**
 * Finds out why EventSource gave up on an address; it is told nothing but "error".
 * @param {string} url
 * @returns {Promise<{why: string, passing: boolean}>} a sentence, and whether to try again by itself
 */
export async function whyClosed(url) {
  const stop = new AbortController();
  try {
    const response = await call(url, { headers: { Accept: "text/event-stream" }, signal: stop.signal });
    if (response.status === 204) {
      return { why: "Finished: every topic watched has ended, and the hub answered 204.", passing: false };
    }
    return { why: "The hub, or a proxy before it, was away for a moment.", passing: true };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const why = [error.title, error.detail, error.remedy].filter(Boolean).join(": ");
    return { why, passing: error.status === 0 || error.status === 429 || error.status >= 500 };
  } finally {
    stop.abort();
  }
}

/**
 * @param {string} url
 * @param {RequestInit} options
 */
async function call(url, options) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, { cache: "no-store", ...options });
  } catch {
    throw new Refusal(0, { title: "No answer from the hub", remedy: "Is it running? The page goes on by itself when it is back." });
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Refusal(response.status, problem);
}

/** @param {string} text */
function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
