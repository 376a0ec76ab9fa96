//! What the threads of an embedded log share.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::index::Index;
use super::queue::Queue;
use super::scan::Seal;
use crate::clock::Clock;
use crate::{DurableListener, Epoch, Health};

/// Shared by callers, the writer, readers and retention.
pub(crate) struct Shared {
    index: RwLock<Index>,
    health: Mutex<Health>,
    pub(crate) queue: Queue,
    pub(crate) listener: OnceLock<DurableListener>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) epoch: Epoch,
    pub(crate) seal: Seal,
}

impl Shared {
    pub(crate) fn new(index: Index, queue: Queue, clock: Arc<dyn Clock>, epoch: Epoch, seal: Seal) -> Self {
        let (index, health) = (RwLock::new(index), Mutex::new(Health::Ready));
        Self { index, health, queue, listener: OnceLock::new(), clock, epoch, seal }
    }

    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A failure stays.
    pub(crate) fn set_health(&self, to: Health) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*health, Health::Failed(_)) {
            *health = to;
        }
    }
}
