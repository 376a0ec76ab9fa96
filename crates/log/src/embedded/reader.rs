//! Reads selected events page by page: a cursor per chain, merged by number.

use std::collections::VecDeque;
use std::sync::Arc;

use super::fetch::{Wanted, fetch};
use super::plan::{ACTIVE, Plan, Wants};
use super::shared::Shared;
use crate::missing::Missing;
use crate::{Gap, Page, ReadError, Reader, Selection, StoredEvent};

/// A reader of an embedded log.
pub(crate) struct LogReader {
    shared: Arc<Shared>,
    selection: Arc<Selection>,
    wants: Wants,
    /// Everything selected up to here was returned or told as missing.
    place: u64,
    /// Everything selected up to here was taken from the cursors.
    taken: u64,
    /// Events taken that wait for a page of their own, as a gap comes before them.
    held: Vec<Arc<StoredEvent>>,
    missing: Missing,
    /// How many floors had risen when it last looked.
    trims: u64,
    cursors: Vec<Cursor>,
}

/// The reader's place in one chain.
struct Cursor {
    /// Events read and not returned; bounded by a page.
    ready: VecDeque<Arc<StoredEvent>>,
    /// Everything selected up to here was read.
    upto: u64,
    /// The sealed segment it is in.
    plan: Option<Plan>,
}

impl LogReader {
    pub(crate) fn new(shared: Arc<Shared>, selection: Arc<Selection>, after: u64) -> Self {
        let trims = shared.index().topics.trims();
        let wants = Wants::new(selection.clone());
        let (held, missing) = (Vec::new(), Missing::default());
        Self { shared, selection, wants, place: after, taken: after, held, missing, trims, cursors: Vec::new() }
    }

    /// Looks for what was removed before the reader was made, and goes on behind it.
    pub(crate) fn look_back(&mut self) -> Option<Gap> {
        let after = self.place;
        let removed = self.shared.index().removed(&self.selection, after, 0)?;
        self.place = self.shared.place_after(&self.selection, after, removed);
        self.taken = self.place;
        self.missing.add(after, removed);
        self.missing.told(self.place);
        Some(Gap { after, upto: self.place })
    }

    /// Fills every cursor that has run dry and not seen the head.
    fn fill(&mut self, head: u64, max_events: usize, max_bytes: usize) -> Result<(), ReadError> {
        // The first cursor is for what is only in memory.
        let chains = 1 + self.shared.index().chains.len();
        while self.cursors.len() < chains {
            self.cursors.push(Cursor { ready: VecDeque::new(), upto: self.taken, plan: None });
        }
        // Together the cursors hold about a page, not each.
        let max_bytes = (max_bytes / chains).max(MIN_SHARE_BYTES);
        for at in 0..self.cursors.len() {
            if self.cursors[at].ready.is_empty() && self.cursors[at].upto < head {
                match at.checked_sub(1) {
                    Some(slot) => self.fill_cursor(slot, head, max_events, max_bytes)?,
                    None => self.fill_volatile(head, max_events),
                }
            }
        }
        Ok(())
    }

    fn fill_cursor(&mut self, slot: usize, head: u64, max_events: usize, max_bytes: usize) -> Result<(), ReadError> {
        let cursor = &mut self.cursors[slot + 1];
        while cursor.ready.is_empty() && cursor.upto < head {
            if let Some(plan) = &mut cursor.plan {
                let events = plan.next(cursor.upto, max_events, max_bytes, &mut self.wants, &self.shared)?;
                cursor.upto = events.last().map_or(plan.last.max(cursor.upto), |event| event.seq);
                if events.is_empty() {
                    cursor.plan = None;
                }
                cursor.ready.extend(events);
                continue;
            }
            let index = self.shared.index();
            let chain = &index.chains[slot];
            let next = chain.sealed.partition_point(|sealed| sealed.last <= cursor.upto);
            if let Some(sealed) = chain.sealed.get(next).cloned() {
                drop(index);
                cursor.plan = Some(Plan::new(sealed, cursor.upto, &mut self.wants, &self.shared)?);
                continue;
            }
            let Some(active) = &chain.active else {
                cursor.upto = head;
                break;
            };
            cursor.plan = Plan::active(active, &index, &self.selection, cursor.upto, head);
            if cursor.plan.is_some() {
                continue;
            }
            let mut wanted = Vec::new();
            for (id, posting) in active.all(cursor.upto).take_while(|(_, posting)| posting.seq <= head) {
                let Some(state) = index.topics.get(id) else { continue };
                if self.wants.wants(id, &state.name) {
                    wanted.push(Wanted { topic: Some(state.name.clone()), posting });
                    if wanted.len() >= max_events {
                        break;
                    }
                }
            }
            let file = active.file.clone();
            drop(index);
            let (_, events) = fetch(&file, ACTIVE, self.shared.seal, &wanted, max_bytes)?;
            cursor.upto = events.last().map_or(head, |event| event.seq);
            cursor.ready.extend(events);
        }
        Ok(())
    }

    fn fill_volatile(&mut self, head: u64, max_events: usize) {
        let (index, cursor) = (self.shared.index(), &mut self.cursors[0]);
        let exact = self.selection.patterns().len() == 0;
        let ids: Vec<_> = self.selection.topics().filter_map(|topic| index.topics.id(topic)).collect();
        let wants = |id| index.topics.get(id).is_some_and(|state| self.wants.wants(id, &state.name));
        let mut events = index.volatile.read(exact.then_some(&ids), cursor.upto, max_events, wants);
        events.retain(|event| event.seq <= head);
        cursor.upto = if events.len() < max_events { head } else { events.last().map_or(head, |event| event.seq) };
        cursor.ready.extend(events);
    }

    /// Takes the next event over all chains, once every chain has one ready or none left.
    fn take(&mut self, head: u64) -> Option<Arc<StoredEvent>> {
        let dry = |cursor: &Cursor| cursor.ready.is_empty() && cursor.upto < head;
        if self.cursors.iter().any(dry) {
            return None;
        }
        // A segment that was sealed after the head was looked at has events above it. They wait for a later page: the other
        // chains were not read that far.
        let ready = |cursor: &&mut Cursor| cursor.ready.front().is_some_and(|event| event.seq <= head);
        self.cursors.iter_mut().filter(ready).min_by_key(|cursor| cursor.ready[0].seq)?.ready.pop_front()
    }

    /// Whether an event is still there; those above `trimmed` are.
    fn is_live(&self, event: &StoredEvent, trimmed: u64) -> bool {
        event.seq > trimmed || {
            let index = self.shared.index();
            index.topics.find(&event.topic).is_some_and(|(_, state)| event.seq > state.floor)
        }
    }

    /// Takes out of a page what was removed meanwhile, puts the gap before it that is due, and keeps what has to wait
    /// for the next one.
    fn settle(&mut self, page: &mut Page) {
        let index = self.shared.index();
        let floor = |event: &StoredEvent| index.topics.find(&event.topic).map(|(_, state)| state.floor);
        if page.events.first().is_some_and(|first| first.seq <= index.topics.newest_trimmed()) {
            page.events.retain(|event| floor(event).is_some_and(|floor| event.seq > floor));
        }
        if let Some(removed) = index.removed(&self.selection, self.place, self.trims) {
            self.missing.add(self.place, removed);
        }
        self.trims = index.topics.trims();
        if !self.missing.is_open() {
            return;
        }
        for at in 0..page.events.len() {
            let event = &page.events[at];
            if !self.missing.is_due(event.seq, index.gone_before(event)) {
                continue;
            }
            if at > 0 {
                self.held.splice(..0, page.events.split_off(at));
                return;
            }
            page.gap = Some(self.missing.tell_before(event.seq));
        }
    }

    /// Adds events to a page until it is full or there are no more.
    fn add(&mut self, page: &mut Page, head: u64, max_events: usize, max_bytes: usize) -> Result<(), ReadError> {
        let trimmed = self.shared.index().topics.newest_trimmed();
        let mut bytes = page.events.iter().map(|event| event.data.len()).sum::<usize>();
        while page.events.len() < max_events && (bytes < max_bytes || page.events.is_empty()) {
            if let Some(event) = self.take(head) {
                self.taken = event.seq;
                if self.is_live(&event, trimmed) {
                    bytes += event.data.len();
                    page.events.push(event);
                }
                continue;
            }
            let dry = |cursor: &Cursor| cursor.upto < head && cursor.ready.is_empty();
            if self.cursors.is_empty() || self.cursors.iter().any(dry) {
                self.fill(head, max_events, max_bytes)?;
                continue;
            }
            self.taken = head.max(self.taken);
            break;
        }
        Ok(())
    }
}

impl Reader for LogReader {
    fn next_page(&mut self, max_events: usize, max_bytes: usize) -> Result<Page, ReadError> {
        self.shared.settle(Some(&self.selection));
        let head = self.shared.index().head;
        let max_events = max_events.max(1);
        let mut page = Page::default();
        loop {
            let held = self.held.len().min(max_events - page.events.len());
            page.events.extend(self.held.drain(..held));
            if self.held.is_empty()
                && let Err(error) = self.add(&mut page, head, max_events, max_bytes)
            {
                self.held = page.events;
                return Err(error);
            }
            self.settle(&mut page);
            if page.events.is_empty() && (self.taken < head || !self.held.is_empty()) {
                continue;
            }
            if page.events.is_empty() {
                page.gap = self.missing.tell_upto(head);
            }
            page.untold = self.missing.is_open();
            let last = page.events.last().map_or(self.place, |last| last.seq);
            self.place = if page.untold || !self.held.is_empty() { last } else { self.taken };
            page.upto = self.place;
            return Ok(page);
        }
    }
}

/// Less than this is not worth a read.
const MIN_SHARE_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::disk::sim::SimDisk;
    use crate::{Class, Classes, Embedded, EmbeddedOptions, Engine, NewEvent, Pattern, Topic};

    fn append(log: &Embedded, topic: &str) {
        let event = NewEvent {
            topic: Topic::new(topic).expect("a topic"),
            event_type: None,
            key: None,
            idempotency_key: None,
            data: "x".repeat(4 << 10).into(),
            end: None,
        };
        let (told, outcome) = mpsc::channel();
        log.append(vec![event], Box::new(move |result| drop(told.send(result))));
        outcome.recv_timeout(Duration::from_secs(20)).expect("an answer").expect("a sound disk");
    }

    fn seqs(page: &Page) -> Vec<u64> {
        page.events.iter().map(|event| event.seq).collect()
    }

    // G4: a page that began before the last events must not have those of one chain and leave out those of another.
    #[test]
    fn a_page_ends_at_its_head_though_a_segment_was_sealed_meanwhile() {
        let class = |text| Class { topics: vec![Pattern::new(text).expect("a pattern")], ..Class::default() };
        let options = EmbeddedOptions {
            classes: Classes::new(vec![class("a"), class("b")], Class::default()),
            segment_bytes: 4 << 10,
            disk: Arc::new(SimDisk::new(1)),
            ..EmbeddedOptions::new(Path::new("/log"))
        };
        let log = Embedded::open(options).expect("a good log");
        ["a", "a"].iter().for_each(|topic| append(&log, topic));
        let head = log.shared.index().head;
        // Behind the page's back `b` gets segments, and all but the last are sealed.
        ["a", "b", "b", "b"].iter().for_each(|topic| append(&log, topic));
        let selection = Arc::new(Selection::new([Pattern::new("**").expect("a pattern")]));
        let mut reader = LogReader::new(log.shared.clone(), selection, 0);
        let mut page = Page::default();
        reader.add(&mut page, head, 100, 1 << 20).expect("a sound disk");
        assert_eq!((seqs(&page), reader.taken), (vec![1, 2], head));
        let rest = reader.next_page(100, 1 << 20).expect("a sound disk");
        assert_eq!((seqs(&rest), rest.upto), (vec![3, 4, 5, 6], 6));
    }
}
