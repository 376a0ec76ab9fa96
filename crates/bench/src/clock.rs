//! One clock for all processes: the machine's monotonic one, which does not jump and means the same everywhere.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds since some moment before the machine's start.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let (seconds, nanos) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    seconds.unwrap_or_default() * SECOND + nanos.unwrap_or_default()
}

/// A duration in nanoseconds; five hundred years saturate.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A second.
pub(crate) const SECOND: u64 = 1_000_000_000;
