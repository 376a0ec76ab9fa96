//! The log as it should be, in the plainest words: a list of events and a list of what was removed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use headwater_log::{
    AppendError, Classes, Durability, EndReason, Gap, NewEvent, Receipt, Selection, StoredEvent, Timestamp, Topic,
    TopicInfo,
};

use super::size;

/// The reference. Removals and appends are numbered by one clock of its own, `turn`.
pub struct Model {
    pub classes: Classes,
    pub window: Timestamp,
    pub head: u64,
    /// Events still there, in order.
    pub events: Vec<Arc<StoredEvent>>,
    /// Events no longer there, with the turn they went.
    pub removed: Vec<(Arc<StoredEvent>, u64)>,
    pub turn: u64,
    /// How topics were finished, with the record that did it.
    pub ends: HashMap<Topic, Arc<StoredEvent>>,
    /// First event and its time of every key.
    pub keys: HashMap<(Topic, Box<str>), (u64, Timestamp)>,
    /// After a restart: whoever reads topics of a memory class from before here may be told of a gap.
    pub restarted_at: u64,
}

impl Model {
    pub fn new(classes: Classes, window: Timestamp) -> Self {
        Self {
            classes,
            window,
            head: 0,
            events: Vec::new(),
            removed: Vec::new(),
            turn: 0,
            ends: HashMap::new(),
            keys: HashMap::new(),
            restarted_at: 0,
        }
    }

    /// Checks an outcome and follows it.
    pub fn append(&mut self, batch: &[NewEvent], now: Timestamp, outcome: &Result<Vec<Receipt>, AppendError>) {
        let mut new: Vec<&NewEvent> = Vec::new();
        // Per event: the first one's number, or which of the new ones it is.
        let mut expected: Vec<Result<u64, usize>> = Vec::new();
        for event in batch {
            let key = event.idempotency_key.as_deref();
            let known = key.and_then(|key| self.keys.get(&(event.topic.clone(), key.into())));
            let known = known.filter(|(_, time)| now.saturating_sub(*time) < self.window);
            let twin = key.and_then(|key| {
                new.iter().position(|first| first.topic == event.topic && first.idempotency_key.as_deref() == Some(key))
            });
            match (known, twin) {
                (Some((seq, _)), _) => expected.push(Ok(*seq)),
                (None, Some(twin)) => expected.push(Err(twin)),
                (None, None) => {
                    let ended = new.iter().any(|first| first.topic == event.topic && first.end.is_some());
                    if ended || self.ends.contains_key(&event.topic) {
                        assert_eq!(outcome, &Err(AppendError::Finished(event.topic.clone())), "a topic is finished");
                        return;
                    }
                    expected.push(Err(new.len()));
                    new.push(event);
                }
            }
        }
        let receipts = outcome.as_ref().unwrap_or_else(|error| panic!("refused: {error}"));
        assert_eq!(receipts.len(), batch.len());
        let mut stored: Vec<u64> = Vec::new();
        for (receipt, expected) in receipts.iter().zip(expected) {
            match expected {
                Ok(seq) => assert_eq!(*receipt, Receipt { seq, duplicate: true }),
                Err(at) if at < stored.len() => assert_eq!(*receipt, Receipt { seq: stored[at], duplicate: true }),
                Err(_) => {
                    assert!(!receipt.duplicate, "{receipt:?} is new");
                    assert!(receipt.seq > self.head, "{receipt:?} comes after {}", self.head);
                    self.head = receipt.seq;
                    stored.push(receipt.seq);
                }
            }
        }
        self.turn += 1;
        for (event, seq) in new.into_iter().zip(stored) {
            self.store(event, seq, now);
        }
    }

    fn store(&mut self, event: &NewEvent, seq: u64, time: Timestamp) {
        let NewEvent { topic, event_type, key, idempotency_key, data, end } = event.clone();
        let stored = Arc::new(StoredEvent { seq, time, topic, event_type, key, data, end });
        if let Some(key) = idempotency_key {
            self.keys.insert((event.topic.clone(), key), (seq, time));
        }
        if end.is_some() {
            self.ends.insert(event.topic.clone(), Arc::clone(&stored));
        }
        self.events.push(stored);
        self.limit(&event.topic);
    }

    /// Applies the limits per topic.
    pub fn limit(&mut self, topic: &Topic) {
        let retention = self.classes.of(topic).retention;
        loop {
            let (count, bytes) = self
                .events
                .iter()
                .filter(|event| event.topic == *topic)
                .fold((0, 0), |sum, event| (sum.0 + 1, sum.1 + size(event)));
            let over =
                retention.events > 0 && count > retention.events || retention.bytes > 0 && bytes > retention.bytes;
            if !over {
                return;
            }
            let oldest = self.events.iter().position(|event| event.topic == *topic).unwrap();
            self.removed.push((self.events.remove(oldest), self.turn));
        }
    }

    pub fn delete(&mut self, topic: &Topic, outcome: bool, head: u64) {
        self.turn += 1;
        assert_eq!(outcome, self.topic(topic).is_some(), "whether there was a topic {topic}");
        if outcome {
            assert!(head > self.head, "a deletion takes a position");
        }
        self.head = head;
        self.lose(|event| event.topic == *topic);
        self.ends.remove(topic);
        self.keys.retain(|(of, _), _| of != topic);
    }

    /// The process ends: what a class keeps in memory is gone.
    pub fn restart(&mut self, head: u64) {
        self.turn += 1;
        assert!(head >= self.head, "the log went back from {} to {head}", self.head);
        self.head = head;
        self.restarted_at = head;
        let classes = self.classes.clone();
        let in_memory = move |topic: &Topic| classes.of(topic).durability == Durability::Memory;
        self.ends.retain(|topic, _| !in_memory(topic));
        self.keys.retain(|(topic, _), _| !in_memory(topic));
        self.lose(|event| in_memory(&event.topic));
    }

    fn lose(&mut self, mut lost: impl FnMut(&StoredEvent) -> bool) {
        let turn = self.turn;
        self.removed.extend(self.events.iter().filter(|event| lost(event)).map(|event| (Arc::clone(event), turn)));
        self.events.retain(|event| !lost(event));
    }

    pub fn selected(&self, selection: &Selection, after: u64) -> Vec<Arc<StoredEvent>> {
        self.events.iter().filter(|e| e.seq > after && selection.matches(&e.topic)).cloned().collect()
    }

    /// Checks what is said to whoever resumes from a place.
    pub fn check_gap(&self, selection: &Selection, after: u64, said: Option<Gap>) {
        let gone = |(event, _): &&(Arc<StoredEvent>, u64)| event.seq > after && selection.matches(&event.topic);
        let removed = self.removed.iter().filter(gone).map(|(event, _)| event.seq).max();
        let left = self.selected(selection, after).first().map(|event| event.seq);
        let Some(gap) = said else {
            return assert_eq!(removed, None, "a gap after {after} of {selection:?} was not told");
        };
        assert!(
            gap.after == after && gap.upto >= after && left.is_none_or(|left| gap.upto < left),
            "{gap:?} after {after}, next is {left:?}"
        );
        match removed {
            Some(removed) if left.is_none() && after >= self.restarted_at => {
                assert_eq!(gap.upto, removed, "with nothing left, a gap ends at the newest removed event");
            }
            Some(_) => {}
            None => {
                let in_memory = self.classes.iter().any(|class| class.durability == Durability::Memory);
                assert!(in_memory && after < self.restarted_at, "{gap:?} without a removal");
            }
        }
    }

    /// Whether a gap is about something.
    pub fn lost(&self, selection: &Selection, gap: Gap) -> bool {
        let within = |seq: u64| gap.after < seq && seq <= gap.upto;
        self.removed.iter().any(|(event, _)| within(event.seq) && selection.matches(&event.topic))
    }

    /// Checks that every removed event between `start` and `upto` of some topics was delivered before or told as
    /// missing.
    pub fn check_told(
        &self,
        since: u64,
        start: u64,
        upto: u64,
        delivered: &HashSet<u64>,
        told: &[Gap],
        of: impl Fn(&Topic) -> bool,
    ) {
        for (event, turn) in &self.removed {
            let seq = event.seq;
            if *turn > since && start < seq && seq <= upto && of(&event.topic) && !delivered.contains(&seq) {
                let covered = told.iter().any(|gap| gap.after < seq && seq <= gap.upto);
                assert!(covered, "{event:?} is missing, told was {told:?} up to {upto}");
            }
        }
    }

    pub fn topic(&self, topic: &Topic) -> Option<TopicInfo> {
        let events: Vec<_> = self.events.iter().filter(|event| event.topic == *topic).collect();
        let end = self.ends.get(topic);
        let newest = events.last().copied().or(end)?;
        Some(TopicInfo {
            topic: topic.clone(),
            first: events.first().map_or(0, |event| event.seq),
            last: newest.seq,
            last_time: newest.time,
            events: events.len() as u64,
            bytes: events.iter().map(|event| size(event)).sum(),
            end: end.and_then(|record| record.end),
        })
    }

    pub fn topics(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<TopicInfo> {
        let mut names: Vec<&Topic> = self.events.iter().map(|event| &event.topic).chain(self.ends.keys()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| name.as_str().starts_with(prefix) && after.is_none_or(|after| name.as_str() > after));
        names.into_iter().take(limit).filter_map(|name| self.topic(name)).collect()
    }

    pub fn end(&self, topic: &Topic) -> Option<EndReason> {
        self.ends.get(topic).and_then(|record| record.end)
    }
}
