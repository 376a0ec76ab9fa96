//! Whether a reader saw every event once and in order.
//!
//! Each lane is a row of numbers without a hole, so one number per lane, the one that must come next, is all a reader has to
//! remember as long as nothing goes wrong; only what is missing is noted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What went wrong, over any number of readers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// Events that never came.
    pub lost: u64,
    /// Events that came again.
    pub duplicated: u64,
    /// Events that came after a later one of their lane.
    pub out_of_order: u64,
    /// Events whose data was not what was sent, or that belong to a topic the reader had not asked for.
    pub damaged: u64,
    /// Streams that ended although nobody ended them.
    pub ended: u64,
}

impl Faults {
    /// Nothing went wrong.
    pub fn none(&self) -> bool {
        *self == Self::default()
    }

    /// Adds those of others.
    pub(crate) const fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.out_of_order += other.out_of_order;
        self.damaged += other.damaged;
        self.ended += other.ended;
    }
}

/// What one reader has seen of one lane.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    /// The number that must come next; [`JOINING`] until the first event of a reader that came in the middle.
    next: u64,
    /// Numbers before `next` that have not come: hardly ever any.
    missing: BTreeSet<u64>,
}

/// What an event was to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// New to it.
    New,
    /// New to it, after a later one.
    Late,
    /// Seen before.
    Again,
}

impl Lane {
    /// Of a reader that was there before the first event.
    pub(crate) const fn from_the_start() -> Self {
        Self { next: 0, missing: BTreeSet::new() }
    }

    /// Of a reader that comes in the middle: the first event it sees is where it begins.
    pub(crate) const fn joining() -> Self {
        Self { next: JOINING, missing: BTreeSet::new() }
    }

    /// Sees an event.
    pub(crate) fn see(&mut self, sequence: u64) -> Verdict {
        if sequence == self.next || self.next == JOINING {
            self.next = sequence + 1;
            return Verdict::New;
        }
        if sequence > self.next {
            let room = MOST_MISSING.saturating_sub(self.missing.len() as u64);
            self.missing.extend((self.next..sequence).rev().take(usize::try_from(room).unwrap_or(usize::MAX)));
            self.next = sequence + 1;
            return Verdict::New;
        }
        match self.missing.remove(&sequence) {
            true => Verdict::Late,
            false => Verdict::Again,
        }
    }

    /// How many of the first `published` events never came.
    pub(crate) fn lost(&self, published: u64) -> u64 {
        if self.next == JOINING {
            return 0;
        }
        let holes = self.missing.range(..published).count() as u64;
        holes + published.saturating_sub(self.next)
    }
}

const JOINING: u64 = u64::MAX;
/// Holes noted per lane: beyond a million the verdict is clear, and memory is not to follow a hostile number.
const MOST_MISSING: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::{Lane, Verdict};

    /// Lost, duplicated, out of order after these events of `published`.
    fn judged(events: &[u64], published: u64) -> (u64, u64, u64) {
        let mut lane = Lane::from_the_start();
        let verdicts: Vec<_> = events.iter().map(|event| lane.see(*event)).collect();
        let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count() as u64;
        (lane.lost(published), count(Verdict::Again), count(Verdict::Late))
    }

    proptest! {
        #[test]
        fn a_loss_is_found(len in 1_u64..200, at: Index, count in 1_usize..5) {
            let mut events: Vec<u64> = (0..len).collect();
            let from = at.index(events.len());
            let to = events.len().min(from + count);
            let lost = events.drain(from..to).count() as u64;
            prop_assert_eq!(judged(&events, len), (lost, 0, 0));
        }

        #[test]
        fn a_duplicate_is_found(len in 1_u64..200, of: Index, after: Index) {
            let mut events: Vec<u64> = (0..len).collect();
            let of = of.index(events.len());
            let place = of + 1 + after.index(events.len() - of);
            events.insert(place, of as u64);
            prop_assert_eq!(judged(&events, len), (0, 1, 0));
        }

        #[test]
        fn a_swap_is_found(len in 2_u64..200, one: Index, other: Index) {
            let mut events: Vec<u64> = (0..len).collect();
            let (one, other) = (one.index(events.len()), other.index(events.len()));
            prop_assume!(one != other);
            events.swap(one, other);
            let (lost, again, late) = judged(&events, len);
            prop_assert_eq!((lost, again), (0, 0));
            // What stood between the two came after the later of them, and so did the earlier one itself.
            prop_assert_eq!(late, one.abs_diff(other) as u64);
        }

        #[test]
        fn only_the_true_row_is_without_fault(mut events in prop::collection::vec(0_u64..6, 0..9)) {
            let faultless = judged(&events, 6) == (0, 0, 0);
            prop_assert_eq!(faultless, events == [0, 1, 2, 3, 4, 5]);
            events.sort_unstable();
            events.dedup();
            prop_assert_eq!(judged(&events, 6).0, 6 - events.len() as u64);
        }
    }

    #[test]
    fn who_joins_in_the_middle_misses_nothing_before() {
        let mut lane = Lane::joining();
        assert_eq!(lane.lost(10), 0);
        assert_eq!(lane.see(4), Verdict::New);
        assert_eq!((lane.see(3), lane.see(6), lane.lost(7)), (Verdict::Again, Verdict::New, 1));
    }
}
