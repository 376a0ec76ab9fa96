// Why a publish has failed.

/**
 * What a problem document (RFC 9457) of the hub has.
 * @typedef {{type?: string, title?: string, detail?: string, field?: string, reason?: string, stored?: string[]}} Problem
 */

/** A publish that has failed for good. Nothing of it is tried again. */
export class PublishError extends Error {
  /**
   * The hub's short name of the problem, such as `malformed-request` or `limited`; without an answer: `unreachable`, `timeout`,
   * `not-replayable`, `queue-full`, `closed`.
   * @type {string}
   */
  kind;
  /** Of the last answer; 0 when there was none. @type {number} */
  status;
  /** The whole document. @type {Problem} */
  problem;

  /**
   * @param {string} kind
   * @param {string} message
   * @param {{status?: number, problem?: Problem, cause?: unknown}} [facts]
   */
  constructor(kind, message, { status = 0, problem = {}, cause } = {}) {
    super(message, { cause });
    this.name = "PublishError";
    this.kind = kind;
    this.status = status;
    this.problem = problem;
  }

  /** The part of the request that is at fault, where the hub names one. */
  get field() {
    return this.problem.field;
  }

  /** Ids of the events of a stream that were stored before it was refused. */
  get stored() {
    return this.problem.stored ?? [];
  }
}

/**
 * The error that an answer stands for.
 * @param {Response} response any but 2xx
 */
export async function refusal(response) {
  const { status } = response;
  /** @type {Problem} */
  const problem = (await response.json().catch(() => null)) ?? {};
  const kind = /^urn:headwater:problem:(.+)$/.exec(problem.type ?? "")?.[1] ?? `status-${status}`;
  const says = problem.detail ?? problem.title ?? "there is no problem document, so it may not be a hub that answered";
  return new PublishError(kind, `the publish was refused with ${status}: ${says}`, { status, problem });
}
