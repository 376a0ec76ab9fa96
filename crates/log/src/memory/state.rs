//! What the log holds, and every change of it: append, delete, retention.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::keys::Keys;
use super::times::Times;
use crate::{
    AppendError, Bounds, Classes, EndReason, Epoch, NewEvent, Receipt, Retention, StoredEvent, Timestamp, Topic,
    TopicInfo, Usage,
};

/// The whole log.
pub(super) struct State {
    epoch: Epoch,
    pub(super) head: u64,
    classes: Classes,
    limits: Limits,
    /// Every event by its sequence number: for reads that want most of them, and for what is oldest.
    pub(super) log: BTreeMap<u64, Arc<StoredEvent>>,
    /// Topics with events, topics that are finished, and at most [`MAX_EMPTY`] that have neither events left nor been
    /// forgotten.
    pub(super) topics: BTreeMap<Topic, Entry>,
    /// The topics without events by what was removed last: the first are forgotten first.
    empty: BTreeSet<(u64, Topic)>,
    /// Topics that have events or are finished.
    known: u64,
    keys: Keys,
    times: Times,
    /// Cost of all events, bounded by `limits.memory_bytes`.
    bytes: u64,
    /// Grows with every topic that comes or goes, so that readers know when to look for topics again.
    pub(super) topics_version: u64,
    /// What was removed of topics that are forgotten: any topic not known may be one of them.
    pub(super) floor: Mark,
    /// Newest event ever removed.
    pub(super) newest_removed: u64,
    /// Removals so far, to tell those before a reader was made from those after.
    pub(super) removals: u64,
    /// No event can be past its age before this time.
    next_sweep: Timestamp,
    last_sweep: Timestamp,
}

/// The settings of the engine that bound the state.
pub(super) struct Limits {
    pub(super) memory_bytes: u64,
    pub(super) idempotency_window: Duration,
}

/// One topic.
pub(super) struct Entry {
    pub(super) events: VecDeque<Arc<StoredEvent>>,
    bytes: u64,
    end: Option<EndReason>,
    last: u64,
    last_time: Timestamp,
    retention: Retention,
    pub(super) removed: Mark,
}

/// The newest event removed, and which removal it was. Events go oldest first, so everything up to it is gone.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    pub(super) to: u64,
    pub(super) removal: u64,
}

/// Topics without events that are remembered (their marks, and how they were finished).
const MAX_EMPTY: usize = 1 << 16;
/// What one event costs beside its texts: the record, its reference counts and its places in two indexes.
const OVERHEAD: u64 = 224;

impl State {
    pub(super) fn new(epoch: Epoch, classes: Classes, limits: Limits) -> Self {
        Self {
            epoch,
            head: 0,
            classes,
            keys: Keys::new(limits.idempotency_window),
            limits,
            log: BTreeMap::new(),
            topics: BTreeMap::new(),
            empty: BTreeSet::new(),
            known: 0,
            times: Times::default(),
            bytes: 0,
            topics_version: 0,
            floor: Mark::default(),
            newest_removed: 0,
            removals: 0,
            next_sweep: Timestamp::MAX,
            last_sweep: 0,
        }
    }

    /// Appends all of a batch or nothing, and adds what was stored to `stored`.
    pub(super) fn append(
        &mut self,
        batch: Vec<NewEvent>,
        now: Timestamp,
        stored: &mut Vec<Arc<StoredEvent>>,
    ) -> Result<Vec<Receipt>, AppendError> {
        let receipts = self.place(&batch, now)?;
        for (event, receipt) in batch.into_iter().zip(&receipts) {
            if !receipt.duplicate {
                stored.push(self.store(event, receipt.seq, now));
            }
        }
        Ok(receipts)
    }

    /// Removes a topic's events, its end and its idempotency keys. The place of the deletion, `None` when there is no such topic.
    pub(super) fn delete(&mut self, topic: &Topic) -> Option<u64> {
        self.topics.get(topic).filter(|entry| entry.is_known())?;
        self.keys.forget(topic);
        self.remove(topic, |_| true);
        if self.topics.get_mut(topic).and_then(|entry| entry.end.take()).is_some() {
            self.known -= 1;
        }
        self.head += 1;
        Some(self.head)
    }

    /// Applies a new configuration to everything that is stored.
    pub(super) fn set_classes(&mut self, classes: Classes, now: Timestamp) {
        self.classes = classes;
        for (topic, entry) in &mut self.topics {
            entry.retention = self.classes.of(topic).retention;
        }
        let topics: Vec<Topic> = self.topics.keys().cloned().collect();
        for topic in topics {
            self.remove(&topic, Entry::is_over);
        }
        self.next_sweep = now;
        self.sweep(now);
    }

    /// Removes the oldest events while all together take too much.
    pub(super) fn evict(&mut self) {
        while self.bytes > self.limits.memory_bytes {
            let Some(topic) = self.log.first_key_value().map(|(_, event)| event.topic.clone()) else { return };
            let mut one = true;
            self.remove(&topic, |_| std::mem::take(&mut one));
        }
    }

    /// Removes what is past its age. Cheap when called again soon.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        // A clock that was set back would otherwise stop the sweep until it has caught up.
        if now < self.next_sweep && now >= self.last_sweep {
            return;
        }
        let aged: Vec<Topic> =
            self.topics.iter().filter(|(_, entry)| entry.is_aged(now)).map(|(topic, _)| topic.clone()).collect();
        for topic in aged {
            self.remove(&topic, |entry| entry.is_aged(now));
        }
        let next = self.topics.values().filter_map(Entry::expires).min().unwrap_or(Timestamp::MAX);
        let shortest = self.classes.iter().map(|class| age(&class.retention)).filter(|age| *age > 0).min();
        let pause = shortest.map_or(0, |age| (age / 16).min(1_000_000));
        self.next_sweep = next.max(now.saturating_add(pause));
        self.last_sweep = now;
    }

    pub(super) fn bounds(&self) -> Bounds {
        let before_first = self.log.first_key_value().map_or(self.head, |(seq, _)| seq - 1);
        Bounds { epoch: self.epoch, before_first, head: self.head }
    }

    pub(super) fn seek(&self, time: Timestamp) -> u64 {
        let from = self.times.start(time);
        let found = self.log.range(from..).find(|(_, event)| event.time >= time);
        found.map_or(self.head, |(seq, _)| seq - 1)
    }

    pub(super) fn topic(&self, topic: &Topic) -> Option<TopicInfo> {
        self.topics.get(topic).filter(|entry| entry.is_known()).map(|entry| entry.info(topic))
    }

    pub(super) fn topics(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<TopicInfo> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.topics
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(|(topic, _)| topic.as_str().starts_with(prefix))
            .filter(|(_, entry)| entry.is_known())
            .take(limit)
            .map(|(topic, entry)| entry.info(topic))
            .collect()
    }

    pub(super) fn usage(&self) -> Usage {
        Usage { bytes: self.bytes, events: self.log.len() as u64, topics: self.known, segments: 0 }
    }

    /// The receipts a batch will get, or why it is refused. Duplicates come before the end of the topic, so that the
    /// repeat of a finished answer is recognised.
    fn place(&self, batch: &[NewEvent], now: Timestamp) -> Result<Vec<Receipt>, AppendError> {
        let mut head = self.head;
        let mut keys: HashMap<(&Topic, &str), u64> = HashMap::new();
        let mut ended: HashSet<&Topic> = HashSet::new();
        let mut receipts = Vec::with_capacity(batch.len());
        for event in batch {
            let key = event.idempotency_key.as_deref().map(|key| (&event.topic, key));
            if let Some(seq) = key.and_then(|at| self.keys.get(at.0, at.1, now).or_else(|| keys.get(&at).copied())) {
                receipts.push(Receipt { seq, duplicate: true });
                continue;
            }
            let finished = self.topics.get(&event.topic).is_some_and(|entry| entry.end.is_some());
            if finished || ended.contains(&event.topic) {
                return Err(AppendError::Finished(event.topic.clone()));
            }
            head += 1;
            keys.extend(key.map(|key| (key, head)));
            if event.end.is_some() {
                ended.insert(&event.topic);
            }
            receipts.push(Receipt { seq: head, duplicate: false });
        }
        Ok(receipts)
    }

    fn store(&mut self, new: NewEvent, seq: u64, now: Timestamp) -> Arc<StoredEvent> {
        let NewEvent { topic, event_type, key, idempotency_key, data, end } = new;
        if let Some(key) = idempotency_key {
            self.keys.insert(&topic, key, seq, now);
        }
        let event = Arc::new(StoredEvent { seq, time: now, topic: topic.clone(), event_type, key, data, end });
        if !self.topics.contains_key(&topic) {
            self.topics_version += 1;
            self.topics.insert(topic.clone(), Entry::new(self.classes.of(&topic).retention, self.floor));
        }
        if let Some(entry) = self.topics.get_mut(&topic) {
            self.known += u64::from(!entry.is_known());
            if entry.events.is_empty() {
                self.empty.remove(&(entry.removed.to, topic.clone()));
            }
            entry.push(Arc::clone(&event));
            self.next_sweep = self.next_sweep.min(entry.expires().unwrap_or(Timestamp::MAX));
        }
        self.head = seq;
        self.bytes += OVERHEAD + size(&event);
        self.times.note(seq, now);
        self.log.insert(seq, Arc::clone(&event));
        self.remove(&topic, Entry::is_over);
        event
    }

    /// Removes a topic's oldest events while `go` says so.
    fn remove(&mut self, topic: &Topic, mut go: impl FnMut(&Entry) -> bool) {
        let Some(entry) = self.topics.get_mut(topic) else { return };
        let before = entry.removed.to;
        let had_events = !entry.events.is_empty();
        while !entry.events.is_empty() && go(entry) {
            let Some(event) = entry.pop() else { break };
            self.log.remove(&event.seq);
            self.bytes -= OVERHEAD + size(&event);
        }
        if entry.removed.to == before {
            return;
        }
        self.removals += 1;
        entry.removed.removal = self.removals;
        self.newest_removed = self.newest_removed.max(entry.removed.to);
        if had_events && entry.events.is_empty() {
            self.known -= u64::from(!entry.is_known());
            self.empty.insert((entry.removed.to, topic.clone()));
            self.forget();
        }
        self.times.trim(self.log.first_key_value().map_or(self.head, |(seq, _)| *seq));
    }

    /// Bounds the memory for topics without events. Their end is forgotten too: it was an event like the others.
    fn forget(&mut self) {
        while self.empty.len() > MAX_EMPTY {
            let Some((_, topic)) = self.empty.pop_first() else { return };
            let Some(entry) = self.topics.remove(&topic) else { continue };
            self.known -= u64::from(entry.is_known());
            self.topics_version += 1;
            self.floor.to = self.floor.to.max(entry.removed.to);
            self.floor.removal = self.floor.removal.max(entry.removed.removal);
        }
    }
}

impl Entry {
    fn new(retention: Retention, removed: Mark) -> Self {
        Self { events: VecDeque::new(), bytes: 0, end: None, last: 0, last_time: 0, retention, removed }
    }

    fn push(&mut self, event: Arc<StoredEvent>) {
        self.bytes += size(&event);
        self.last = event.seq;
        self.last_time = event.time;
        self.end = event.end;
        self.events.push_back(event);
    }

    fn pop(&mut self) -> Option<Arc<StoredEvent>> {
        let event = self.events.pop_front()?;
        self.bytes -= size(&event);
        self.removed.to = event.seq;
        Some(event)
    }

    fn is_known(&self) -> bool {
        !self.events.is_empty() || self.end.is_some()
    }

    /// More than its limits allow.
    fn is_over(&self) -> bool {
        let Retention { events, bytes, .. } = self.retention;
        events > 0 && self.events.len() as u64 > events || bytes > 0 && self.bytes > bytes
    }

    fn is_aged(&self, now: Timestamp) -> bool {
        self.expires().is_some_and(|at| at < now)
    }

    /// When its oldest event has reached its age.
    fn expires(&self) -> Option<Timestamp> {
        let age = age(&self.retention);
        self.events.front().filter(|_| age > 0).map(|event| event.time.saturating_add(age))
    }

    fn info(&self, topic: &Topic) -> TopicInfo {
        TopicInfo {
            topic: topic.clone(),
            first: self.events.front().map_or(0, |event| event.seq),
            last: self.last,
            last_time: self.last_time,
            events: self.events.len() as u64,
            bytes: self.bytes,
            end: self.end,
        }
    }
}

fn age(retention: &Retention) -> Timestamp {
    Timestamp::try_from(retention.age.as_micros()).unwrap_or(Timestamp::MAX)
}

fn size(event: &StoredEvent) -> u64 {
    let kind = event.event_type.as_ref().map_or(0, |kind| kind.as_str().len());
    let key = event.key.as_ref().map_or(0, |key| key.len());
    (event.topic.as_str().len() + kind + key + event.data.len()) as u64
}
