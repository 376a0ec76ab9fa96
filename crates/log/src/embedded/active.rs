//! The index of the segment a chain is written to, whole in memory.

use std::collections::HashMap;
use std::sync::Arc;

use super::topics::TopicId;
use crate::Timestamp;
use crate::disk::File;
use crate::format::footer::Posting;

/// One record of the active segment; 24 bytes, as there may be hundreds of thousands.
#[derive(Clone, Copy, Debug)]
struct Entry {
    above_base: u32,
    topic: TopicId,
    offset: u32,
    length: u32,
    counted: u32,
    /// Index of the topic's record before, or [`NONE`].
    previous: u32,
}

/// A place to start reading at, and the highest time of everything up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeMark {
    /// The first record after the mark has at least this number.
    pub(crate) seq: u64,
    /// Offset of a group's header.
    pub(crate) offset: u32,
    /// Highest time of the chain's records before the mark.
    pub(crate) before: Timestamp,
}

/// What sealing writes for an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyMark {
    pub(crate) hash: u64,
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
}

/// The active segment of a chain as far as it is durable.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) file: Arc<dyn File>,
    pub(crate) base: u64,
    /// When it was created, or took its first event.
    pub(crate) created: Timestamp,
    /// Where the next group goes.
    pub(crate) end: u64,
    entries: Vec<Entry>,
    /// Newest entry of each topic.
    heads: HashMap<TopicId, u32>,
    pub(crate) times: Vec<TimeMark>,
    pub(crate) keys: Vec<KeyMark>,
    /// Newest deletion of each topic.
    deletions: HashMap<TopicId, u64>,
    /// First and newest record, deletions included; 0 and the base while there is none.
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Highest time of a record in it or before it.
    pub(crate) newest_time: Timestamp,
}

const NONE: u32 = u32::MAX;

impl Active {
    pub(crate) fn new(file: Arc<dyn File>, base: u64, created: Timestamp, end: u64) -> Self {
        Self {
            file,
            base,
            created,
            end,
            entries: Vec::new(),
            heads: HashMap::new(),
            times: Vec::new(),
            keys: Vec::new(),
            deletions: HashMap::new(),
            first: 0,
            last: base,
            newest_time: 0,
        }
    }

    pub(crate) fn push(&mut self, topic: TopicId, posting: Posting, time: Timestamp) {
        let index = self.entries.len() as u32;
        let previous = self.heads.insert(topic, index).unwrap_or(NONE);
        self.entries.push(Entry {
            above_base: (posting.seq - self.base) as u32,
            topic,
            offset: posting.offset,
            length: posting.length,
            counted: posting.counted,
            previous,
        });
        if self.is_empty() {
            self.created = time;
        }
        self.note(posting.seq);
        self.newest_time = self.newest_time.max(time);
    }

    pub(crate) fn delete(&mut self, topic: TopicId, seq: u64, time: Timestamp) {
        self.deletions.insert(topic, seq);
        self.newest_time = self.newest_time.max(time);
        self.note(seq);
    }

    /// Notes the start of a group if the last mark is far enough behind.
    pub(crate) fn mark_time(&mut self, seq: u64, offset: u64) {
        let offset = offset as u32;
        if self.times.last().is_none_or(|last| offset - last.offset >= MARK_BYTES) {
            self.times.push(TimeMark { seq, offset, before: self.newest_time });
        }
    }

    /// The records of one topic above `after`, oldest first.
    pub(crate) fn of_topic(&self, topic: TopicId, after: u64) -> Vec<Posting> {
        let mut found: Vec<_> = self.backwards(topic).take_while(|posting| posting.seq > after).collect();
        found.reverse();
        found
    }

    /// The records of one topic, newest first.
    pub(crate) fn backwards(&self, topic: TopicId) -> impl Iterator<Item = Posting> {
        let mut at = self.heads.get(&topic).copied().unwrap_or(NONE);
        std::iter::from_fn(move || {
            let entry = self.entries.get(at as usize)?;
            at = entry.previous;
            Some(self.posting(entry))
        })
    }

    /// All records above `after` in order.
    pub(crate) fn all(&self, after: u64) -> impl Iterator<Item = (TopicId, Posting)> {
        let start = self.entries.partition_point(|entry| self.base + u64::from(entry.above_base) <= after);
        self.entries[start..].iter().map(|entry| (entry.topic, self.posting(entry)))
    }

    /// Topics with events or deletions in it.
    pub(crate) fn topics(&self) -> impl Iterator<Item = TopicId> {
        let deleted_only = self.deletions.keys().filter(|topic| !self.heads.contains_key(topic));
        self.heads.keys().chain(deleted_only).copied()
    }

    pub(crate) fn has(&self, topic: TopicId) -> bool {
        self.heads.contains_key(&topic) || self.deletions.contains_key(&topic)
    }

    /// Newest deletion of a topic; 0 for none.
    pub(crate) fn deletion(&self, topic: TopicId) -> u64 {
        self.deletions.get(&topic).copied().unwrap_or(0)
    }

    /// Events in it.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no record.
    pub(crate) fn is_empty(&self) -> bool {
        self.first == 0
    }

    fn note(&mut self, seq: u64) {
        if self.is_empty() {
            self.first = seq;
        }
        self.last = self.last.max(seq);
    }

    fn posting(&self, entry: &Entry) -> Posting {
        Posting {
            seq: self.base + u64::from(entry.above_base),
            offset: entry.offset,
            length: entry.length,
            counted: entry.counted,
        }
    }
}

/// Distance of time marks; a search by time reads about this much.
const MARK_BYTES: u32 = 64 << 10;
