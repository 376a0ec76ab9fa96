//! What can be read: the topics, and where every chain keeps their events. Changed by the writer when a
//! group is durable and by retention; read by everyone.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::active::Active;
use super::sealed::Sealed;
use super::settle::Loss;
use super::topics::{TopicId, Topics};
use super::volatile::Volatile;
use crate::format::footer::{Posting, TopicEntry};
use crate::{Classes, EndReason, Timestamp, Topic, Usage};

/// The state that readers share with the writer, behind one lock that is never held over a read or write of a file.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) topics: Topics,
    pub(crate) chains: Vec<Chain>,
    pub(crate) classes: Arc<Classes>,
    /// Newest durable position.
    pub(crate) head: u64,
    /// Events that can be read.
    pub(crate) events: u64,
    /// Topics that have more than their limits allow.
    pub(crate) over: BTreeSet<TopicId>,
    /// Events that are only in memory.
    pub(crate) volatile: Volatile,
}

/// One chain of segments.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) id: u16,
    /// Which class writes it.
    pub(crate) identity: Box<str>,
    /// In order.
    pub(crate) sealed: Vec<Arc<Sealed>>,
    pub(crate) active: Option<Active>,
    /// Newest record that was in a removed segment.
    pub(crate) removed: u64,
}

/// What the index keeps of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Indexed {
    pub(crate) posting: Posting,
    pub(crate) time: Timestamp,
    pub(crate) end: Option<EndReason>,
}

impl Index {
    pub(crate) fn new(classes: Arc<Classes>) -> Self {
        Self {
            topics: Topics::default(),
            chains: Vec::new(),
            classes,
            head: 0,
            events: 0,
            over: BTreeSet::new(),
            volatile: Volatile::default(),
        }
    }

    /// Adds an event of the active segment of a chain.
    pub(crate) fn add(&mut self, slot: usize, id: TopicId, event: Indexed) {
        if let Some(active) = &mut self.chains[slot].active {
            active.push(id, event.posting, event.time);
        }
        self.count(id, event);
    }

    /// Adds what a sealed segment has of a topic.
    pub(crate) fn add_entry(&mut self, id: TopicId, entry: &TopicEntry) {
        if let Some(state) = self.topics.get_mut(id) {
            if entry.last > state.last {
                (state.last, state.last_time, state.end) = (entry.last, entry.last_time, entry.end);
            }
            state.events += entry.events;
            state.bytes += entry.bytes;
            self.events += entry.events;
        }
        self.note_excess(id);
    }

    /// Deletes a topic: every event before `seq` is gone.
    pub(crate) fn delete(&mut self, slot: usize, topic: &Topic, seq: u64, time: Timestamp) {
        let id = self.topics.intern(topic, &self.classes);
        self.note_deletion(slot, id, seq, time);
        self.remove_all(id, seq);
    }

    /// Adds the record of a deletion to an active segment.
    pub(crate) fn note_deletion(&mut self, slot: usize, id: TopicId, seq: u64, time: Timestamp) {
        if let Some(active) = self.chains.get_mut(slot).and_then(|chain| chain.active.as_mut()) {
            active.delete(id, seq, time);
        }
    }

    /// Takes away every event of a topic, for a deletion with this number.
    fn remove_all(&mut self, id: TopicId, seq: u64) {
        let Some(state) = self.topics.get_mut(id) else { return };
        let loss = Loss { events: state.events, bytes: state.bytes, floor: state.last };
        state.deleted = seq;
        self.take_off(id, loss);
        self.over.remove(&id);
    }

    /// Takes events off a topic, all up to the floor.
    pub(crate) fn take_off(&mut self, id: TopicId, loss: Loss) {
        self.topics.raise_floor(id, loss.floor);
        self.volatile.drop_upto(id, loss.floor);
        let Some(state) = self.topics.get_mut(id) else { return };
        state.events -= loss.events.min(state.events);
        state.bytes -= loss.bytes.min(state.bytes);
        self.events -= loss.events.min(self.events);
    }

    /// The place before the oldest record.
    pub(crate) fn before_first(&self) -> u64 {
        let first = |chain: &Chain| match (chain.sealed.first(), &chain.active) {
            (Some(sealed), _) => Some(sealed.first - 1),
            (None, Some(active)) if !active.is_empty() => Some(active.first - 1),
            (None, _) => None,
        };
        let volatile = self.volatile.first().map(|first| first - 1);
        self.chains.iter().filter_map(first).chain(volatile).min().unwrap_or(self.head)
    }

    pub(crate) fn set_classes(&mut self, classes: Classes) {
        self.topics.reclassify(&classes);
        self.classes = Arc::new(classes);
        let all: Vec<_> = self.topics.iter().map(|(id, _)| id).collect();
        all.into_iter().for_each(|id| self.note_excess(id));
    }

    pub(crate) fn usage(&self) -> Usage {
        let sealed = self.chains.iter().flat_map(|chain| &chain.sealed).map(|sealed| sealed.bytes);
        let active = self.chains.iter().filter_map(|chain| chain.active.as_ref()).map(|active| active.end);
        let (segments, bytes) = sealed.chain(active).fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
        Usage { bytes, events: self.events, topics: self.topics.len() as u64, segments }
    }

    pub(crate) fn count(&mut self, id: TopicId, event: Indexed) {
        let Some(state) = self.topics.get_mut(id) else { return };
        if event.posting.seq > state.last {
            state.last = event.posting.seq;
            state.last_time = event.time;
            state.end = event.end;
        }
        if event.posting.seq > state.floor {
            state.events += 1;
            state.bytes += u64::from(event.posting.counted);
            self.events += 1;
        }
        self.note_excess(id);
    }
}
