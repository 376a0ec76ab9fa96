// The hub's plain HTTP calls. Every refusal arrives as a `Refusal` that carries the problem document.

import { credential } from "./credential.js";

/**
 * @typedef {object} Session
 * @property {string} session
 * @property {string[]} topics
 * @property {string[]} patterns
 * @property {string} format
 * @property {string} driver
 * @property {string} state
 * @property {string} cursor
 * @property {string} told
 * @property {{positions: number, seconds: number | null}} lag
 * @property {number | null} blocked_seconds
 * @property {number} age_seconds
 * @property {number} idle_seconds
 * @property {string | null} subject
 * @property {string | null} issuer
 * @property {string | null} expires_at
 * @property {string} address
 * @property {number} bytes
 *
 * @typedef {object} Topic
 * @property {string} topic
 * @property {string | null} first
 * @property {string | null} last
 * @property {string | null} last_time
 * @property {number} events
 * @property {number} bytes
 * @property {number} rate
 * @property {number} sessions
 * @property {boolean} presence
 * @property {string | null} finished
 *
 * @typedef {{check: string, about: string | null, allowed: boolean, reason: string | null, rule: string | null,
 *   detail: string}} Step
 */

/** A refusal by the hub (RFC 9457), or the lack of any answer. */
export class Refusal extends Error {
  /**
   * @param {number} status 0 when no answer came
   * @param {{title?: string, detail?: string, remedy?: string, reason?: string}} problem
   */
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `status ${status}`);
    this.status = status;
    this.title = problem.title ?? (status ? `Refused with status ${status}` : "No answer");
    this.detail = problem.detail ?? "";
    this.remedy = problem.remedy ?? "";
    this.reason = problem.reason ?? "";
  }

  /** Whether another credential would help. */
  get isForRights() {
    return this.status === 401 || this.reason === "no-right-to-admin" || this.reason === "no-right-to-subscribe";
  }
}

/** Told of every refusal for lack of rights. @type {Set<(refusal: Refusal) => void>} */
export const refusals = new Set();

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
  const suffix = query.size > 0 ? `?${query}` : "";
  const response = await call(`/v1/topics/${pathOf(topic)}${suffix}`, {
    method: "POST",
    headers: { "Content-Type": isJson(data) ? "application/json" : "text/plain; charset=utf-8" },
    body: data,
  });
  return (await response.json()).id;
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
 * Topics in byte order.
 * @param {{prefix?: string, after?: string, limit?: number}} [wanted]
 * @returns {Promise<{topics: Topic[], next: string | null}>}
 */
export function topics({ prefix = "", after = "", limit = 100 } = {}) {
  return get("/v1/topics", { prefix, after, limit: String(limit) });
}

/**
 * One topic.
 * @param {string} name
 * @returns {Promise<Topic>}
 */
export function topic(name) {
  return get(`/v1/topics/${pathOf(name)}`);
}

/**
 * Who reads a topic, where its class tells.
 * @param {string} name
 * @returns {Promise<{count: number, sessions: number, complete: boolean, next: string | null,
 *   members: {member: string, anonymous: boolean, since: string, sessions: number}[]}>}
 */
export function presence(name) {
  return get(`/v1/topics/${pathOf(name)}/presence`, { limit: "50" });
}

/**
 * Of all open sessions those that are furthest behind, and how many there are.
 * @param {{topic?: string, subject?: string, limit: number}} wanted
 * @returns {Promise<{sessions: Session[], total: number}>}
 */
export function sessions({ topic = "", subject = "", limit }) {
  return get("/v1/admin/sessions", { topic, subject, order: "behind", limit: String(limit) });
}

/**
 * One session.
 * @param {string} name
 * @returns {Promise<Session>}
 */
export function session(name) {
  return get(`/v1/admin/sessions/${encodeURIComponent(name)}`);
}

/**
 * Ends a session; its client may come back.
 * @param {string} name
 */
export async function endSession(name) {
  await call(`/v1/admin/sessions/${encodeURIComponent(name)}`, { method: "DELETE" });
}

/**
 * Why a session gets a topic, or does not.
 * @param {string} name
 * @param {string} topic
 * @returns {Promise<{topic: string, gets: boolean, steps: Step[], session: Session}>}
 */
export function explainSession(name, topic) {
  return get(`/v1/admin/sessions/${encodeURIComponent(name)}/explain`, { topic });
}

/**
 * What became of an event.
 * @param {string} id
 * @returns {Promise<Record<string, any>>}
 */
export function event(id) {
  return get(`/v1/admin/events/${encodeURIComponent(id)}`);
}

/**
 * Asks whether a token may do what this page needs.
 * @param {string} [token] that of whoever is signed in, if none is given
 * @returns {Promise<Refusal | null>} why not, or nothing
 */
export async function check(token = credential.token) {
  try {
    await call("/v1/admin/sessions?limit=1", {}, token);
    return null;
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/**
 * What an answer refuses, told to whoever waits for that.
 * @param {Response} response
 * @param {string} token the request had
 */
export async function refusalOf(response, token) {
  const refusal = new Refusal(response.status, await response.json().catch(() => ({})));
  // Whoever may not even look is not asked again and again: the page waits until somebody signs in.
  if (token === credential.token && (refusal.status === 401 || refusal.reason === "no-right-to-admin")) credential.refused = true;
  if (refusal.isForRights) for (const listener of refusals) listener(refusal);
  return refusal;
}

/**
 * @param {string} path
 * @param {Record<string, string>} [query] empty values are left out
 */
async function get(path, query = {}) {
  const filled = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  return (await call(filled.size > 0 ? `${path}?${filled}` : path, {})).json();
}

/**
 * @param {string} url
 * @param {RequestInit} options
 * @param {string} [token]
 */
async function call(url, options, token = credential.token) {
  const headers = new Headers(options.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, { cache: "no-store", ...options, headers });
  } catch {
    throw new Refusal(0, { title: "No answer from the hub", remedy: "Is it running? The page goes on by itself when it is back." });
  }
  if (response.ok) return response;
  throw await refusalOf(response, token);
}

/** @param {string} topic */
function pathOf(topic) {
  return topic.split("/").map(encodeURIComponent).join("/");
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
