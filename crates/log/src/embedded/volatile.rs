//! Events of memory durability: in their place in the one sequence, but only in memory, and bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::index::Index;
use super::settle::Loss;
use super::topics::TopicId;
use crate::format::footer::Posting;
use crate::{Classes, Durability, Pattern, Selection, StoredEvent, Timestamp, Topic};

/// The events that are only in memory, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Volatile {
    events: BTreeMap<u64, Kept>,
    by_topic: HashMap<TopicId, VecDeque<u64>>,
    /// What they take, of at most `max_bytes`.
    bytes: u64,
    pub(crate) max_bytes: u64,
    /// Events up to here were lost when an earlier process ended.
    pub(crate) lost: u64,
}

#[derive(Debug)]
struct Kept {
    id: TopicId,
    event: Arc<StoredEvent>,
    key: Option<Box<str>>,
    counted: u64,
}

/// What an event takes beside its texts.
const OVERHEAD_BYTES: u64 = 256;

impl Volatile {
    fn push(&mut self, kept: Kept) {
        self.bytes += kept.counted + OVERHEAD_BYTES;
        self.by_topic.entry(kept.id).or_default().push_back(kept.event.seq);
        self.events.insert(kept.event.seq, kept);
    }

    /// Drops what a topic has up to a place.
    pub(crate) fn drop_upto(&mut self, id: TopicId, floor: u64) {
        let Some(of_topic) = self.by_topic.get_mut(&id) else { return };
        while let Some(seq) = of_topic.front().copied().filter(|seq| *seq <= floor) {
            of_topic.pop_front();
            if let Some(kept) = self.events.remove(&seq) {
                self.bytes -= kept.counted + OVERHEAD_BYTES;
            }
        }
        if of_topic.is_empty() {
            self.by_topic.remove(&id);
        }
    }

    /// Events of a topic.
    pub(crate) fn count(&self, id: TopicId) -> u64 {
        self.by_topic.get(&id).map_or(0, |of_topic| of_topic.len() as u64)
    }

    pub(crate) fn first(&self) -> Option<u64> {
        self.events.keys().next().copied()
    }

    /// The number of the first event not older than a time.
    pub(crate) fn first_since(&self, time: Timestamp) -> Option<u64> {
        self.events.iter().find(|(_, kept)| kept.event.time >= time).map(|(seq, _)| *seq)
    }

    /// Where a topic's events would be in a segment; only numbers and sizes mean something.
    pub(crate) fn postings(&self, id: TopicId, after: u64) -> impl Iterator<Item = Posting> {
        let of_topic = self.by_topic.get(&id).into_iter().flatten().filter(move |seq| **seq > after);
        of_topic.map(|seq| Posting { seq: *seq, offset: 0, length: 0, counted: self.counted(*seq) })
    }

    /// Whether the event of a number is there, and has this idempotency key.
    pub(crate) fn has_key(&self, id: TopicId, seq: u64, key: &str) -> Option<bool> {
        let kept = self.events.get(&seq).filter(|kept| kept.id == id)?;
        Some(kept.key.as_deref() == Some(key))
    }

    /// Up to `limit` events above a place, of these topics or of those that `wants` says.
    pub(crate) fn read(
        &self,
        only: Option<&[TopicId]>,
        after: u64,
        limit: usize,
        mut wants: impl FnMut(TopicId) -> bool,
    ) -> Vec<Arc<StoredEvent>> {
        let Some(only) = only else {
            let above = self.events.range(after + 1..).map(|(_, kept)| kept);
            return above.filter(|kept| wants(kept.id)).take(limit).map(|kept| kept.event.clone()).collect();
        };
        let mut seqs = Vec::new();
        for of_topic in only.iter().filter_map(|id| self.by_topic.get(id)) {
            let start = of_topic.partition_point(|seq| *seq <= after);
            seqs.extend(of_topic.iter().skip(start).take(limit));
        }
        seqs.sort_unstable();
        seqs.into_iter().take(limit).filter_map(|seq| Some(self.events.get(seq)?.event.clone())).collect()
    }

    fn counted(&self, seq: u64) -> u32 {
        self.events.get(&seq).map_or(0, |kept| kept.counted as u32)
    }
}

impl Index {
    /// Adds an event of memory durability, and lets go of what it displaces.
    pub(crate) fn add_volatile(&mut self, event: Arc<StoredEvent>, counted: u64, key: Option<Box<str>>) {
        let id = self.topics.intern(&event.topic, &self.classes);
        let posting = Posting { seq: event.seq, offset: 0, length: 0, counted: counted as u32 };
        let (time, end) = (event.time, event.end);
        self.volatile.push(Kept { id, event, key, counted });
        self.count(id, super::index::Indexed { posting, time, end });
        while self.over.contains(&id) && self.is_volatile(id) {
            let Some(oldest) = self.volatile.postings(id, 0).next() else { break };
            self.lose(id, oldest);
        }
        while self.volatile.bytes > self.volatile.max_bytes {
            let Some((seq, id)) = self.volatile.events.iter().next().map(|(seq, kept)| (*seq, kept.id)) else { break };
            let counted = self.volatile.counted(seq);
            self.lose(id, Posting { seq, offset: 0, length: 0, counted });
        }
    }

    /// Whether all events of a topic are in memory.
    pub(crate) fn is_volatile(&self, id: TopicId) -> bool {
        self.topics.get(id).is_some_and(|state| state.events == self.volatile.count(id))
    }

    /// Lets an event in memory go. What the topic had on disk before, under another class, goes with it, as a floor has
    /// nothing below.
    fn lose(&mut self, id: TopicId, oldest: Posting) {
        let loss = match self.topics.get(id) {
            Some(state) if !self.is_volatile(id) => {
                let left = self.volatile.postings(id, oldest.seq);
                let (events, bytes) =
                    left.fold((0, 0), |(events, bytes), left| (events + 1, bytes + u64::from(left.counted)));
                let (events, bytes) = (state.events.saturating_sub(events), state.bytes.saturating_sub(bytes));
                Loss { events, bytes, floor: oldest.seq }
            }
            _ => Loss { events: 1, bytes: u64::from(oldest.counted), floor: oldest.seq },
        };
        self.take_off(id, loss);
        self.note_excess(id);
    }

    /// Whether a selection may have had events that an earlier process kept in memory only, above a place.
    pub(crate) fn may_have_lost(&self, selection: &Selection, after: u64) -> bool {
        let in_memory = |topic: &Topic| self.classes.of(topic).durability == Durability::Memory;
        after < self.volatile.lost
            && (selection.topics().any(in_memory)
                || selection.patterns().any(|pattern| meets_memory(&self.classes, pattern)))
    }
}

/// Whether a pattern can match topics of a memory class.
fn meets_memory(classes: &Classes, pattern: &Pattern) -> bool {
    let mut memory = classes.iter().filter(|class| class.durability == Durability::Memory);
    memory
        .any(|class| class.topics.is_empty() || class.topics.iter().any(|other| meet(other.as_str(), pattern.as_str())))
}

/// Whether one topic can match both patterns.
fn meet(one: &str, other: &str) -> bool {
    // No wildcard stands for the hub's own topics.
    let (wild, reserved) = (|pattern: &str| pattern.starts_with('*'), |pattern: &str| pattern.starts_with('$'));
    if wild(one) && reserved(other) || reserved(one) && wild(other) {
        return false;
    }
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some("**"), _) | (_, Some("**")) => return true,
            (Some(one), Some(other)) if one == "*" || other == "*" || one == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_meet_where_one_topic_matches_both() {
        for (one, other, expected) in [
            ("a/**", "a/b", true),
            ("a/**", "b/**", false),
            ("*/1", "m/**", true),
            ("a/*", "a", false),
            ("a/**", "a", true),
            ("**", "x", true),
            ("**", "$hub/**", false),
            ("*/stats", "$hub/*", false),
            ("$hub/*", "$hub/**", true),
            ("a/*/c", "a/b/*", true),
        ] {
            assert_eq!(meet(one, other), expected, "{one} {other}");
            assert_eq!(meet(other, one), expected, "{other} {one}");
        }
    }
}
