//! How many connections and sessions there may be.
//!
//! Readers stay for hours and publishers for a moment: were every place for whoever comes first, a crowd of readers would shut
//! out those who have something to tell them, and the operator. So sessions have a smaller budget than connections.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Limits;
use crate::limit::Held;

/// Descriptors kept back from connections, for the log, the runtimes and whoever operates the hub (POOL-03).
const RESERVED_DESCRIPTORS: u64 = 128;
/// One place in so many is not for sessions.
const HEAD_ROOM: usize = 20;

/// The place of one connection.
pub(crate) struct Place {
    pub(crate) _budget: OwnedSemaphorePermit,
    /// What it counts as at its address.
    pub(crate) _address: Held,
}

/// The places of a hub.
#[derive(Debug)]
pub(crate) struct Budget {
    connections: usize,
    places: Arc<Semaphore>,
}

impl Budget {
    /// Raises the soft limit of descriptors to the hard one, and takes as many connections as that allows, or as are
    /// `configured` (POOL-04).
    pub(crate) fn new(configured: usize) -> Self {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
        let most = descriptors.saturating_sub(RESERVED_DESCRIPTORS).max(16) as usize;
        let connections = match configured {
            0 => most.min(Semaphore::MAX_PERMITS),
            wanted => wanted.min(most),
        };
        Self { connections, places: Arc::new(Semaphore::new(connections)) }
    }

    /// A place for a connection; waits until there is one.
    pub(crate) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        self.places.clone().acquire_owned().await.ok()
    }

    /// A place, if there is one now.
    pub(crate) fn place_now(&self) -> Option<OwnedSemaphorePermit> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Most connections.
    pub(crate) fn connections(&self) -> usize {
        self.connections
    }

    /// Connections that have a place.
    pub(crate) fn connected(&self) -> usize {
        self.connections - self.places.available_permits().min(self.connections)
    }

    /// Most sessions.
    pub(crate) fn sessions(&self, limits: &Limits) -> usize {
        match limits.sessions {
            0 => self.connections - (self.connections / HEAD_ROOM).max(1),
            configured => configured,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // POOL-03
    #[test]
    fn some_places_are_not_for_sessions() {
        let sessions = |connections, configured| {
            Budget::new(connections).sessions(&Limits { sessions: configured, ..Limits::default() })
        };
        assert_eq!([sessions(2, 0), sessions(20, 0), sessions(100, 0)], [1, 19, 95]);
        assert_eq!(sessions(20, 1000), 1000);
    }
}
