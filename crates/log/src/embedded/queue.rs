//! The bounded queue in front of the writer. What gathers while a group is synced is the next group.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::{AppendDone, AppendError, DeleteDone, NewEvent, Topic};

/// What the writer is asked to do.
pub(crate) enum Request {
    Append {
        batch: Vec<NewEvent>,
        done: AppendDone,
    },
    Delete {
        topic: Topic,
        done: DeleteDone,
    },
    /// See whether a full disk has space again; nobody waits for it.
    Probe,
    /// End the segment of a chain that has this base; nobody waits for it.
    Seal {
        slot: usize,
        base: u64,
    },
}

/// Requests in order. Many threads push, the writer takes.
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    arrived: Condvar,
    max_bytes: usize,
}

struct Inner {
    requests: VecDeque<(Request, usize)>,
    bytes: usize,
    /// Set once nothing more is taken in, with the answer to later requests.
    refuses: Option<AppendError>,
}

impl Request {
    /// Answers that nothing was done.
    pub(crate) fn refuse(self, error: AppendError) {
        match self {
            Self::Append { done, .. } => done(Err(error)),
            Self::Delete { done, .. } => done(Err(error)),
            Self::Seal { .. } | Self::Probe => {}
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Append { batch, .. } => {
                batch.iter().map(|event| EVENT_BYTES + event.topic.as_str().len() + event.data.len()).sum()
            }
            Self::Delete { .. } | Self::Seal { .. } | Self::Probe => EVENT_BYTES,
        }
    }
}

impl Queue {
    pub(crate) fn new(max_bytes: usize) -> Self {
        let inner = Inner { requests: VecDeque::new(), bytes: 0, refuses: None };
        Self { inner: Mutex::new(inner), arrived: Condvar::new(), max_bytes: max_bytes.min(1 << 30) }
    }

    /// Queues a request, or answers it at once that it is refused. A batch larger than the whole queue is taken when
    /// the queue is empty.
    pub(crate) fn push(&self, request: Request) {
        let bytes = request.bytes();
        let mut inner = self.locked();
        let refusal = match &inner.refuses {
            Some(error) => Some(error.clone()),
            None if inner.bytes > 0 && inner.bytes + bytes > self.max_bytes => Some(AppendError::Overloaded),
            None if bytes > MAX_BATCH_BYTES => Some(AppendError::Overloaded),
            None => None,
        };
        if let Some(error) = refusal {
            drop(inner);
            return request.refuse(error);
        }
        inner.bytes += bytes;
        inner.requests.push_back((request, bytes));
        drop(inner);
        self.arrived.notify_one();
    }

    /// Waits for requests and takes about a group's worth; none once the queue is shut and empty.
    pub(crate) fn take(&self) -> Vec<Request> {
        let mut inner = self.locked();
        while inner.requests.is_empty() && inner.refuses.is_none() {
            inner = self.arrived.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut taken, mut total) = (Vec::new(), 0);
        while total < GROUP_BYTES {
            let Some((request, bytes)) = inner.requests.pop_front() else { break };
            total += bytes;
            taken.push(request);
        }
        inner.bytes -= total;
        taken
    }

    /// Takes no more requests; those that wait are still done. The first reason stays.
    pub(crate) fn shut(&self, reason: AppendError) {
        self.locked().refuses.get_or_insert(reason);
        self.arrived.notify_all();
    }

    /// Takes no more requests and refuses those that wait.
    pub(crate) fn fail(&self, reason: &AppendError) {
        let waiting = {
            let mut inner = self.locked();
            inner.refuses = Some(reason.clone());
            inner.bytes = 0;
            std::mem::take(&mut inner.requests)
        };
        for (request, _) in waiting {
            request.refuse(reason.clone());
        }
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A group is taken until it has this much; one sync then costs little against the write.
const GROUP_BYTES: usize = 8 << 20;
/// Offsets in a segment have 32 bits.
const MAX_BATCH_BYTES: usize = 1 << 30;
/// What an event costs beside its texts.
const EVENT_BYTES: usize = 96;
