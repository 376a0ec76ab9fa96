//! That a publish is tried again.

use std::fmt;
use std::time::Duration;

use super::error::details;
use crate::problem::Problem;
use crate::state::Reason;

/// An attempt that has failed, before the next one; handed to [`on_retry`](super::PublisherBuilder::on_retry). It is shown
/// as a sentence that says why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Retrying {
    /// What became of the attempt.
    pub reason: Reason,
    /// What its answer said, if there was one.
    pub problem: Box<Problem>,
    /// How long it waits until the next one.
    pub delay: Duration,
    /// Failures of this request in a row, this one included.
    pub failures: u32,
}

/// Whom to tell.
pub(super) type OnRetry = Box<dyn Fn(&Retrying) + Send + Sync>;

impl fmt::Display for Retrying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.reason, details(&self.reason, &self.problem))
    }
}
