//! The newest durable events, encoded once and shared by every shard.
//!
//! The writer pushes a batch per group commit; shards gather runs from any cursor that is still
//! inside. The tail is bounded in bytes for the whole hub: the oldest batch goes first, and a reader
//! whose cursor is before the floor reads the log instead.

mod thin;

pub use thin::{Taken, Thinned, newest};

use std::collections::{HashMap, VecDeque};
#[cfg(not(feature = "model"))]
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
#[cfg(feature = "model")]
use {
    shuttle::sync::{RwLock, RwLockReadGuard},
    std::sync::{Arc, PoisonError},
};

use bytes::Bytes;
use headwater_log::{Durable, Selection, StoredEvent, Timestamp, Topic};

use crate::{Format, Run, Wire};

/// One group commit.
#[derive(Debug)]
pub struct Batch {
    /// The durable head before it.
    pub before: u64,
    /// The durable head with it.
    pub head: u64,
    /// Its events in order.
    pub events: Vec<Arc<StoredEvent>>,
    /// Topics deleted in it.
    pub deleted: Vec<(Topic, u64)>,
    /// The event-stream frames of `events`, one after another.
    frames: Bytes,
    /// Where each event's frame ends in `frames`.
    ends: Vec<u32>,
}

/// What lies after a cursor.
#[derive(Debug)]
pub enum Gather {
    /// These frames; there may be more behind them.
    Run(Run),
    /// No selected event up to the limit that was asked for.
    Nothing,
    /// The cursor is before the floor, or events after it were deleted: the log has to say.
    Fallen,
}

/// The tail. Cheap to share; the lock is held for one push or one gather.
#[derive(Debug)]
pub struct Tail {
    wire: Wire,
    /// Most bytes of events and frames kept.
    limit: usize,
    inner: RwLock<Inner>,
}

#[derive(Debug)]
struct Inner {
    batches: VecDeque<Arc<Batch>>,
    /// Number of the first batch in `batches`; batches are numbered from 0.
    first_batch: u64,
    /// Per topic the events in `batches`: sequence, batch number, index in the batch.
    topics: HashMap<Topic, VecDeque<(u64, u64, u32)>>,
    /// Deleted topics with the place up to which their events are gone, as long as a cursor inside the tail may
    /// be before it.
    deleted: HashMap<Topic, u64>,
    /// Every event after this place is here.
    floor: u64,
    head: u64,
    bytes: usize,
    /// Something was dropped to stay within the limit.
    dropped: bool,
}

impl Tail {
    /// An empty tail at the head of a log.
    pub fn new(wire: Wire, head: u64, limit: usize) -> Self {
        let inner = Inner {
            batches: VecDeque::new(),
            first_batch: 0,
            topics: HashMap::new(),
            deleted: HashMap::new(),
            floor: head,
            head,
            bytes: 0,
            dropped: false,
        };
        Self { wire, limit, inner: RwLock::new(inner) }
    }

    /// The newest durable position.
    pub fn head(&self) -> u64 {
        self.read().head
    }

    /// Whether [`Tail::gather`] has everything after this place.
    pub fn serves(&self, selection: &Selection, after: u64) -> bool {
        self.read().serves(selection, after)
    }

    /// Bytes held, of at most about the limit.
    pub fn bytes(&self) -> usize {
        self.read().bytes
    }

    /// Takes what became durable.
    pub fn push(&self, durable: Durable) {
        let mut frames = Vec::with_capacity(durable.events.iter().map(|event| self.wire.frame_size(event)).sum());
        let mut ends = Vec::with_capacity(durable.events.len());
        for event in &durable.events {
            self.wire.frame(event, &mut frames);
            ends.push(frames.len() as u32);
        }
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let batch = Arc::new(Batch {
            before: inner.head,
            head: durable.head,
            events: durable.events,
            deleted: durable.deleted,
            frames: frames.into(),
            ends,
        });
        inner.push(batch);
        while inner.bytes > self.limit && !inner.batches.is_empty() {
            inner.drop_oldest();
        }
    }

    /// The batches after `head`, oldest first; `None` when some of them are gone already.
    pub fn batches_after(&self, head: u64) -> Option<Vec<Arc<Batch>>> {
        let inner = self.read();
        if head < inner.floor {
            return None;
        }
        let first = inner.batches.partition_point(|batch| batch.head <= head);
        Some(inner.batches.range(first..).cloned().collect())
    }

    /// The selected events after `after` and up to `limit`, as one run of about `max_bytes`
    /// (at least one event).
    pub fn gather(&self, selection: &Selection, format: Format, after: u64, limit: u64, max_bytes: usize) -> Gather {
        let inner = self.read();
        if !inner.serves(selection, after) {
            return Gather::Fallen;
        }
        let found = inner.find(selection, after, limit, max_bytes);
        match found.is_empty() {
            true => Gather::Nothing,
            false => Gather::Run(self.render(&inner, format, &found)),
        }
    }

    /// The one frame that follows `after`, even if its event has been deleted since: a reader that has part of it gets
    /// the rest. `None` when the tail no longer has it.
    pub fn started(&self, selection: &Selection, format: Format, after: u64) -> Option<Run> {
        let inner = self.read();
        if after < inner.floor {
            return None;
        }
        let found = inner.find_by_scan(selection, after, inner.head, 1);
        (!found.is_empty()).then(|| self.render(&inner, format, &found))
    }

    /// How many events of each topic the log took after `since`, and from when on the tail has all of them: `since` itself,
    /// or later.
    pub fn taken_since(&self, topics: &[Topic], since: Timestamp) -> (Vec<usize>, Timestamp) {
        let inner = self.read();
        let time = |batch: u64, index: u32| inner.batch(batch).events[index as usize].time;
        let count = |topic: &Topic| {
            let Some(entries) = inner.topics.get(topic) else { return 0 };
            entries.len() - entries.partition_point(|(_, batch, index)| time(*batch, *index) <= since)
        };
        // What was dropped may be newer than `since`: only what came after the oldest batch is known to be whole.
        let first = inner.batches.front().filter(|_| inner.dropped).and_then(|batch| batch.events.first());
        let from = first.map_or(since, |event| event.time.max(since));
        (topics.iter().map(count).collect(), from)
    }

    fn render(&self, inner: &Inner, format: Format, found: &[(u64, u32)]) -> Run {
        let mut ends = Vec::with_capacity(found.len());
        let bytes = match format {
            Format::EventStream => match contiguous(found) {
                Some((batch, first, last)) => {
                    let batch = inner.batch(batch);
                    let start = batch.start(first);
                    for index in first..=last {
                        ends.push((batch.events[index as usize].seq, batch.ends[index as usize] - start));
                    }
                    batch.frames.slice(start as usize..batch.ends[last as usize] as usize)
                }
                None => {
                    let size = found.iter().map(|(batch, index)| inner.batch(*batch).frame(*index).len()).sum();
                    let mut bytes = Vec::with_capacity(size);
                    for (batch, index) in found {
                        let batch = inner.batch(*batch);
                        bytes.extend_from_slice(batch.frame(*index));
                        ends.push((batch.events[*index as usize].seq, bytes.len() as u32));
                    }
                    bytes.into()
                }
            },
            Format::Ndjson => {
                let mut bytes = Vec::new();
                for (batch, index) in found {
                    let event = &inner.batch(*batch).events[*index as usize];
                    self.wire.line(event, &mut bytes);
                    ends.push((event.seq, bytes.len() as u32));
                }
                bytes.into()
            }
        };
        let upto = ends.last().map_or(0, |(seq, _)| *seq);
        let taken = found.first().map(|(batch, index)| inner.batch(*batch).events[*index as usize].time);
        Run { bytes, ends: ends.into(), upto, skipped: None, taken }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn start(&self, index: u32) -> u32 {
        match index {
            0 => 0,
            _ => self.ends[index as usize - 1],
        }
    }

    fn frame(&self, index: u32) -> &[u8] {
        &self.frames[self.start(index) as usize..self.ends[index as usize] as usize]
    }

    /// What it costs to keep: frames, events and index entries.
    fn weight(&self) -> usize {
        let events: usize = self.events.iter().map(|event| event.data.len() + 160).sum();
        self.frames.len() + events + 128
    }
}

impl Inner {
    fn push(&mut self, batch: Arc<Batch>) {
        let number = self.first_batch + self.batches.len() as u64;
        for (topic, upto) in &batch.deleted {
            self.deleted.insert(topic.clone(), *upto);
            if let Some(entries) = self.topics.get_mut(topic) {
                entries.retain(|(seq, ..)| seq > upto);
            }
        }
        for (index, event) in batch.events.iter().enumerate() {
            let entry = (event.seq, number, index as u32);
            match self.topics.get_mut(&event.topic) {
                Some(entries) => entries.push_back(entry),
                None => drop(self.topics.insert(event.topic.clone(), VecDeque::from([entry]))),
            }
        }
        self.bytes += batch.weight();
        self.head = batch.head;
        self.batches.push_back(batch);
    }

    fn drop_oldest(&mut self) {
        let Some(batch) = self.batches.pop_front() else { return };
        self.bytes -= batch.weight();
        self.first_batch += 1;
        self.floor = batch.head;
        self.dropped = true;
        for event in &batch.events {
            if let Some(entries) = self.topics.get_mut(&event.topic) {
                while entries.front().is_some_and(|(seq, ..)| *seq <= event.seq) {
                    entries.pop_front();
                }
                if entries.is_empty() {
                    self.topics.remove(&event.topic);
                }
            }
        }
        let floor = self.floor;
        self.deleted.retain(|_, upto| *upto > floor);
    }

    fn batch(&self, number: u64) -> &Batch {
        &self.batches[(number - self.first_batch) as usize]
    }

    fn serves(&self, selection: &Selection, after: u64) -> bool {
        after >= self.floor && !self.deleted.iter().any(|(topic, upto)| *upto > after && selection.matches(topic))
    }

    /// Merges the topics' own lists: touches no event of another topic.
    fn find_by_topic(&self, selection: &Selection, after: u64, limit: u64, max_bytes: usize) -> Vec<(u64, u32)> {
        let mut lists: Vec<_> = selection
            .topics()
            .filter_map(|topic| self.topics.get(topic))
            .map(|entries| entries.range(entries.partition_point(|(seq, ..)| *seq <= after)..).peekable())
            .collect();
        let mut found = Vec::new();
        let mut bytes = 0;
        loop {
            let next = lists.iter_mut().filter_map(|list| list.peek().map(|(seq, ..)| *seq)).min();
            let Some(seq) = next.filter(|seq| *seq <= limit) else { return found };
            for list in &mut lists {
                if let Some((_, batch, index)) = list.next_if(|(at, ..)| *at == seq) {
                    bytes += self.batch(*batch).frame(*index).len();
                    if bytes > max_bytes && !found.is_empty() {
                        return found;
                    }
                    found.push((*batch, *index));
                }
            }
        }
    }

    fn find_by_scan(&self, selection: &Selection, after: u64, limit: u64, max_bytes: usize) -> Vec<(u64, u32)> {
        let mut found = Vec::new();
        let mut bytes = 0;
        let first = self.batches.partition_point(|batch| batch.head <= after);
        for (at, batch) in self.batches.range(first..).enumerate() {
            if batch.before >= limit {
                break;
            }
            let number = self.first_batch + (first + at) as u64;
            for (index, event) in batch.events.iter().enumerate() {
                if event.seq <= after || !selection.matches(&event.topic) {
                    continue;
                }
                bytes += batch.frame(index as u32).len();
                if event.seq > limit || (bytes > max_bytes && !found.is_empty()) {
                    return found;
                }
                found.push((number, index as u32));
            }
        }
        found
    }
}

/// The batch and the first and last index, when all entries are neighbours in one batch: their frames
/// are one slice already.
fn contiguous(found: &[(u64, u32)]) -> Option<(u64, u32, u32)> {
    let ((batch, first), (last_batch, last)) = (*found.first()?, *found.last()?);
    (batch == last_batch && (last - first) as usize + 1 == found.len()).then_some((batch, first, last))
}

#[cfg(test)]
mod tests {
    use headwater_log::{Epoch, Pattern};
    use proptest::prelude::*;

    use super::*;

    fn event(seq: u64, topic: &str) -> Arc<StoredEvent> {
        Arc::new(StoredEvent {
            seq,
            time: 0,
            topic: Topic::new(topic).unwrap(),
            event_type: None,
            key: None,
            data: format!("event {seq}").into(),
            end: None,
        })
    }

    fn tail(limit: usize) -> Tail {
        Tail::new(Wire::new(Epoch::new(0x6f3a).unwrap()), 0, limit)
    }

    fn select(patterns: &[&str]) -> Selection {
        Selection::new(patterns.iter().map(|text| Pattern::new(text).unwrap()))
    }

    #[test]
    fn one_topic_in_one_batch_is_shared_not_copied() {
        // BUF-05: encoded once, every reader gets a slice of the same bytes.
        let tail = tail(1 << 20);
        tail.push(Durable { head: 2, events: vec![event(1, "a"), event(2, "a")], deleted: vec![] });
        let gather = || match tail.gather(&select(&["a"]), Format::EventStream, 0, u64::MAX, 1 << 16) {
            Gather::Run(run) => run,
            other => panic!("{other:?}"),
        };
        assert_eq!(gather().bytes.as_ptr(), gather().bytes.as_ptr());
        assert_eq!(gather().events(), 2);
    }

    #[test]
    fn the_events_of_a_while_are_counted_by_topic() {
        let at = |seq, topic, time| Arc::new(StoredEvent { time, ..(*event(seq, topic)).clone() });
        let (topics, tail) =
            ([Topic::new("a").unwrap(), Topic::new("b").unwrap(), Topic::new("c").unwrap()], tail(1200));
        tail.push(Durable { head: 2, events: vec![at(1, "a", 10), at(2, "b", 20)], deleted: vec![] });
        tail.push(Durable { head: 4, events: vec![at(3, "a", 30), at(4, "a", 40)], deleted: vec![] });
        assert_eq!(tail.taken_since(&topics, 0), (vec![3, 1, 0], 0));
        assert_eq!(tail.taken_since(&topics, 30), (vec![1, 0, 0], 30));
        tail.push(Durable { head: 5, events: vec![at(5, "b", 50)], deleted: vec![] });
        assert_eq!(tail.taken_since(&topics, 15), (vec![2, 1, 0], 30), "the first batch is gone, and says so");
    }

    #[test]
    fn a_deleted_topic_sends_its_lagging_readers_to_the_log() {
        let tail = tail(1 << 20);
        tail.push(Durable { head: 2, events: vec![event(1, "a"), event(2, "b")], deleted: vec![] });
        tail.push(Durable { head: 3, events: vec![], deleted: vec![(Topic::new("a").unwrap(), 1)] });
        assert!(matches!(tail.gather(&select(&["a"]), Format::EventStream, 0, 9, 999), Gather::Fallen));
        assert!(matches!(tail.gather(&select(&["a"]), Format::EventStream, 1, 9, 999), Gather::Nothing));
        assert!(matches!(tail.gather(&select(&["b"]), Format::EventStream, 0, 9, 999), Gather::Run(_)));
        let rest = tail.started(&select(&["a"]), Format::EventStream, 0).unwrap();
        assert_eq!(rest.ends.len(), 1, "what was begun can still be finished");
        assert_eq!(rest.ends.last().map(|(seq, _)| *seq), Some(1));
    }

    proptest! {
        // G4, G5, BUF-03: whatever the tail still holds comes out whole and in order from every cursor, in
        // runs of any size; what it does not hold is said.
        #[test]
        fn gathers_every_selected_event_in_order(
            batches in proptest::collection::vec(proptest::collection::vec(0usize..4, 0..5), 1..12),
            limit in 200usize..4000,
            wanted in proptest::sample::subsequence(vec!["a", "b/c", "b/*", "**"], 1..4),
            after in 0u64..30,
            max_bytes in 1usize..400,
        ) {
            let names = ["a", "b/c", "b/d", "$hub/stats"];
            let tail = tail(limit);
            let (mut seq, mut all) = (0, Vec::new());
            for topics in batches {
                let events: Vec<_> = topics.iter().map(|topic| { seq += 1; event(seq, names[*topic]) }).collect();
                all.extend(events.clone());
                tail.push(Durable { head: seq, events, deleted: vec![] });
            }
            let selection = select(&wanted);
            let (mut cursor, mut got) = (after, Vec::new());
            let fallen = loop {
                match tail.gather(&selection, Format::EventStream, cursor, seq, max_bytes) {
                    Gather::Run(run) => {
                        prop_assert_eq!(run.ends.last().unwrap().1 as usize, run.bytes.len());
                        got.extend(run.ends.iter().map(|(seq, _)| *seq));
                        cursor = run.upto;
                    }
                    Gather::Nothing => break false,
                    Gather::Fallen => break true,
                }
            };
            let floor = tail.read().floor;
            prop_assert_eq!(fallen, after < floor);
            if !fallen {
                let expected: Vec<_> = all.iter().filter(|e| e.seq > after && selection.matches(&e.topic)).map(|e| e.seq).collect();
                prop_assert_eq!(got, expected);
            }
            let held: usize = tail.read().topics.values().map(VecDeque::len).sum();
            prop_assert_eq!(held as u64, seq - floor, "the index holds exactly the events of the tail");
        }
    }
}
