//! Counters of one shard. Written by its thread, read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};

use headwater_hub::Run;

use super::latency::Latency;
use super::refusals::Refusals;
use crate::flow::fanout::CloseCause;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

/// The counters of a shard. Totals since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Streams and long-polls opened.
    pub(crate) opened: Counter,
    /// The same, ended, by cause.
    closed: [Counter; CloseCause::ALL.len()],
    /// Sessions that began with a client's cursor.
    pub(crate) resumed: Counter,
    /// Gap events told.
    pub(crate) gaps: Counter,
    /// Events handed to sessions.
    pub(crate) deliveries: Counter,
    /// Events that gave way to newer ones of the same topic and key, for some session.
    pub(crate) conflated: Counter,
    /// Bytes handed to sessions, control bytes included.
    pub(crate) bytes_out: Counter,
    /// Heartbeats sent.
    pub(crate) heartbeats: Counter,
    /// Publish requests answered with success.
    pub(crate) publishes: Counter,
    /// Events stored.
    pub(crate) events: Counter,
    /// Events not stored because their idempotency key was known.
    pub(crate) duplicates: Counter,
    /// Requests refused with a 4xx.
    pub(crate) refused: Counter,
    /// Those of them that were refused for who sent them.
    pub(crate) refusals: Refusals,
    /// Requests failed with a 5xx.
    pub(crate) failed: Counter,
    /// Pages read from the log for sessions behind the tail.
    pub(crate) pages: Counter,
    /// Streams and long polls sent away because the hub had no place for them.
    pub(crate) crowded_out: Counter,
    /// The same, because it was stopping.
    pub(crate) drained_off: Counter,
    /// Connections accepted.
    pub(crate) connections: Counter,
    /// From the log to the readers that had everything before.
    pub(crate) latency: Latency,
}

impl Counter {
    /// Adds.
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The number.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// Counts the events of a run that end after byte `from` and up to byte `to`.
    pub(crate) fn delivered(&self, run: &Run, from: usize, to: usize) {
        self.deliveries.add((run.events_within(to) - run.events_within(from)) as u64);
        if run.skipped.is_some() {
            self.conflated.add((run.skipped_within(to) - run.skipped_within(from)).into());
        }
    }

    /// Counts the end of a session.
    pub(crate) fn closed(&self, cause: CloseCause) {
        self.closed[cause as usize].add(1);
    }

    /// Sessions ended for this cause.
    pub(crate) fn closed_by(&self, cause: CloseCause) -> u64 {
        self.closed[cause as usize].get()
    }

    /// Open sessions.
    pub(crate) fn sessions(&self) -> u64 {
        // Ends first: a session that opens in between may be missed, but the difference is never negative.
        let closed: u64 = self.closed.iter().map(Counter::get).sum();
        self.opened.get().saturating_sub(closed)
    }
}
