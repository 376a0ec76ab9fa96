//! A store that lasts as long as the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Store, StoreFuture};

/// Keeps ids in memory, for subscriptions that are opened again in the same process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    ids: Arc<Mutex<HashMap<String, String>>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemoryStore {
    fn load<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<String>> {
        let id = self.ids.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        Box::pin(std::future::ready(Ok(id)))
    }

    fn save<'a>(&'a self, key: &'a str, id: &'a str) -> StoreFuture<'a, ()> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(key.into(), id.into());
        Box::pin(std::future::ready(Ok(())))
    }
}
