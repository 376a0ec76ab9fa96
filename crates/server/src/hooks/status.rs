//! How a hook is doing. Written by its task, read by anybody.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use headwater_log::Timestamp;

use crate::observe::Counter;

/// How a hook is doing. Totals since the hub was started.
#[derive(Debug, Default)]
pub(crate) struct Status {
    /// What its receiver took.
    pub(crate) delivered: Counter,
    /// What its receiver never took, and what retention removed before it could be told.
    pub(crate) failed: Counter,
    /// Requests that repeat one that was not answered with success.
    pub(crate) retries: Counter,
    /// Held while its place is written.
    pub(super) saving: Mutex<()>,
    /// When what it is trying to tell happened; 0 when there is nothing.
    waiting: AtomicU64,
    /// Where it is, plus one; 0 before it is known.
    cursor: AtomicU64,
}

impl Status {
    /// Notes what it is trying to tell.
    pub(super) fn wait(&self, since: Option<Timestamp>) {
        self.waiting.store(since.unwrap_or(0), Ordering::Relaxed);
    }

    /// For how many seconds somebody has been waiting to be told.
    pub(crate) fn lag_s(&self) -> u64 {
        match self.waiting.load(Ordering::Relaxed) {
            0 => 0,
            since => now_us().saturating_sub(since) / 1_000_000,
        }
    }

    /// Notes where it is.
    pub(super) fn stand(&self, cursor: u64) {
        self.cursor.store(cursor + 1, Ordering::Relaxed);
    }

    /// Where it was when it ran last.
    pub(super) fn stood(&self) -> Option<u64> {
        self.cursor.load(Ordering::Relaxed).checked_sub(1)
    }
}

/// Microseconds since 1970.
pub(super) fn now_us() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64)
}
