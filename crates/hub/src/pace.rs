//! The pace of a session: at most so many deliveries a second, each with everything that has gathered.

/// When a session may have its next delivery. A token bucket that holds one token; time is passed in, in microseconds of
/// any monotonic clock.
#[derive(Clone, Debug)]
pub struct Pace {
    interval_us: u64,
    /// When the next delivery may begin.
    next_us: u64,
    /// The delivery under way, which goes on until the session has everything: when it spends its token until, and where the
    /// session stood when it began.
    open: Option<(u64, u64)>,
    /// Somebody will come back when the next delivery may begin.
    pub waiting: bool,
}

/// How late a timer may be without making the pace slower in the long run.
const LATENESS_US: u64 = 5000;

impl Pace {
    /// At most one delivery every `interval_us` microseconds, the first at once.
    pub fn new(interval_us: u64, now_us: u64) -> Self {
        Self { interval_us: interval_us.max(1), next_us: now_us, open: None, waiting: false }
    }

    /// Whether a delivery is under way.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether a delivery may go on, or begin now, to a session that stands at `place`. Otherwise when the next may begin.
    ///
    /// # Errors
    /// The time, in microseconds.
    pub fn begin(&mut self, now_us: u64, place: u64) -> Result<(), u64> {
        if self.is_open() {
            return Ok(());
        }
        if now_us < self.next_us {
            return Err(self.next_us);
        }
        // One that comes a little late is no reason for the following to come later as well.
        let late = (now_us - self.next_us).min(LATENESS_US).min(self.interval_us);
        self.open = Some((now_us - late + self.interval_us, place));
        Ok(())
    }

    /// The session has everything, and stands at `place`. If it stood there before, there was nothing for it: the next delivery
    /// need not wait.
    pub fn end(&mut self, place: u64) {
        if let Some((next_us, began_at)) = self.open.take()
            && began_at != place
        {
            self.next_us = next_us;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The times of deliveries to a session that always has something to get, served by a timer that is late by these
    /// times in turn.
    fn deliveries(interval_us: u64, lateness: &[u64], until_us: u64) -> Vec<u64> {
        let (mut pace, mut now, mut times) = (Pace::new(interval_us, 0), 0, Vec::new());
        for late in lateness.iter().cycle() {
            match pace.begin(now, times.len() as u64) {
                Ok(()) => {
                    times.push(now);
                    pace.end(times.len() as u64);
                }
                Err(at) => now = at + late,
            }
            if now >= until_us {
                break;
            }
        }
        times
    }

    proptest! {
        // RLB-01, RLB-02: the rate holds within 1 % over time, and no stretch has more than its share and one.
        #[test]
        fn rlb_02_the_rate_holds_and_bursts_do_not_pass(
            rate in 1u64..200,
            lateness in proptest::collection::vec(0u64..2000, 1..20),
        ) {
            let interval = 1_000_000 / rate;
            let seconds = 100_000 / rate.min(100);
            let times = deliveries(interval, &lateness, seconds * 1_000_000);
            let due = rate * seconds;
            prop_assert!(times.len() as u64 <= due + due / 100 + 2, "{} of {due}", times.len());
            prop_assert!(times.len() as u64 + due / 100 + 2 >= due, "{} of {due}", times.len());
            for (at, time) in times.iter().enumerate().step_by(7) {
                let within = times[at..].iter().take_while(|other| **other < time + 1_000_000).count() as u64;
                prop_assert!(within <= (1_000_000 + LATENESS_US) / interval + 1, "{within} in a second at {rate}/s");
            }
        }
    }

    #[test]
    fn after_silence_there_is_one_at_once_and_no_burst() {
        let mut pace = Pace::new(100_000, 0);
        assert_eq!(pace.begin(0, 0), Ok(()));
        pace.end(0);
        assert_eq!(pace.begin(0, 0), Ok(()), "there was nothing to deliver");
        assert_eq!(pace.begin(1, 1), Ok(()), "a delivery goes on until the session has everything");
        pace.end(2);
        assert_eq!(pace.begin(50_000, 2), Err(100_000));
        assert_eq!(pace.begin(9_000_000, 2), Ok(()));
        pace.end(3);
        assert_eq!(pace.begin(9_000_001, 3), Err(9_095_000));
    }
}
