//! How long to wait before the next attempt.

use std::time::Duration;

/// The waiting times between attempts.
///
/// Before the attempt after failure number *n* in a row the client waits `floor + random(0, min(most, first · 2^(n−1)))`,
/// where the floor is what the server asks for: its last `retry`, `Retry-After`, and the time a closing event names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The most random time after the first failure; default 1 s.
    pub first: Duration,
    /// The most random time after any failure; default 30 s.
    pub most: Duration,
    /// How long a stream has to be open for the failures before it to be forgotten; default one minute.
    pub stable: Duration,
    /// At how many failures in a row the client gives up; default `None`: never. A limit of 1 makes one attempt.
    pub failures: Option<u32>,
}

/// The longest wait a server can ask for.
const MOST_FLOOR: Duration = Duration::from_hours(1);

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            most: Duration::from_secs(30),
            stable: Duration::from_mins(1),
            failures: None,
        }
    }
}

impl Retry {
    /// The wait after this many failures in a row, at least `floor`.
    pub(crate) fn delay(&self, failures: u32, floor: Duration, random: &mut fastrand::Rng) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let most = self.first.saturating_mul(doubled).min(self.most);
        let nanos = random.u64(0..=u64::try_from(most.as_nanos()).unwrap_or(u64::MAX));
        floor.min(MOST_FLOOR).saturating_add(Duration::from_nanos(nanos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CLI-01: full jitter under a limit that doubles, above what the server asks for.
    #[test]
    fn waits_are_spread_under_a_limit_that_doubles() {
        let mut random = fastrand::Rng::with_seed(7);
        let retry = Retry::default();
        for (failures, most_s) in [(1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0), (6, 30.0), (40, 30.0), (u32::MAX, 30.0)] {
            let floor = Duration::from_secs(10);
            let waits: Vec<f64> =
                (0..2000).map(|_| (retry.delay(failures, floor, &mut random) - floor).as_secs_f64()).collect();
            let longest = waits.iter().copied().fold(0.0, f64::max);
            let mean = waits.iter().sum::<f64>() / 2000.0;
            assert!(longest <= most_s && longest > most_s * 0.95, "{failures}: {longest}");
            assert!((mean - most_s / 2.0).abs() < most_s * 0.05, "{failures}: {mean}");
        }
    }

    #[test]
    fn no_value_is_too_large() {
        let mut random = fastrand::Rng::with_seed(7);
        let retry = Retry { first: Duration::MAX, most: Duration::MAX, ..Retry::default() };
        assert!(retry.delay(9, Duration::MAX, &mut random) >= MOST_FLOOR);
        let none = Retry { first: Duration::ZERO, ..Retry::default() };
        assert_eq!(none.delay(3, Duration::MAX, &mut random), MOST_FLOOR);
    }
}
