//! Latencies of any number of processes, three digits exact.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Durations in nanoseconds, up to ten minutes; longer ones count as that.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

/// Values and how often each was seen: what travels between processes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sparse(Vec<(u64, u64)>);

impl Latencies {
    /// None yet.
    pub(crate) fn new() -> Self {
        // Fails only for bounds that make no sense, and these do.
        Self(Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds in order, at most five digits"))
    }

    /// Notes one, in nanoseconds.
    pub(crate) fn record(&mut self, nanos: u64) {
        self.0.saturating_record(nanos);
    }

    /// Forgets all.
    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    /// Adds what another process saw.
    pub(crate) fn add(&mut self, seen: &Sparse) {
        for (value, count) in &seen.0 {
            self.0.saturating_record_n(*value, *count);
        }
    }

    /// For another process.
    pub(crate) fn sparse(&self) -> Sparse {
        Sparse(self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect())
    }

    /// Whether there is any.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// The value below which this part of all is, in microseconds.
    pub(crate) fn quantile_us(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e3
    }

    /// The longest, in microseconds.
    pub(crate) fn max_us(&self) -> f64 {
        self.0.max() as f64 / 1e3
    }
}

const LONGEST: u64 = 600 * crate::clock::SECOND;

#[cfg(test)]
mod tests {
    use super::Latencies;

    #[test]
    fn what_two_processes_saw_is_what_one_would_have_seen() {
        let (mut one, mut other, mut both) = (Latencies::new(), Latencies::new(), Latencies::new());
        for n in 1..=10_000_u64 {
            let part = if n % 3 == 0 { &mut one } else { &mut other };
            part.record(n * 1_000);
            both.record(n * 1_000);
        }
        one.add(&other.sparse());
        for quantile in [0.5, 0.9, 0.99, 0.999] {
            let (joined, whole) = (one.quantile_us(quantile), both.quantile_us(quantile));
            assert!((joined / whole - 1.0).abs() < 0.002, "{joined} {whole}");
            assert!((whole / (quantile * 10_000.0) - 1.0).abs() < 0.002, "{whole}");
        }
        assert!(both.max_us() >= 10_000.0);
    }
}
