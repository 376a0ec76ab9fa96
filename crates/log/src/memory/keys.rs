//! Idempotency keys: which were seen, when, and where their event stands.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::{Timestamp, Topic};

/// The keys inside the window, at most [`MAX_KEYS`].
pub(super) struct Keys {
    window: Timestamp,
    topics: HashMap<Topic, HashMap<Box<str>, Seen>>,
    /// Every key in the order it came, to forget the oldest. An entry whose key has since been forgotten or used
    /// again is told by its sequence number.
    order: VecDeque<(Topic, Box<str>, Seen)>,
}

#[derive(Clone, Copy)]
struct Seen {
    seq: u64,
    time: Timestamp,
}

/// Most keys remembered, whatever the window.
const MAX_KEYS: usize = 1 << 20;

impl Keys {
    pub(super) fn new(window: Duration) -> Self {
        Self { window: window.as_micros() as Timestamp, topics: HashMap::new(), order: VecDeque::new() }
    }

    /// Where the event stands that brought this key inside the window.
    pub(super) fn get(&self, topic: &Topic, key: &str, now: Timestamp) -> Option<u64> {
        let seen = self.topics.get(topic)?.get(key)?;
        (now.saturating_sub(seen.time) < self.window).then_some(seen.seq)
    }

    /// Remembers a key.
    pub(super) fn insert(&mut self, topic: &Topic, key: Box<str>, seq: u64, now: Timestamp) {
        let seen = Seen { seq, time: now };
        self.order.push_back((topic.clone(), key.clone(), seen));
        self.topics.entry(topic.clone()).or_default().insert(key, seen);
        self.expire(now);
    }

    /// Forgets a topic's keys.
    pub(super) fn forget(&mut self, topic: &Topic) {
        self.topics.remove(topic);
    }

    fn expire(&mut self, now: Timestamp) {
        while self.order.len() > MAX_KEYS
            || self.order.front().is_some_and(|(_, _, seen)| now.saturating_sub(seen.time) >= self.window)
        {
            let Some((topic, key, seen)) = self.order.pop_front() else { return };
            let Some(keys) = self.topics.get_mut(&topic) else { continue };
            if keys.get(&key).is_some_and(|newest| newest.seq == seen.seq) {
                keys.remove(&key);
            }
            if keys.is_empty() {
                self.topics.remove(&topic);
            }
        }
    }
}
