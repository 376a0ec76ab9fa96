//! Idempotency keys inside their window: which number a topic and key got first.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::Timestamp;

/// The keys of the window, by hash. Owned by the writer. A hit is only a hint: whoever asks compares
/// with the stored record, so a collision costs a look and never an event.
#[derive(Debug)]
pub(crate) struct Keys {
    salt: u64,
    window: u64,
    by_hash: HashMap<u64, u64>,
    /// In order of time, to forget from the front.
    order: VecDeque<(Timestamp, u64, u64)>,
}

/// Most keys remembered; beyond it the oldest go before their time. about 50 bytes each.
const MAX_KEYS: usize = 4 << 20;

impl Keys {
    pub(crate) fn new(salt: u64, window: Duration) -> Self {
        let window = window.as_micros().min(u128::from(u64::MAX)) as u64;
        Self { salt, window, by_hash: HashMap::new(), order: VecDeque::new() }
    }

    /// The hash of a topic and key. Stored in footers, so it never changes: FNV-1a from a secret start, mixed.
    pub(crate) fn hash(&self, topic: &str, key: &str) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325 ^ self.salt;
        for byte in topic.bytes().chain([0]).chain(key.bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        hash ^= hash >> 32;
        hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
        hash ^ (hash >> 32)
    }

    /// The number that this hash stands for.
    pub(crate) fn get(&self, hash: u64) -> Option<u64> {
        self.by_hash.get(&hash).copied()
    }

    pub(crate) fn insert(&mut self, hash: u64, seq: u64, time: Timestamp) {
        self.by_hash.insert(hash, seq);
        self.order.push_back((time, hash, seq));
        if self.order.len() > MAX_KEYS {
            self.pop();
        }
    }

    /// Whether a key of that time still counts.
    pub(crate) fn covers(&self, time: Timestamp, now: Timestamp) -> bool {
        now.saturating_sub(time) < self.window
    }

    /// Forgets what is older than the window.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|(time, ..)| !self.covers(*time, now)) {
            self.pop();
        }
        if self.order.is_empty() {
            self.by_hash = HashMap::new();
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.by_hash.len()
    }

    fn pop(&mut self) {
        let Some((_, hash, seq)) = self.order.pop_front() else { return };
        // A deleted topic's key may have been used again since.
        if self.get(hash) == Some(seq) {
            self.by_hash.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_leave_with_the_window() {
        let mut keys = Keys::new(1, Duration::from_micros(10));
        let (first, second) = (keys.hash("t", "a"), keys.hash("t", "b"));
        assert_ne!(first, second);
        keys.insert(first, 1, 100);
        keys.insert(second, 2, 105);
        keys.expire(109);
        assert_eq!((keys.get(first), keys.get(second)), (Some(1), Some(2)));
        keys.expire(110);
        assert_eq!((keys.get(first), keys.get(second)), (None, Some(2)));
        keys.expire(200);
        assert_eq!(keys.len(), 0);
    }

    #[test]
    fn the_hash_is_stable() {
        assert_eq!(Keys::new(0, Duration::ZERO).hash("topic", "key"), 0x2df1_c9c9_891d_41ba);
    }
}
