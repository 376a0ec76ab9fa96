//! Where to begin looking for a time: a sparse index of running maxima, bounded in size.

use std::collections::VecDeque;

use crate::Timestamp;

/// Sampled places with the newest time the log had seen up to each. Both rise.
#[derive(Default)]
pub(super) struct Times {
    samples: VecDeque<(Timestamp, u64)>,
    /// Sequence numbers between two samples; doubles when there are too many.
    stride: u64,
    newest: Timestamp,
}

const STRIDE: u64 = 1024;
const MAX_SAMPLES: usize = 1 << 16;

impl Times {
    /// Takes note of an event.
    pub(super) fn note(&mut self, seq: u64, time: Timestamp) {
        self.newest = self.newest.max(time);
        self.stride = self.stride.max(STRIDE);
        if self.samples.back().is_some_and(|(_, last)| seq < last + self.stride) {
            return;
        }
        self.samples.push_back((self.newest, seq));
        if self.samples.len() > MAX_SAMPLES {
            self.stride *= 2;
            let mut even = false;
            self.samples.retain(|_| {
                even = !even;
                even
            });
        }
    }

    /// Forgets what lies before the oldest event left, except the last sample there.
    pub(super) fn trim(&mut self, first: u64) {
        while self.samples.get(1).is_some_and(|(_, seq)| *seq <= first) {
            self.samples.pop_front();
        }
    }

    /// A place at or before the first event that is not older than `time`, and not far before it.
    pub(super) fn start(&self, time: Timestamp) -> u64 {
        let older = self.samples.partition_point(|(newest, _)| *newest < time);
        older.checked_sub(1).map_or(0, |last| self.samples[last].1)
    }
}
