//! Conflation: of the events with the same topic and key only the newest.
//!
//! Whether an event gives way depends on what comes after it up to the place that is read to, never on the reader's cursor. So
//! what is kept is found once for all readers of a selection, and each takes it from its own cursor.

use std::collections::HashSet;

use headwater_log::{Selection, StoredEvent, Topic};

use super::{Gather, Inner, Tail};
use crate::Format;

/// What is kept of a stretch of the tail for the readers of a selection.
#[derive(Debug)]
pub struct Thinned {
    /// The stretch begins after this place.
    after: u64,
    kept: Vec<Kept>,
}

/// An event that is kept.
#[derive(Debug)]
struct Kept {
    seq: u64,
    batch: u64,
    index: u32,
    /// The last event that gave way between the kept one before and this; zero if none did.
    hole: u64,
    /// Events of the stretch that gave way before this one.
    skipped: u32,
}

/// What lies after a cursor in a stretch.
#[derive(Debug)]
pub enum Taken {
    /// As without conflation.
    Gather(Gather),
    /// The next events gave way.
    Hole {
        /// Up to this place.
        upto: u64,
        /// So many.
        events: u32,
    },
}

impl Thinned {
    /// Whether it holds for readers after this place.
    pub fn serves(&self, after: u64) -> bool {
        after >= self.after
    }
}

impl Tail {
    /// Finds what is kept of the selected events after `after` and up to `limit`; `None` when the tail does not have
    /// them all.
    pub fn thin(
        &self,
        selection: &Selection,
        after: u64,
        limit: u64,
        gives_way: &dyn Fn(&Topic) -> bool,
    ) -> Option<Thinned> {
        let inner = self.read();
        if !inner.serves(selection, after) {
            return None;
        }
        let found = inner.find(selection, after, limit, usize::MAX);
        let event = |(batch, index): &(u64, u32)| &*inner.batch(*batch).events[*index as usize];
        let keeps = newest(found.iter().map(event), gives_way);
        let mut kept = Vec::with_capacity(keeps.iter().filter(|keep| **keep).count());
        let (mut hole, mut skipped) = (0, 0);
        for (place, keep) in found.iter().zip(keeps) {
            let seq = event(place).seq;
            if keep {
                kept.push(Kept { seq, batch: place.0, index: place.1, hole, skipped });
                hole = 0;
            } else {
                hole = seq;
                skipped += 1;
            }
        }
        Some(Thinned { after, kept })
    }

    /// What is kept after a cursor, as one run of about `max_bytes`. With `told` the run ends where something gave way,
    /// so that the reader can be told.
    pub fn take(
        &self,
        thinned: &Thinned,
        selection: &Selection,
        format: Format,
        after: u64,
        max_bytes: usize,
        told: bool,
    ) -> Taken {
        let inner = self.read();
        if !inner.serves(selection, after) {
            return Taken::Gather(Gather::Fallen);
        }
        let first = thinned.kept.partition_point(|kept| kept.seq <= after);
        let rest = &thinned.kept[first..];
        let Some(next) = rest.first() else { return Taken::Gather(Gather::Nothing) };
        let before = first.checked_sub(1).map_or(0, |last| thinned.kept[last].skipped);
        if told && next.hole > after {
            return Taken::Hole { upto: next.hole, events: next.skipped - before };
        }
        let (mut found, mut skipped, mut bytes) = (Vec::new(), Vec::new(), 0);
        for kept in rest {
            bytes += inner.batch(kept.batch).frame(kept.index).len();
            let cut = told && kept.hole > after;
            if !found.is_empty() && (bytes > max_bytes || cut) {
                break;
            }
            found.push((kept.batch, kept.index));
            skipped.push(kept.skipped - before);
        }
        let run = self.render(&inner, format, &found);
        Taken::Gather(Gather::Run(crate::Run { skipped: (!told).then(|| skipped.into()), ..run }))
    }
}

impl Inner {
    pub(super) fn find(&self, selection: &Selection, after: u64, limit: u64, max_bytes: usize) -> Vec<(u64, u32)> {
        match selection.patterns().len() {
            0 => self.find_by_topic(selection, after, limit, max_bytes),
            _ => self.find_by_scan(selection, after, limit, max_bytes),
        }
    }
}

/// For each event whether it is kept: those for whose topic `gives_way` says so give way to a newer one of the same topic
/// and key. The record that ends a topic neither gives way nor takes anybody's place.
pub fn newest<'e>(
    events: impl DoubleEndedIterator<Item = &'e StoredEvent>,
    gives_way: &dyn Fn(&Topic) -> bool,
) -> Vec<bool> {
    let mut seen: HashSet<(&Topic, Option<&str>)> = HashSet::new();
    let mut keeps: Vec<bool> = events
        .rev()
        .map(|event| {
            event.end.is_some() || !gives_way(&event.topic) || seen.insert((&event.topic, event.key.as_deref()))
        })
        .collect();
    keeps.reverse();
    keeps
}
