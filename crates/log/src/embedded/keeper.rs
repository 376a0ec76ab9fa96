//! The background thread: makes limits hold, lets old segments go, gives dead space back, forgets idle
//! topics. The writer waits for none of it, and each pass does a bounded amount.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::folder::Folder;
use super::queue::Request;
use super::shared::Shared;
use crate::{AppendError, Classes, Health};

/// Tells the keeper to stop.
#[derive(Default)]
pub(crate) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

/// The keeper's own state; nobody else sees it.
pub(crate) struct Keeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) folder: Arc<Folder>,
    pub(crate) stop: Arc<Stop>,
    /// How long an idempotency key counts, in microseconds.
    pub(crate) window: u64,
    /// Longest age of any topic of a segment, by its name, under the classes in force.
    pub(crate) ages: HashMap<String, u64>,
    pub(crate) classes: Arc<Classes>,
    /// How many floors had risen when a segment was last looked at for dead space.
    pub(crate) looked: HashMap<String, u64>,
}

/// Why a pass ended early.
pub(crate) enum Trouble {
    /// No space, or a segment cannot be read: another time.
    Later,
    /// The storage failed.
    Failed(String),
}

impl Stop {
    pub(crate) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits for the next pass; whether there is none.
    fn wait(&self) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(stopped, INTERVAL, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>, folder: Arc<Folder>, stop: Arc<Stop>, window: Duration) -> Self {
        let window = window.as_micros().min(u128::from(u64::MAX)) as u64;
        let classes = shared.index().classes.clone();
        Self { shared, folder, stop, window, ages: HashMap::new(), classes, looked: HashMap::new() }
    }

    /// Works until it is stopped or the log fails.
    pub(crate) fn run(keeper: &Mutex<Option<Self>>, stop: &Stop) {
        while !stop.wait() && Self::keep(keeper) {}
    }

    /// One pass; whether another makes sense.
    pub(crate) fn keep(keeper: &Mutex<Option<Self>>) -> bool {
        let mut keeper = keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(keeper) = keeper.as_mut() else { return false };
        if matches!(keeper.shared.health(), Health::Failed(_)) {
            return false;
        }
        match keeper.pass() {
            Err(Trouble::Failed(reason)) => {
                keeper.shared.set_health(Health::Failed(reason.clone()));
                keeper.shared.queue.fail(&AppendError::Failed(reason));
                false
            }
            Err(Trouble::Later) | Ok(()) => true,
        }
    }

    fn pass(&mut self) -> Result<(), Trouble> {
        let classes = self.shared.index().classes.clone();
        if !Arc::ptr_eq(&classes, &self.classes) {
            self.classes = classes;
            self.ages.clear();
        }
        self.shared.settle_some(SETTLE_AT_ONCE);
        self.ask_for_space();
        let now = self.shared.clock.now();
        self.expire(now)?;
        self.reclaim(now)?;
        self.forget_idle(now);
        // Last, as the writer takes it from here: a pass and the end of a segment do not meet.
        self.end_quiet(now);
        Ok(())
    }

    /// A full log is tried again although nobody appends: who asks for its health may wait for it.
    fn ask_for_space(&self) {
        if self.shared.health() == Health::Full {
            self.shared.queue.push(Request::Probe);
        }
    }

    /// Asks for the end of active segments that have been open for a good part of what their events may live, so that
    /// these can go although nothing more is written.
    fn end_quiet(&self, now: u64) {
        let index = self.shared.index();
        for (slot, chain) in index.chains.iter().enumerate() {
            let Some(active) = chain.active.as_ref().filter(|active| !active.is_empty()) else { continue };
            let open = now.saturating_sub(active.created);
            let is_due = |age: u64| age > 0 && open > age / SEGMENTS_PER_AGE;
            if is_due(self.shortest_age()) && is_due(self.longest_age(&index, active.topics())) {
                self.shared.queue.push(Request::Seal { slot, base: active.base });
            }
        }
    }

    /// Lets go of topics that have nothing left, but for the newest ones: their marks stay exact.
    fn forget_idle(&self, now: u64) {
        let mut idle: Vec<_> = {
            let index = self.shared.index();
            let idle = index.topics.iter().filter(|(_, state)| !state.exists());
            idle.map(|(id, state)| (state.last_time, id)).collect()
        };
        if idle.len() <= IDLE_TOPICS {
            return;
        }
        idle.sort_unstable();
        idle.truncate(idle.len() - IDLE_TOPICS);
        let mut index = self.shared.index_mut();
        for (last, id) in idle.into_iter().take(FORGET_AT_ONCE) {
            let gone = index.topics.get(id).is_some_and(|state| !state.exists());
            // A key of it may still be asked for.
            if gone && now.saturating_sub(last) > self.window && !index.is_listed(id) {
                index.topics.forget(id);
            }
        }
    }
}

impl From<crate::ReadError> for Trouble {
    fn from(_: crate::ReadError) -> Self {
        Self::Later
    }
}

impl Trouble {
    pub(crate) fn of(what: &str, name: &str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull => Self::Later,
            _ => Self::Failed(format!("{what} {name}: {error}")),
        }
    }
}

/// Time between passes.
const INTERVAL: Duration = Duration::from_millis(500);
/// A segment holds at most this part of the time its events live.
pub(crate) const SEGMENTS_PER_AGE: u64 = 10;
/// Topics without events that are remembered one by one.
const IDLE_TOPICS: usize = 10_000;
/// Topics whose limits are worked out in one pass; readers do it for what they read.
const SETTLE_AT_ONCE: usize = 5_000;
/// Topics forgotten in one pass, as the index is locked meanwhile.
const FORGET_AT_ONCE: usize = 1_000;
