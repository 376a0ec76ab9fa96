// Why a publish has failed.

/**
 * What a problem document (RFC 9457) of the hub has.
 * @typedef {{type?: string, title?: string, detail?: string, field?: string, reason?: string, stored?: string[]}} Problem
 */

/** Statuses below 500 that are worth another attempt. */
const PASSING = [408, 425, 429];

/** A publish that has failed for good. Nothing of it is tried again. */
export class PublishError extends Error {
  /**
   * The hub's short name of the problem, such as `malformed-request` or `limited`; without an answer: `unreachable`, `timeout`,
   * `not-replayable`, `queue-full`, `closed`; `unexpected` when the answer is none of a hub, `unauthorized` when the refresh hook failed.
   * @type {string}
   */
  kind;
  /** Of the last answer; 0 when there was none. @type {number} */
  status;
  /** The whole document. @type {Problem} */
  problem;
  /** What its `Retry-After` says, in milliseconds. @type {number} */
  retryAfter;

  /**
   * @param {string} kind
   * @param {string} message
   * @param {{status?: number, problem?: Problem, retryAfter?: number, cause?: unknown}} [facts]
   */
  constructor(kind, message, { status = 0, problem = {}, retryAfter = 0, cause } = {}) {
    super(message, { cause });
    this.name = "PublishError";
    this.kind = kind;
    this.status = status;
    this.problem = problem;
    this.retryAfter = retryAfter;
  }

  /** Whether the credential was refused. */
  get isUnauthorized() {
    return this.status === 401 || this.status === 403;
  }

  /** Whether it was of the kind that passes, so that it may be worth another publish later. */
  get isPassing() {
    return this.status >= 500 || PASSING.includes(this.status) || ["unreachable", "timeout"].includes(this.kind);
  }

  /** The part of the request that is at fault, where the hub names one. */
  get field() {
    return this.problem.field;
  }

  /** Ids of the events of a stream that were stored before it was refused. */
  get stored() {
    return Array.isArray(this.problem.stored) ? this.problem.stored : [];
  }
}
