//! Telling a subscription from elsewhere what to do.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use crate::state::State;

/// Restarts or closes a [`Subscription`](super::Subscription) from elsewhere, while it is being read.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// What a subscription is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Signal {
    Restart,
    Close,
}

/// What a subscription shares with its handles.
#[derive(Debug)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    signal: Option<Signal>,
    /// Of the task that reads.
    waker: Option<Waker>,
    state: State,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Drops the connection, or the wait for one, and reconnects at once: for a program that knows that the network has
    /// changed, or that does not want to wait.
    pub fn restart(&self) {
        self.shared.signal(Signal::Restart);
    }

    /// Ends the subscription. Items that were not asked for are dropped, and count as not handled.
    pub fn close(&self) {
        self.shared.signal(Signal::Close);
    }

    /// The state of the subscription.
    pub fn state(&self) -> State {
        self.shared.state()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("state", &self.state()).finish()
    }
}

impl Shared {
    pub(super) fn new() -> Self {
        Self { inner: Mutex::new(Inner { signal: None, waker: None, state: State::Connecting }) }
    }

    /// What was asked, once; `waker` is woken when there is something the next time.
    pub(super) fn take_signal(&self, waker: &Waker) -> Option<Signal> {
        let mut inner = self.lock();
        match &mut inner.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        inner.signal.take()
    }

    pub(super) fn state(&self) -> State {
        self.lock().state.clone()
    }

    pub(super) fn set_state(&self, state: State) {
        self.lock().state = state;
    }

    fn signal(&self, signal: Signal) {
        let mut inner = self.lock();
        // Closing wins.
        inner.signal = inner.signal.max(Some(signal));
        if let Some(waker) = inner.waker.take() {
            drop(inner);
            waker.wake();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Nothing in here panics while it holds the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
