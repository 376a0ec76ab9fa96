//! Where the events of one topic are: taken from the index under its lock, looked up in the files without it.

use std::sync::Arc;

use super::index::Index;
use super::scan::Seal;
use super::sealed::Sealed;
use super::settle::Loss;
use super::shared::Shared;
use super::topics::TopicId;
use crate::disk::File;
use crate::format::footer::{Posting, TopicEntry};
use crate::{ReadError, Topic, TopicInfo};

/// Where a live event is.
pub(crate) type Place = (Arc<dyn File>, Posting);

/// The segments that have live events of a topic.
pub(crate) struct Places {
    id: TopicId,
    floor: u64,
    sealed: Vec<Arc<Sealed>>,
    /// Events in active segments, and in memory without a file, by number.
    active: Vec<(Posting, Option<Arc<dyn File>>)>,
    in_order: bool,
    info: TopicInfo,
}

impl Index {
    /// `None` for a topic that has nothing to show.
    pub(crate) fn places(&self, id: TopicId) -> Option<Places> {
        let state = self.topics.get(id).filter(|state| state.exists())?;
        let (mut sealed, mut active, mut chains) = (Vec::new(), Vec::new(), 0);
        for chain in &self.chains {
            let before = sealed.len() + active.len();
            let mine = chain.sealed.iter().filter(|sealed| sealed.last > state.floor && sealed.has(id));
            sealed.extend(mine.cloned());
            if let Some(segment) = &chain.active {
                let found = segment.of_topic(id, state.floor).into_iter();
                active.extend(found.map(|posting| (posting, Some(segment.file.clone()))));
            }
            chains += usize::from(sealed.len() + active.len() > before);
        }
        let before = active.len();
        active.extend(self.volatile.postings(id, state.floor).map(|posting| (posting, None)));
        chains += usize::from(active.len() > before);
        active.sort_by_key(|(posting, _)| posting.seq);
        let info = TopicInfo {
            topic: state.name.clone(),
            first: 0,
            last: state.last,
            last_time: state.last_time,
            events: state.events,
            bytes: state.bytes,
            end: state.end,
        };
        Some(Places { id, floor: state.floor, sealed, active, in_order: chains < 2, info })
    }
}

impl Places {
    pub(crate) fn floor(&self) -> u64 {
        self.floor
    }

    /// Live events in active segments and in memory.
    pub(crate) fn active(&self) -> impl Iterator<Item = Posting> {
        self.active.iter().map(|(posting, _)| *posting)
    }

    /// Whether one segment after the other has its events: always, unless the topic changed its class.
    pub(crate) fn is_in_order(&self) -> bool {
        self.in_order
    }

    /// The sealed segments that may have live events.
    pub(crate) fn sealed(&self) -> impl Iterator<Item = &Sealed> {
        self.sealed.iter().map(|sealed| &**sealed)
    }

    /// What one of them has, unless that is all gone.
    pub(crate) fn entry_in(&self, sealed: &Sealed) -> Result<Option<TopicEntry>, ReadError> {
        Ok(sealed.entry(self.id)?.filter(|entry| entry.last > self.floor))
    }

    /// The live events up to a place.
    pub(crate) fn upto(&self, floor: u64, seal: Seal) -> Result<Loss, ReadError> {
        let mut loss = Loss::default();
        for sealed in self.sealed.iter().filter(|sealed| sealed.first <= floor) {
            let Some(entry) = sealed.entry(self.id)?.filter(|entry| entry.last > self.floor) else { continue };
            if entry.first > self.floor && entry.last <= floor {
                loss.events += entry.events;
                loss.bytes += entry.bytes;
                loss.floor = loss.floor.max(entry.last);
                continue;
            }
            let list = sealed.postings(self.id, self.floor, seal)?;
            let before = loss.floor;
            list.iter().take_while(|posting| posting.seq <= floor).for_each(|posting| loss.add(posting));
            loss.floor = loss.floor.max(before);
        }
        let before = loss.floor;
        let active = self.active.iter().map(|(posting, _)| posting);
        active.take_while(|posting| posting.seq <= floor).for_each(|posting| loss.add(posting));
        loss.floor = loss.floor.max(before);
        Ok(loss)
    }

    /// The number of the first live event above a place.
    pub(crate) fn first_above(&self, after: u64, seal: Seal) -> Result<Option<u64>, ReadError> {
        let after = after.max(self.floor);
        let mut first = self.active.iter().map(|(posting, _)| posting.seq).find(|seq| *seq > after);
        for sealed in &self.sealed {
            if sealed.last <= after || first.is_some_and(|first| sealed.first > first) {
                continue;
            }
            let Some(entry) = sealed.entry(self.id)?.filter(|entry| entry.last > after) else { continue };
            let found = if entry.first > after {
                Some(entry.first)
            } else {
                sealed.postings(self.id, after, seal)?.first().map(|posting| posting.seq)
            };
            first = first.into_iter().chain(found).min();
        }
        Ok(first)
    }

    /// All live events in order.
    pub(crate) fn postings(&self, seal: Seal) -> Result<Vec<Posting>, ReadError> {
        let mut all: Vec<_> = self.active.iter().map(|(posting, _)| *posting).collect();
        for sealed in &self.sealed {
            all.extend(sealed.postings(self.id, self.floor, seal)?);
        }
        all.sort_unstable_by_key(|posting| posting.seq);
        Ok(all)
    }

    /// File, offset and length of a live event.
    pub(crate) fn locate(&self, seq: u64, seal: Seal) -> Result<Option<Place>, ReadError> {
        if let Some((posting, file)) = self.active.iter().find(|(posting, _)| posting.seq == seq) {
            return Ok(file.clone().map(|file| (file, *posting)));
        }
        for sealed in self.sealed.iter().filter(|sealed| sealed.first <= seq && seq <= sealed.last) {
            if let Some(posting) = sealed.postings(self.id, seq - 1, seal)?.first().filter(|found| found.seq == seq) {
                return Ok(Some((sealed.file.clone(), *posting)));
            }
        }
        Ok(None)
    }
}

impl Shared {
    /// What is known of a topic. A segment that cannot be read leaves `first` at the floor: the reader says what is wrong.
    pub(crate) fn info(&self, places: Places) -> TopicInfo {
        let first = places.first_above(0, self.seal).ok().flatten();
        TopicInfo { first: first.unwrap_or(places.floor + 1), ..places.info }
    }

    pub(crate) fn topic(&self, topic: &Topic) -> Option<TopicInfo> {
        self.settle_one(topic);
        let places = {
            let index = self.index();
            index.places(index.topics.id(topic)?)?
        };
        Some(self.info(places))
    }

    pub(crate) fn topics(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<TopicInfo> {
        self.settle(None);
        let places: Vec<_> = {
            let index = self.index();
            index.topics.from(prefix, after).filter_map(|id| index.places(id)).take(limit).collect()
        };
        places.into_iter().map(|places| self.info(places)).collect()
    }
}
