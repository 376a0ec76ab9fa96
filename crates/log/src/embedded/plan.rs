//! How a reader goes through one segment: record by record where most of it is wanted, by the lists
//! of its topics otherwise, so that other topics' events cost nothing.

use std::sync::Arc;

use super::active::Active;
use super::fetch::{Wanted, fetch};
use super::index::Index;
use super::scan::header_at;
use super::sealed::Sealed;
use super::shared::Shared;
use super::topics::TopicId;
use super::window::Window;
use crate::disk::File;
use crate::format::footer::Posting;
use crate::format::record::Record;
use crate::{ReadError, Selection, StoredEvent, Topic};

/// A reader's way through a segment, kept between pages.
pub(crate) struct Plan {
    file: Arc<dyn File>,
    name: String,
    /// Everything wanted up to here is on the way.
    pub(crate) last: u64,
    way: Way,
}

enum Way {
    /// Over the groups of a sealed segment from an offset on; with the records of the current block that are left.
    Through { segment: Arc<Sealed>, offset: u64, left: u32 },
    /// These records, from an index on. At most half of the segment's.
    Listed { postings: Vec<(TopicId, Posting)>, at: usize },
}

/// Which topics a reader wants, remembered by number.
pub(crate) struct Wants {
    selection: Arc<Selection>,
    /// 0 not known yet, 1 wanted, 2 not.
    known: Vec<u8>,
}

impl Wants {
    pub(crate) fn new(selection: Arc<Selection>) -> Self {
        Self { selection, known: Vec::new() }
    }

    /// Whether a topic is wanted; numbers are never given to another topic.
    pub(crate) fn wants(&mut self, id: TopicId, name: &Topic) -> bool {
        if self.known.len() <= id as usize {
            self.known.resize(id as usize + 1, 0);
        }
        let known = &mut self.known[id as usize];
        if *known == 0 {
            *known = if self.selection.matches(name) { 1 } else { 2 };
        }
        *known == 1
    }

    /// Numbers of the wanted topics of a segment.
    fn of(&mut self, segment: &Sealed, shared: &Shared) -> Vec<TopicId> {
        let index = shared.index();
        if self.selection.patterns().len() == 0 {
            let ids = self.selection.topics().filter_map(|topic| index.topics.id(topic));
            return ids.filter(|id| segment.has(*id)).collect();
        }
        let named = segment.topics().filter_map(|id| Some((id, &index.topics.get(id)?.name)));
        named.filter(|(id, name)| self.wants(*id, name)).map(|(id, _)| id).collect()
    }
}

impl Plan {
    /// The way through a segment for the events above a place.
    pub(crate) fn new(segment: Arc<Sealed>, after: u64, wants: &mut Wants, shared: &Shared) -> Result<Self, ReadError> {
        let ids = wants.of(&segment, shared);
        if ids.len() * 4 > segment.topics().len() && ids.len() > MANY_TOPICS {
            return Ok(Self::through(segment, after));
        }
        let mut entries = Vec::with_capacity(ids.len());
        for id in ids {
            entries.extend(segment.entry(id)?.filter(|entry| entry.last > after).map(|entry| (id, entry)));
        }
        if entries.iter().map(|(_, entry)| entry.events).sum::<u64>() * 2 > segment.events {
            return Ok(Self::through(segment, after));
        }
        let mut postings = Vec::new();
        for (id, entry) in entries {
            let list = segment.list(&entry, shared.seal)?;
            postings.extend(list.into_iter().filter(|posting| posting.seq > after).map(|posting| (id, posting)));
        }
        Ok(Self::listed(segment.file.clone(), segment.name.clone(), segment.last, postings))
    }

    /// The way through what an active segment has up to the head; `None` where going through all of it is better.
    pub(crate) fn active(active: &Active, index: &Index, selection: &Selection, after: u64, head: u64) -> Option<Self> {
        if selection.patterns().len() > 0 {
            return None;
        }
        let mut postings = Vec::new();
        for id in selection.topics().filter_map(|topic| index.topics.id(topic)) {
            let mut newest_first = active.backwards(id).take_while(|posting| posting.seq > after);
            while let Some(posting) = newest_first.next().filter(|_| postings.len() * 2 <= active.len()) {
                postings.push((id, posting));
            }
        }
        if postings.len() * 2 > active.len() {
            return None;
        }
        postings.retain(|(_, posting)| posting.seq <= head);
        Some(Self::listed(active.file.clone(), ACTIVE.to_owned(), head, postings))
    }

    fn listed(file: Arc<dyn File>, name: String, last: u64, mut postings: Vec<(TopicId, Posting)>) -> Self {
        postings.sort_unstable_by_key(|(_, posting)| posting.seq);
        Self { file, name, last, way: Way::Listed { postings, at: 0 } }
    }

    fn through(segment: Arc<Sealed>, after: u64) -> Self {
        let mark = segment.times.partition_point(|mark| mark.seq <= after).saturating_sub(1);
        let offset = segment.times.get(mark).map_or(segment.groups_end, |mark| u64::from(mark.offset));
        let (file, name, last) = (segment.file.clone(), segment.name.clone(), segment.last);
        Self { file, name, last, way: Way::Through { segment, offset, left: 0 } }
    }

    /// The next events above `after`; none once the segment is through.
    pub(crate) fn next(
        &mut self,
        after: u64,
        max_events: usize,
        max_bytes: usize,
        wants: &mut Wants,
        shared: &Shared,
    ) -> Result<Vec<Arc<StoredEvent>>, ReadError> {
        match &mut self.way {
            Way::Listed { postings, at } => {
                let mut events = Vec::new();
                while events.is_empty() && *at < postings.len() {
                    let wanted: Vec<_> = {
                        let index = shared.index();
                        let next = postings[*at..].iter().take(max_events);
                        let name = |id| index.topics.get(id).map(|state| state.name.clone());
                        next.map(|(id, posting)| Wanted { topic: name(*id), posting: *posting }).collect()
                    };
                    let read;
                    (read, events) = fetch(&self.file, &self.name, shared.seal, &wanted, max_bytes)?;
                    *at += read;
                }
                Ok(events)
            }
            Way::Through { segment, offset, left } => {
                let record = segment.groups_end / segment.events.max(1) * 5 / 4;
                let page = max_bytes.min(max_events.saturating_mul(record as usize));
                let ahead = page.clamp(MIN_READ_BYTES, MAX_READ_BYTES);
                let mut walk = Walk { segment, shared, offset: *offset, left: *left, ahead };
                let events = walk.next(after, max_events, wants)?;
                (*offset, *left) = (walk.offset, walk.left);
                Ok(events)
            }
        }
    }
}

/// A walk over the groups of a segment.
struct Walk<'a> {
    segment: &'a Sealed,
    shared: &'a Shared,
    offset: u64,
    left: u32,
    ahead: usize,
}

impl Walk<'_> {
    /// Reads on until something wanted is found or the segment ends.
    fn next(&mut self, after: u64, max_events: usize, wants: &mut Wants) -> Result<Vec<Arc<StoredEvent>>, ReadError> {
        let mut window = Window::new(self.segment.file.clone(), self.segment.groups_end, self.ahead);
        while self.offset < self.segment.groups_end {
            let read = window.at(self.offset, self.ahead).map_err(|error| self.segment.refused(&error))?.len();
            let end = self.offset + read as u64;
            let events = self.stretch(&mut window, end, (after, max_events), wants)?;
            if !events.is_empty() {
                return Ok(events);
            }
        }
        Ok(Vec::new())
    }

    /// Reads the records that begin before `end`.
    fn stretch(
        &mut self,
        window: &mut Window,
        end: u64,
        (after, max_events): (u64, usize),
        wants: &mut Wants,
    ) -> Result<Vec<Arc<StoredEvent>>, ReadError> {
        let mut events = Vec::new();
        while self.offset < end && events.len() < max_events {
            if self.left == 0 {
                let header = header_at(window, self.offset, self.shared.seal);
                let header = header.map_err(|error| self.segment.refused(&error))?;
                let header = header.ok_or_else(|| self.segment.damaged(self.offset))?;
                self.left = header.records;
                self.offset += header.bytes() as u64;
                continue;
            }
            let damaged = || self.segment.damaged(self.offset);
            let refused = |error| self.segment.refused(&error);
            let head = window.at(self.offset, 4).map_err(refused)?.first_chunk().ok_or_else(damaged)?;
            let length = LENGTH_BYTES + u32::from_le_bytes(*head) as usize;
            let bytes = window.at(self.offset, length).map_err(refused)?;
            let (record, length) = Record::read(bytes, self.shared.seal.checksum).ok_or_else(damaged)?;
            if record.seq > after && !record.deletes {
                let topic = self.wanted(record.topic, wants);
                if let Some(topic) = topic {
                    events.push(Arc::new(record.to_event(topic).ok_or_else(damaged)?));
                }
            }
            self.offset += length as u64;
            self.left -= 1;
        }
        Ok(events)
    }

    fn wanted(&self, name: &str, wants: &mut Wants) -> Option<Topic> {
        let index = self.shared.index();
        let (id, state) = index.topics.find_text(name)?;
        wants.wants(id, &state.name).then(|| state.name.clone())
    }
}

/// Up to this many topics their shares are looked up before deciding.
const MANY_TOPICS: usize = 64;
/// Bytes of a record's length and checksum.
const LENGTH_BYTES: usize = 8;
const MIN_READ_BYTES: usize = 16 << 10;
const MAX_READ_BYTES: usize = 1 << 20;
/// What messages call a segment that is being written to.
pub(crate) const ACTIVE: &str = "the newest segment";
