//! Limits per topic. An append that exceeds one only notes the topic; whoever looks at the topic next, or
//! the keeper, works out how far its floor rises. So limits hold at every read, and the writer reads no files for them.

use super::index::Index;
use super::places::Places;
use super::scan::Seal;
use super::shared::Shared;
use super::topics::{TopicId, TopicState};
use crate::format::footer::Posting;
use crate::{ReadError, Selection, Topic};

/// What a topic has to lose.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Loss {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// Number of the newest event among them.
    pub(crate) floor: u64,
}

impl Index {
    /// How many events and bytes a topic has above its limits.
    pub(crate) fn excess(&self, state: &TopicState) -> (u64, u64) {
        let Some(class) = self.classes.iter().nth(usize::from(state.class)) else { return (0, 0) };
        let above = |has: u64, limit: u64| if limit == 0 { 0 } else { has.saturating_sub(limit) };
        (above(state.events, class.retention.events), above(state.bytes, class.retention.bytes))
    }

    /// Notes a topic if it is above its limits.
    pub(crate) fn note_excess(&mut self, id: TopicId) {
        if self.topics.get(id).is_some_and(|state| self.excess(state) != (0, 0)) {
            self.over.insert(id);
        } else if !self.over.is_empty() {
            self.over.remove(&id);
        }
    }
}

impl Shared {
    /// Makes the limits hold for the topics that a selection wants; for all without one.
    pub(crate) fn settle(&self, selection: Option<&Selection>) {
        let over: Vec<_> = {
            let index = self.index();
            let wanted = |id: &TopicId| {
                index.topics.get(*id).is_some_and(|state| selection.is_none_or(|all| all.matches(&state.name)))
            };
            match selection.filter(|all| all.patterns().len() == 0) {
                Some(exact) => {
                    let ids = exact.topics().filter_map(|topic| index.topics.id(topic));
                    ids.filter(|id| index.over.contains(id)).collect()
                }
                None => index.over.iter().copied().filter(wanted).collect(),
            }
        };
        for id in over {
            // A segment that cannot be read: the limit waits, and whoever reads the topic is told.
            let _ = self.settle_topic(id);
        }
    }

    /// Makes the limits hold for some of the topics that are above them.
    pub(crate) fn settle_some(&self, most: usize) {
        let over: Vec<_> = self.index().over.iter().copied().take(most).collect();
        for id in over {
            // As above.
            let _ = self.settle_topic(id);
        }
    }

    /// Makes the limits hold for one topic.
    pub(crate) fn settle_one(&self, topic: &Topic) {
        let id = {
            let index = self.index();
            index.topics.id(topic).filter(|id| index.over.contains(id))
        };
        // As above.
        let _ = id.map(|id| self.settle_topic(id));
    }

    fn settle_topic(&self, id: TopicId) -> Result<(), ReadError> {
        let (places, events, bytes) = {
            let index = self.index();
            let Some(state) = index.topics.get(id) else { return Ok(()) };
            let (events, bytes) = index.excess(state);
            let Some(places) = index.places(id) else { return Ok(()) };
            (places, events, bytes)
        };
        let loss = places.oldest(events, bytes, self.seal)?;
        let mut index = self.index_mut();
        let unchanged = index.topics.get(id).is_some_and(|state| state.floor == places.floor());
        if unchanged {
            index.take_off(id, loss);
            index.note_excess(id);
        }
        Ok(())
    }
}

impl Places {
    /// The oldest events that have to go so that this many, and this many bytes, are gone.
    fn oldest(&self, events: u64, bytes: u64, seal: Seal) -> Result<Loss, ReadError> {
        let mut loss = Loss::default();
        let enough = |loss: &Loss| loss.events >= events && loss.bytes >= bytes;
        if !self.is_in_order() {
            for posting in self.postings(seal)? {
                if enough(&loss) {
                    break;
                }
                loss.add(&posting);
            }
            return Ok(loss);
        }
        for segment in self.sealed() {
            if enough(&loss) {
                return Ok(loss);
            }
            let Some(entry) = self.entry_in(segment)? else { continue };
            // All of a segment's, where that is not too much.
            let few = loss.events + entry.events <= events || loss.bytes + entry.bytes <= bytes;
            if entry.first > self.floor() && few {
                loss.events += entry.events;
                loss.bytes += entry.bytes;
                loss.floor = entry.last;
                continue;
            }
            for posting in segment.list(&entry, seal)?.iter().filter(|posting| posting.seq > self.floor()) {
                if enough(&loss) {
                    return Ok(loss);
                }
                loss.add(posting);
            }
        }
        for posting in self.active() {
            if enough(&loss) {
                break;
            }
            loss.add(&posting);
        }
        Ok(loss)
    }
}

impl Loss {
    pub(crate) fn add(&mut self, posting: &Posting) {
        self.events += 1;
        self.bytes += u64::from(posting.counted);
        self.floor = posting.seq;
    }
}
