// The bearer token and the hook that gets a new one.

import { authorized } from "./request.js";

/** @import { Engine, RefreshHook } from "./engine.js" */
/** @import { Outcome } from "./request.js" */

/**
 * @param {Engine} engine
 * @param {RefreshHook} hook
 */
export function credential(engine, hook) {
  /** The connection after which the hook gave the last one. */
  let given = -1;
  /**
   * @param {string} reason
   * @param {number} [status]
   */
  const ask = async (reason, status = 0) => {
    const { connection } = engine;
    engine.token = (await hook({ status, reason })) || engine.token;
    if (reason !== "expiring") given = connection;
  };
  return {
    /**
     * The end of an attempt: perhaps the server has refused it.
     * @param {Outcome} outcome
     * @returns {Promise<Outcome>} that it is tried again, at once or, where the hook has failed, later; or that it is of no use, as
     *   the credential was new
     */
    async refused(outcome) {
      if (!outcome.refused || engine.connection === given + 1) return outcome;
      const { status } = outcome;
      try {
        await ask("refused", status);
        return { again: true };
      } catch (error) {
        return { failed: "refused", status, error };
      }
    },

    /**
     * The server may have ended the stream because of it. When the hook fails the next attempt is refused, and it is asked again.
     * @param {string | undefined} reason of the closing
     */
    async ended(reason) {
      if (reason === "expired" || reason === "revoked") await ask(reason).catch(() => {});
    },

    /**
     * It is about to end: renews the session of the stream with a new one, without a reconnect. When that fails it ends, and the
     * client comes back.
     * @param {string} session
     */
    async renew(session) {
      if (!engine.url.pathname.endsWith("/v1/events")) return;
      try {
        await ask("expiring");
        if (engine.state.name === "closed") return;
        const url = new URL(`sessions/${encodeURIComponent(session)}/credential`, engine.url);
        const response = await engine.fetch(url, { method: "POST", body: null, headers: authorized(engine) });
        await response.body?.cancel();
      } catch {}
    },
  };
}
