//! Events on their way, and their ids when they are stored.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use headwater_client::{PublishError, Receipt, Stored};

/// Waits for events in the order in which they were handed over.
pub(super) struct Receipts {
    waiting: VecDeque<Receipt>,
    ids: Ids,
    /// Events handed over.
    taken: u64,
    stored: u64,
    /// Whether a hub has answered.
    met: Arc<AtomicBool>,
    /// Why ids could not be printed.
    unprinted: Option<io::Error>,
}

/// An event that is not stored, and its number from 1.
pub(super) struct Unstored {
    pub(super) number: u64,
    pub(super) error: PublishError,
}

/// How ids are shown.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ids {
    Plain,
    Json,
    Hidden,
}

impl Ids {
    pub(super) fn new(json: bool, hidden: bool) -> Self {
        match (json, hidden) {
            (true, _) => Self::Json,
            (_, true) => Self::Hidden,
            _ => Self::Plain,
        }
    }
}

impl Receipts {
    /// None are on their way. With the first event that is stored there is a hub.
    pub(super) fn new(ids: Ids, met: Arc<AtomicBool>) -> Self {
        Self { waiting: VecDeque::new(), ids, taken: 0, stored: 0, met, unprinted: None }
    }

    /// An event was handed over.
    pub(super) fn push(&mut self, receipt: Receipt) {
        self.waiting.push_back(receipt);
        self.taken += 1;
    }

    /// How many were.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many of them are stored.
    pub(super) fn stored(&self) -> u64 {
        self.stored
    }

    /// Whether none is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Waits until the first of those on their way is stored. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Result<(), Unstored> {
        let Some(first) = self.waiting.front_mut() else { return Ok(()) };
        let outcome = first.await;
        let number = self.taken + 1 - self.waiting.len() as u64;
        self.waiting.pop_front();
        let stored = outcome.map_err(|error| Unstored { number, error })?;
        self.stored += 1;
        self.met.store(true, Ordering::Relaxed);
        self.show(&stored);
        Ok(())
    }

    /// Waits until all are stored.
    pub(super) async fn all(&mut self) -> Result<(), Unstored> {
        while !self.is_empty() {
            self.next().await?;
        }
        Ok(())
    }

    /// Waits until it is known of all whether they are stored.
    pub(super) async fn settle(&mut self) {
        while !self.is_empty() {
            // The first that was not has been told.
            let _ = self.next().await;
        }
    }

    /// Prints an id. Whoever does not want to read it wants the events to be published all the same.
    pub(super) fn show(&mut self, stored: &Stored) {
        let line = match self.ids {
            Ids::Plain => format!("{}\n", stored.id),
            Ids::Json => format!("{}\n", serde_json::json!({ "id": stored.id })),
            Ids::Hidden => return,
        };
        if let Err(error) = io::stdout().write_all(line.as_bytes())
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            self.unprinted.get_or_insert(error);
        }
    }

    /// Why ids could not be printed, if somebody wanted to read them.
    pub(super) fn unprinted(&mut self) -> Result<(), io::Error> {
        self.unprinted.take().map_or(Ok(()), Err)
    }
}
