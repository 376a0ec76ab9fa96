// The head of an event stream's response.

/**
 * The fields that make everybody on the way pass events on as they come. `no-transform` is what compressing middleware
 * looks at, `X-Accel-Buffering` what nginx does.
 * @param {{heartbeat: number, cursor?: string, headers: Record<string, string>}} settings
 * @returns {Record<string, string>}
 */
export function responseHead({ heartbeat, cursor, headers }) {
  return {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
    // In whole seconds, or not at all.
    ...(heartbeat > 0 && heartbeat % 1000 === 0 && { "Headwater-Heartbeat": String(heartbeat / 1000) }),
    ...(cursor !== undefined && { "Headwater-Cursor": cursor }),
    ...headers,
  };
}
