//! Removed events that a reader still has to tell of.
//!
//! What retention or deletion took from one topic may lie between events that other topics still have. Nothing says
//! any more where exactly it lay, only up to where, so the reader tells one gap over as much as it passed: before the
//! next event of a topic that lost some, and at the latest where the newest of them was.

use crate::Gap;

/// The removals that a reader knows of and has not told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Missing {
    /// Whatever was missing up to here was told.
    told: u64,
    /// The newest removed event.
    upto: u64,
}

impl Missing {
    /// Adds removals up to `removed`, noticed when everything up to `place` had been returned or told.
    pub(crate) fn add(&mut self, place: u64, removed: u64) {
        if !self.is_open() {
            self.told = place;
        }
        self.upto = self.upto.max(removed);
    }

    /// Notes that the reader's user was told of everything up to `place`.
    pub(crate) fn told(&mut self, place: u64) {
        self.told = self.told.max(place);
    }

    /// Whether anything is left to tell.
    pub(crate) fn is_open(self) -> bool {
        self.told < self.upto
    }

    /// Whether it has to be told before the event `seq` of a topic that has none left up to `floor`.
    pub(crate) fn is_due(self, seq: u64, floor: u64) -> bool {
        self.is_open() && (self.told < floor || self.upto < seq)
    }

    /// Tells what is missing before the event `seq`.
    pub(crate) fn tell_before(&mut self, seq: u64) -> Gap {
        let gap = Gap { after: self.told, upto: self.upto.min(seq - 1).max(self.told) };
        self.told = gap.upto;
        gap
    }

    /// Tells what is missing up to `head`, when no selected event is left before it.
    pub(crate) fn tell_upto(&mut self, head: u64) -> Option<Gap> {
        let gap = Gap { after: self.told, upto: self.upto.min(head) };
        self.told = self.told.max(gap.upto);
        (gap.after < gap.upto).then_some(gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_told_before_the_next_event_of_its_topic() {
        let mut missing = Missing::default();
        missing.add(0, 10);
        missing.told(4);
        // Another topic, which lost nothing since.
        assert!(!missing.is_due(5, 0));
        assert!(missing.is_due(9, 7));
        assert_eq!(missing.tell_before(9), Gap { after: 4, upto: 8 });
        assert!(missing.is_due(11, 10));
        assert_eq!(missing.tell_before(12), Gap { after: 8, upto: 10 });
        assert!(!missing.is_open());
    }

    #[test]
    fn the_newest_removal_is_told_even_if_its_topic_has_nothing_left() {
        let mut missing = Missing::default();
        missing.add(3, 10);
        assert!(!missing.is_due(9, 0));
        assert!(missing.is_due(11, 0));
        assert_eq!(missing.tell_upto(9), Some(Gap { after: 3, upto: 9 }));
        assert_eq!(missing.tell_upto(12), Some(Gap { after: 9, upto: 10 }));
        assert_eq!(missing.tell_upto(12), None);
    }

    #[test]
    fn removals_add_up() {
        let mut missing = Missing::default();
        missing.add(3, 10);
        missing.add(7, 20);
        assert_eq!(missing.tell_upto(50), Some(Gap { after: 3, upto: 20 }));
        missing.add(25, 30);
        assert_eq!(missing.tell_upto(50), Some(Gap { after: 25, upto: 30 }));
    }
}
