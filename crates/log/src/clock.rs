//! The seam between the log and time.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Timestamp;

/// A wall clock. It may go back; nothing but age retention, the idempotency window and `seek` looks at it.
pub trait Clock: Debug + Send + Sync + 'static {
    /// Microseconds since the Unix epoch.
    fn now(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as Timestamp)
    }
}
