//! Whether a publish is tried again, and when: decisions without socket and clock, by the rules of all clients.

use std::time::{Duration, Instant};

use super::error::PublishError;
use super::retrying::Retrying;
use crate::error::BoxError;
use crate::machine::{Answer, Retry, is_passing};
use crate::problem::Problem;
use crate::refresh::Cause;
use crate::state::Reason;

/// What becomes of one publish, attempt by attempt.
#[derive(Debug)]
pub(super) struct Attempts {
    retry: Retry,
    /// When another attempt is worth nothing any more.
    deadline: Option<Instant>,
    can_refresh: bool,
    random: fastrand::Rng,
    /// All that have failed.
    failures: u32,
    /// The attempt under way is the first with a new credential.
    is_fresh: bool,
}

/// Why an attempt brought nothing.
#[derive(Debug)]
pub(super) enum Failed {
    /// There was no answer.
    Lost(Reason),
    /// There was one, and no success.
    Refused(Answer),
    /// It can never bring anything.
    For(PublishError),
}

/// What comes after an attempt that failed.
#[derive(Debug)]
pub(super) enum Next {
    Wait(Retrying),
    Refresh(Cause, Answer),
    Fail(PublishError),
}

impl Attempts {
    pub(super) fn new(retry: Retry, within: Duration, can_refresh: bool, now: Instant) -> Self {
        let deadline = now.checked_add(within);
        Self { retry, deadline, can_refresh, random: fastrand::Rng::new(), failures: 0, is_fresh: false }
    }

    pub(super) fn failed(&mut self, failed: Failed, now: Instant) -> Next {
        let was_fresh = std::mem::take(&mut self.is_fresh);
        match failed {
            Failed::For(error) => Next::Fail(error),
            Failed::Lost(reason) => self.again(reason, Duration::ZERO, Problem::default(), now),
            Failed::Refused(answer) if is_passing(answer.status) => {
                let floor = answer.retry_after.unwrap_or_default();
                self.again(Reason::Refused(answer.status), floor, answer.problem, now)
            }
            Failed::Refused(answer) if matches!(answer.status, 401 | 403) => {
                if self.can_refresh && !was_fresh {
                    self.is_fresh = true;
                    let cause = Cause::Refused { status: answer.status, reason: answer.problem.reason.clone() };
                    return Next::Refresh(cause, answer);
                }
                Next::Fail(unauthorized(answer, None))
            }
            Failed::Refused(Answer { status, problem, .. }) => {
                Next::Fail(PublishError::Refused { topic: None, index: None, status, problem: problem.into() })
            }
        }
    }

    /// The refresh hook failed: whoever gives out credentials may be down for a while.
    pub(super) fn not_refreshed(&mut self, refused: Answer, error: BoxError, now: Instant) -> Next {
        self.is_fresh = false;
        match self.again(Reason::Refused(refused.status), Duration::ZERO, refused.problem.clone(), now) {
            Next::Fail(_) => Next::Fail(unauthorized(refused, Some(error))),
            next => next,
        }
    }

    fn again(&mut self, last: Reason, floor: Duration, problem: Problem, now: Instant) -> Next {
        self.failures = self.failures.saturating_add(1);
        let delay = self.retry.delay(self.failures, floor, &mut self.random);
        let is_too_often = self.retry.failures.is_some_and(|most| self.failures >= most);
        // A time that cannot be told is never reached.
        let is_too_late = self.deadline.is_some_and(|deadline| now.checked_add(delay).is_none_or(|at| at > deadline));
        let (failures, problem) = (self.failures, problem.into());
        match is_too_often || is_too_late {
            true => Next::Fail(PublishError::Unavailable { attempts: failures, last, problem }),
            false => Next::Wait(Retrying { reason: last, problem, delay, failures }),
        }
    }
}

/// The error of an answer that asks for another credential.
fn unauthorized(answer: Answer, hook: Option<BoxError>) -> PublishError {
    PublishError::Unauthorized {
        topic: None,
        status: answer.status,
        problem: answer.problem.into(),
        hook: hook.map(Into::into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(retry: Retry, can_refresh: bool) -> (Attempts, Instant) {
        let now = Instant::now();
        (Attempts::new(retry, Duration::from_secs(300), can_refresh, now), now)
    }

    fn refused(status: u16) -> Failed {
        Failed::Refused(Answer { status, ..Answer::default() })
    }

    #[test]
    fn what_passes_is_tried_again_until_it_is_too_late_or_too_often() {
        let (mut attempts, now) = attempts(Retry::default(), false);
        let busy = Answer { status: 503, retry_after: Some(Duration::from_secs(7)), ..Answer::default() };
        let Next::Wait(Retrying { reason, delay, failures: 1, .. }) = attempts.failed(Failed::Refused(busy), now)
        else {
            panic!()
        };
        assert_eq!(reason, Reason::Refused(503));
        assert!((7.0..=8.0).contains(&delay.as_secs_f64()), "{delay:?}");
        assert!(matches!(attempts.failed(Failed::Lost(Reason::Timeout), now), Next::Wait(_)));
        let late = now + Duration::from_secs(301);
        let Next::Fail(PublishError::Unavailable { attempts: 3, last, .. }) = attempts.failed(refused(500), late)
        else {
            panic!()
        };
        assert_eq!(last, Reason::Refused(500));
        let (mut once, now) = self::attempts(Retry { failures: Some(1), ..Retry::default() }, false);
        assert!(matches!(once.failed(refused(500), now), Next::Fail(PublishError::Unavailable { attempts: 1, .. })));
    }

    #[test]
    fn a_credential_is_asked_for_again_only_when_something_else_came_between() {
        let (mut attempts, now) = attempts(Retry::default(), true);
        assert!(matches!(attempts.failed(refused(401), now), Next::Refresh(..)));
        assert!(matches!(attempts.failed(refused(500), now), Next::Wait(_)));
        assert!(matches!(attempts.failed(refused(403), now), Next::Refresh(..)));
        assert!(matches!(attempts.failed(refused(401), now), Next::Fail(PublishError::Unauthorized { .. })));
        let (mut without, now) = self::attempts(Retry::default(), false);
        assert!(matches!(without.failed(refused(401), now), Next::Fail(PublishError::Unauthorized { .. })));
        assert!(matches!(without.failed(refused(409), now), Next::Fail(PublishError::Refused { status: 409, .. })));
    }
}
