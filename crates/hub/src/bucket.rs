//! Token buckets: so many units a second, and so many at once after silence. The generic cell rate algorithm, whose whole
//! state is one time.

use std::time::Duration;

/// A rate, and how much of it may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_second: u64,
    burst: u64,
}

/// A token bucket. Time is passed in, in nanoseconds of any monotonic clock; the rate is passed in as well, so that a new
/// one holds at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When it is full again.
    full_ns: u64,
}

impl Rate {
    /// So many units a second, and after silence as many as of two seconds at once. `None` for zero, which is no limit.
    pub fn per_second(units: u64) -> Option<Self> {
        (units > 0).then_some(Self { per_second: units, burst: units.saturating_mul(2) })
    }

    /// How long this many units take. Rounded up, so that the rate is never passed.
    fn time(self, units: u64) -> u64 {
        let ns = (u128::from(units) * 1_000_000_000).div_ceil(u128::from(self.per_second));
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

impl Bucket {
    /// How long to wait until this many units may pass; zero if they may now. More than the bucket holds pass when it is
    /// full, and are paid for afterwards.
    pub fn wait(&self, rate: Rate, units: u64, now_ns: u64) -> Duration {
        let holds = rate.time(rate.burst);
        let needed = rate.time(units).min(holds);
        let full_after = self.full_ns.max(now_ns).saturating_add(needed);
        Duration::from_nanos(full_after.saturating_sub(now_ns.saturating_add(holds)))
    }

    /// Takes units out, whether they are there or not.
    pub fn take(&mut self, rate: Rate, units: u64, now_ns: u64) {
        self.full_ns = self.full_ns.max(now_ns).saturating_add(rate.time(units));
    }

    /// Lets units pass, if they may pass now.
    ///
    /// # Errors
    /// How long to wait. Then nothing was taken out.
    pub fn pass(&mut self, rate: Rate, units: u64, now_ns: u64) -> Result<(), Duration> {
        match self.wait(rate, units, now_ns) {
            Duration::ZERO => {
                self.take(rate, units, now_ns);
                Ok(())
            }
            wait => Err(wait),
        }
    }

    /// Whether it is as good as new.
    pub fn is_full(&self, now_ns: u64) -> bool {
        self.full_ns <= now_ns
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    proptest! {
        // RLB-01, RLB-02: no stretch of time has more than its share and one burst.
        #[test]
        fn rlb_02_no_stretch_passes_more_than_its_share_and_one_burst(
            per_second in 1u64..10_000,
            steps in proptest::collection::vec((0..SECOND, 1u64..100), 1..200),
        ) {
            let rate = Rate::per_second(per_second).unwrap();
            let (mut bucket, mut now, mut passed) = (Bucket::default(), 0, Vec::new());
            for (pause, units) in steps {
                now += pause;
                // More than it holds at once is paid for afterwards: its own test.
                if units <= rate.burst && bucket.pass(rate, units, now).is_ok() {
                    passed.push((now, units));
                }
            }
            for (at, (start, _)) in passed.iter().enumerate() {
                let mut sum = 0;
                for (time, units) in &passed[at..] {
                    sum += u128::from(*units);
                    let share = u128::from(time - start) * u128::from(per_second) / u128::from(SECOND);
                    prop_assert!(sum <= share + u128::from(rate.burst) + 1, "{sum} within {} ns", time - start);
                }
            }
        }

        // RLB-02: whoever always waits as long as told gets the rate, within 1 %, whatever the sizes.
        #[test]
        fn rlb_02_the_rate_holds_over_time(per_second in 1u64..100_000, sizes in proptest::collection::vec(1u64..5000, 1..20)) {
            let rate = Rate::per_second(per_second).unwrap();
            let (mut bucket, mut now, mut sum) = (Bucket::default(), 0, 0);
            bucket.take(rate, rate.burst, now);
            for units in sizes.iter().cycle().take(500) {
                if let Err(wait) = bucket.pass(rate, *units, now) {
                    now += wait.as_nanos() as u64;
                    // What is told is true, and no longer than it has to be.
                    prop_assert!(bucket.wait(rate, *units, now - 1) > Duration::ZERO);
                    prop_assert_eq!(bucket.pass(rate, *units, now), Ok(()));
                }
                sum += units;
            }
            let due = u128::from(now) * u128::from(per_second) / u128::from(SECOND);
            let largest = u128::from(*sizes.iter().max().unwrap());
            let spare = due / 100 + largest + u128::from(rate.burst);
            prop_assert!(u128::from(sum) <= due + spare && u128::from(sum) + spare >= due, "{sum} of {due}");
        }

        #[test]
        fn no_numbers_panic(per_second: u64, units: u64, now: u64, then: u64) {
            let Some(rate) = Rate::per_second(per_second) else { return Ok(()) };
            let mut bucket = Bucket::default();
            bucket.take(rate, units, now);
            let _ = bucket.pass(rate, units, then);
            let _ = bucket.is_full(then);
        }
    }

    #[test]
    fn a_bucket_holds_two_seconds_and_fills_at_its_rate() {
        let (rate, mut bucket) = (Rate::per_second(50).unwrap(), Bucket::default());
        assert!((0..100).all(|_| bucket.pass(rate, 1, 0).is_ok()));
        assert_eq!(bucket.pass(rate, 1, 0), Err(Duration::from_millis(20)));
        assert_eq!(bucket.pass(rate, 1, SECOND / 50), Ok(()));
        assert!(!bucket.is_full(SECOND) && bucket.is_full(3 * SECOND));
    }

    #[test]
    fn what_is_larger_than_the_bucket_passes_when_it_is_full_and_is_paid_for() {
        let (rate, mut bucket) = (Rate::per_second(10).unwrap(), Bucket::default());
        assert_eq!(bucket.pass(rate, 1, 0), Ok(()));
        assert_eq!(bucket.pass(rate, 1000, 0), Err(Duration::from_millis(100)));
        assert_eq!(bucket.pass(rate, 1000, SECOND / 10), Ok(()));
        assert_eq!(bucket.pass(rate, 1, SECOND), Err(Duration::from_millis(97_200)));
    }
}
