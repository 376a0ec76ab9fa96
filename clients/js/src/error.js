// Why a subscription has stopped.

/** A subscription has stopped and does not come back by itself. */
export class SubscriptionError extends Error {
  /**
   * @param {"wrong_type" | "unauthorized" | "rejected" | "exhausted"} reason
   * @param {string} message
   * @param {number} [status] of the answer, where there was one
   */
  constructor(reason, message, status) {
    super(message);
    this.name = "SubscriptionError";
    this.reason = reason;
    this.status = status;
  }
}

/**
 * @param {number} failures
 * @param {string} reason of the last
 * @param {number | undefined} status
 */
export function exhausted(failures, reason, status) {
  const last = status ? `${reason} (${status})` : reason;
  return new SubscriptionError("exhausted", `${failures} attempts in a row failed, the last: ${last}`, status);
}
