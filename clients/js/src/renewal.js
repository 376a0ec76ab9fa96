// Renews the session of a stream with a new credential, without a reconnect. Loaded when one is about to expire.

/** @import { Engine } from "./engine.js" */

/**
 * @param {Engine} engine
 * @param {string} session
 */
export async function renew(engine, session) {
  const headers = new Headers(engine.options.headers);
  if (engine.token) headers.set("authorization", `Bearer ${engine.token}`);
  const address = new URL(`sessions/${encodeURIComponent(session)}/credential`, engine.url);
  const response = await engine.fetch(address, { method: "POST", body: null, headers });
  await response.body?.cancel();
}
