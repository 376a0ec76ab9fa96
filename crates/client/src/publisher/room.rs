//! The bound of what waits to be stored.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

/// Room for events and their bytes, given in the order in which it is asked for.
#[derive(Debug)]
pub(super) struct Room {
    events: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    most_events: u32,
    most_bytes: u32,
    /// Held while somebody waits, so that a small event does not overtake a large one.
    turn: Mutex<()>,
}

/// A place that is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _events: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

/// There will be no room any more.
#[derive(Debug)]
pub(super) struct Ended;

impl Room {
    pub(super) fn new(events: usize, bytes: usize) -> Self {
        let whole = |most: usize| u32::try_from(most).unwrap_or(u32::MAX).max(1);
        let (most_events, most_bytes) = (whole(events), whole(bytes));
        Self {
            events: Arc::new(Semaphore::new(most_events as usize)),
            bytes: Arc::new(Semaphore::new(most_bytes as usize)),
            most_events,
            most_bytes,
            turn: Mutex::new(()),
        }
    }

    /// Waits for room, then calls `enter` before anybody else has a turn. What is larger than everything enters when it
    /// is alone.
    pub(super) async fn enter<T>(
        &self,
        events: usize,
        bytes: usize,
        enter: impl FnOnce(Place) -> T,
    ) -> Result<T, Ended> {
        let part = |size: usize, most: u32| u32::try_from(size).unwrap_or(u32::MAX).min(most);
        let _turn = self.turn.lock().await;
        let events = self.events.clone().acquire_many_owned(part(events, self.most_events)).await;
        let bytes = self.bytes.clone().acquire_many_owned(part(bytes, self.most_bytes)).await;
        match (events, bytes) {
            (Ok(events), Ok(bytes)) => Ok(enter(Place { _events: events, _bytes: bytes })),
            _ => Err(Ended),
        }
    }

    /// Whoever waits, or comes, is refused.
    pub(super) fn end(&self) {
        self.events.close();
        self.bytes.close();
    }
}
