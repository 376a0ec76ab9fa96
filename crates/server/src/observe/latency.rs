//! How long events take from the log to the readers that wait for them.
//!
//! A histogram with eight steps for every power of two, so that what is read from it is at most an eighth too high. One is
//! written by the thread of a shard and read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use headwater_log::Timestamp;

/// Bits of the steps of a power of two.
const STEP_BITS: u32 = 3;
const STEPS: usize = 1 << STEP_BITS;
/// Longer ones, from about nine hours on, count as the longest.
const MOST_BITS: u32 = 35;
const BUCKETS: usize = (MOST_BITS - STEP_BITS + 1) as usize * STEPS;

/// Times in microseconds, counted since the start.
#[derive(Debug)]
pub(crate) struct Latency {
    buckets: [AtomicU64; BUCKETS],
    /// Of all of them, in microseconds.
    sum: AtomicU64,
}

/// The counts at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    buckets: [u64; BUCKETS],
    sum: u64,
}

impl Latency {
    /// Notes that an event the log took at this time was just handed to the socket of a reader. A clock that was set
    /// back counts as no time.
    pub(crate) fn note_since(&self, taken: Timestamp) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        self.note(now.saturating_sub(taken));
    }

    fn note(&self, micros: u64) {
        self.buckets[bucket(micros)].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }
}

impl Latencies {
    /// The counts of all shards.
    pub(crate) fn of<'a>(shards: impl Iterator<Item = &'a Latency>) -> Self {
        let mut all = Self::default();
        for shard in shards {
            for (total, count) in all.buckets.iter_mut().zip(&shard.buckets) {
                *total += count.load(Ordering::Relaxed);
            }
            all.sum += shard.sum.load(Ordering::Relaxed);
        }
        all
    }

    /// What came after `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut later = self.clone();
        for (count, before) in later.buckets.iter_mut().zip(&earlier.buckets) {
            *count -= before;
        }
        later.sum -= earlier.sum;
        later
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All of them together, in seconds.
    pub(crate) fn sum_seconds(&self) -> f64 {
        self.sum as f64 / 1e6
    }

    /// How many are at most this long, as far as the steps tell.
    pub(crate) fn within(&self, micros: u64) -> u64 {
        self.buckets.iter().enumerate().filter(|(index, _)| longest(*index) <= micros).map(|(_, count)| count).sum()
    }

    /// The milliseconds that this share of them, from 0 to 1, did not exceed; `None` when there are none.
    pub(crate) fn quantile_ms(&self, share: f64) -> Option<f64> {
        let wanted = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let index = self.buckets.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(longest(index) as f64 / 1000.0)
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self { buckets: std::array::from_fn(|_| AtomicU64::new(0)), sum: AtomicU64::new(0) }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], sum: 0 }
    }
}

/// Up to eight microseconds each has a bucket of its own; from there every power of two has eight.
fn bucket(micros: u64) -> usize {
    let bits = u64::BITS - micros.leading_zeros();
    let Some(above) = bits.checked_sub(STEP_BITS + 1) else { return micros as usize };
    let step = (micros >> above) as usize - STEPS;
    ((above as usize + 1) * STEPS + step).min(BUCKETS - 1)
}

/// The longest time, in microseconds, that falls into a bucket.
fn longest(index: usize) -> u64 {
    match index / STEPS {
        0 => index as u64,
        power => (((index % STEPS + STEPS + 1) as u64) << (power - 1)) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_the_bucket_that_ends_at_or_right_after_it() {
        let times = (0..2000).chain((4..MOST_BITS).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1]));
        for micros in times {
            let longest = longest(bucket(micros));
            assert!(micros <= longest && longest <= micros + micros / 8, "{micros} {longest}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn shares_are_told_of_what_came_since() {
        let latency = Latency::default();
        latency.note(1_000_000);
        let before = Latencies::of([&latency].into_iter());
        (1..=100).for_each(|ms| latency.note(ms * 1000));
        let lately = Latencies::of([&latency, &Latency::default()].into_iter()).since(&before);
        assert_eq!((lately.count(), before.count()), (100, 1));
        let (half, most) = (lately.quantile_ms(0.5).unwrap(), lately.quantile_ms(1.0).unwrap());
        assert!((50.0..57.0).contains(&half) && (100.0..113.0).contains(&most), "{half} {most}");
        assert!((lately.sum_seconds() - 5.05).abs() < 1e-9);
        assert!((45..=50).contains(&lately.within(50_000)));
        assert_eq!(Latencies::default().quantile_ms(0.99), None);
    }
}
