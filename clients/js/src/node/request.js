// What a request for a stream says: from where to go on.

const NAMES = ["last_event_id", "lastEventId", "lastEventID"];

/**
 * The cursor of a request: the `Last-Event-ID` header, else the query; `""` when there is none.
 * Takes a request of Node (also of Express and Fastify), or a Web `Request`.
 * @param {Pick<import("./http.js").NodeRequest, "headers" | "url" | "originalUrl"> | Request} request
 * @returns {string}
 */
export function lastEventId(request) {
  const { headers } = request;
  const header = headers instanceof Headers ? headers.get("last-event-id") : headers["last-event-id"];
  if (header) return utf8(String(header));
  const address = ("originalUrl" in request && request.originalUrl) || request.url || "";
  const query = new URLSearchParams(address.split("#", 1)[0].split("?").slice(1).join("?"));
  return NAMES.map((name) => query.get(name)).find(Boolean) ?? "";
}

/**
 * The text of a header whose bytes were taken for Latin-1, as every JavaScript runtime does; ids are UTF-8.
 * @param {string} value
 */
function utf8(value) {
  const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0));
  // A runtime that decoded them already has characters that no byte stands for.
  if (/[^\0-\xff]/.test(value)) return value;
  return new TextDecoder().decode(bytes);
}
