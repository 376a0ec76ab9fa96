//! The ids that were received, to know an event that comes again.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap, RandomState};
use std::hash::BuildHasher as _;

/// The ids of the newest events, each with the connection it was first received on.
///
/// Not the ids are kept but fingerprints under a random key, so that memory is bounded however long ids are. That two
/// ids share one is less likely than a broken memory chip, and nobody who does not know the key can bring it about.
#[derive(Debug)]
pub(super) struct Known {
    /// At most `MOST`.
    connections: HashMap<u64, u64>,
    /// The same fingerprints, oldest first.
    order: VecDeque<u64>,
    /// The number of the connection that is read.
    current: u64,
    hasher: RandomState,
}

/// How many ids are known.
pub(super) const MOST: usize = 1024;

impl Known {
    pub(super) fn new() -> Self {
        Self { connections: HashMap::new(), order: VecDeque::new(), current: 0, hasher: RandomState::new() }
    }

    /// What is received from now on comes over another connection.
    pub(super) fn connect(&mut self) {
        self.current += 1;
    }

    /// Takes note of an id; tells whether it was received on an earlier connection.
    pub(super) fn is_repeated(&mut self, id: &str) -> bool {
        let print = self.hasher.hash_one(id);
        match self.connections.entry(print) {
            Entry::Occupied(first) => *first.get() < self.current,
            Entry::Vacant(entry) => {
                entry.insert(self.current);
                self.order.push_back(print);
                if self.order.len() > MOST
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.connections.remove(&oldest);
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, MOST};

    /// CLI-02, IDG-08: the set is bounded, and the newest stay.
    #[test]
    fn the_newest_ids_are_known_on_the_next_connection() {
        let mut known = Known::new();
        let ids: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
        assert!(ids.iter().all(|id| !known.is_repeated(id)));
        assert_eq!((known.connections.len(), known.order.len()), (MOST, MOST));
        known.connect();
        assert!(ids[5000 - MOST..].iter().all(|id| known.is_repeated(id)));
        assert!(!known.is_repeated("0"));
    }

    #[test]
    fn an_id_that_comes_twice_on_one_connection_is_not_repeated() {
        let mut known = Known::new();
        assert!(!known.is_repeated("1"));
        assert!(!known.is_repeated("1"));
        known.connect();
        assert!(known.is_repeated("1"));
        assert!(known.is_repeated("1"));
    }
}
