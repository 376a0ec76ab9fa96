//! What can be read: the topics, and where every chain keeps their events. Changed by the writer when a
//! group is durable and by retention; read by everyone.

use std::sync::Arc;

use super::active::{Active, Posting};
use super::topics::{TopicId, Topics};
use crate::disk::File;
use crate::{Classes, EndReason, Timestamp, Topic, TopicInfo, Usage};

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
}

/// One chain of segments.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) id: u16,
    /// Which class writes it.
    pub(crate) identity: Box<str>,
    pub(crate) active: Option<Active>,
}

/// What the index keeps of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Indexed<'a> {
    pub(crate) topic: &'a Topic,
    pub(crate) posting: Posting,
    pub(crate) time: Timestamp,
    pub(crate) end: Option<EndReason>,
}

impl Index {
    pub(crate) fn new(classes: Arc<Classes>) -> Self {
        Self { topics: Topics::default(), chains: Vec::new(), classes, head: 0, events: 0 }
    }

    /// Adds an event of the active segment of a chain.
    pub(crate) fn add(&mut self, slot: usize, event: Indexed<'_>) {
        let id = self.topics.intern(event.topic, &self.classes);
        if let Some(active) = &mut self.chains[slot].active {
            active.push(id, event.posting, event.time);
        }
        self.count(id, event);
    }

    /// Deletes a topic: every event before `seq` is gone.
    pub(crate) fn delete(&mut self, slot: usize, topic: &Topic, seq: u64) {
        let id = self.topics.intern(topic, &self.classes);
        if let Some(active) = &mut self.chains[slot].active {
            active.deletions.push((id, seq));
            active.last = active.last.max(seq);
        }
        self.remove_before(id, seq);
    }

    /// Takes away what a deletion at `seq` deletes of a topic. After a restart younger events may be there already.
    pub(crate) fn remove_before(&mut self, id: TopicId, seq: u64) {
        let Some(state) = self.topics.get(id) else { return };
        let (newest, events, bytes) = if state.last < seq {
            (state.last, state.events, state.bytes)
        } else {
            let gone = self.postings(id, state.floor).into_iter().take_while(|posting| posting.seq < seq);
            gone.fold((0, 0, 0), |(_, events, bytes), posting| {
                (posting.seq, events + 1, bytes + u64::from(posting.counted))
            })
        };
        self.take_off(id, events, bytes);
        self.topics.raise_floor(id, newest);
        if let Some(state) = self.topics.get_mut(id) {
            state.deleted = state.deleted.max(seq);
        }
    }

    pub(crate) fn info(&self, id: TopicId) -> Option<TopicInfo> {
        let state = self.topics.get(id).filter(|state| state.exists())?;
        let first = self.postings(id, state.floor).first().map_or(0, |posting| posting.seq);
        Some(TopicInfo {
            topic: state.name.clone(),
            first,
            last: state.last,
            last_time: state.last_time,
            events: state.events,
            bytes: state.bytes,
            end: state.end,
        })
    }

    /// Where the events of a topic above `after` are, in order.
    pub(crate) fn postings(&self, id: TopicId, after: u64) -> Vec<Posting> {
        let mut all = Vec::new();
        for active in self.chains.iter().filter_map(|chain| chain.active.as_ref()) {
            all.extend(active.of_topic(id, after));
        }
        all.sort_unstable_by_key(|posting| posting.seq);
        all
    }

    /// The first event of a topic above `after`.
    pub(crate) fn first_above(&self, id: TopicId, after: u64) -> Option<u64> {
        let floor = self.topics.get(id)?.floor;
        self.postings(id, after.max(floor)).first().map(|posting| posting.seq)
    }

    /// The place before the oldest record.
    pub(crate) fn before_first(&self) -> u64 {
        let first = |chain: &Chain| chain.active.as_ref()?.all(0).next().map(|(_, posting)| posting.seq - 1);
        self.chains.iter().filter_map(first).min().unwrap_or(self.head)
    }

    pub(crate) fn set_classes(&mut self, classes: Classes) {
        self.topics.reclassify(&classes);
        self.classes = Arc::new(classes);
    }

    pub(crate) fn usage(&self) -> Usage {
        let actives = self.chains.iter().filter_map(|chain| chain.active.as_ref());
        let (segments, bytes) = actives.fold((0, 0), |(count, bytes), active| (count + 1, bytes + active.end));
        Usage { bytes, events: self.events, topics: self.topics.len() as u64, segments }
    }

    /// File, offset and length of an event that is there.
    pub(crate) fn locate(&self, id: TopicId, seq: u64) -> Option<(Arc<dyn File>, u64, usize)> {
        let found = |chain: &Chain| {
            let active = chain.active.as_ref().filter(|active| active.base < seq)?;
            let posting = active.backwards(id).find(|posting| posting.seq <= seq)?;
            let place = (active.file.clone(), u64::from(posting.offset), posting.length as usize);
            (posting.seq == seq).then_some(place)
        };
        self.chains.iter().find_map(found)
    }

    fn count(&mut self, id: TopicId, event: Indexed<'_>) {
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
    }

    fn take_off(&mut self, id: TopicId, events: u64, bytes: u64) {
        let Some(state) = self.topics.get_mut(id) else { return };
        state.events -= events.min(state.events);
        state.bytes -= bytes.min(state.bytes);
        self.events -= events.min(self.events);
    }
}
