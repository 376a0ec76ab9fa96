//! The place in a file, kept from one run to the next.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use headwater_client::{BoxError, FileStore, Store, StoreFuture};

use crate::Failure;

/// A store in a file, with an id to start after where the file has none.
pub(super) struct Place {
    file: FileStore,
    first: Option<String>,
    /// Held as long as this run uses the file.
    _lock: File,
}

impl Place {
    /// Tries whether the file can be read and written, before there is anything to lose.
    pub(super) async fn open(path: &Path, key: &str, first: Option<String>) -> Result<Self, Failure> {
        // Behind a link, which is to stay one.
        let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let place = Self { _lock: lock(path)?, file: FileStore::new(path), first };
        let failed = |error: BoxError| Failure::Run(error.to_string());
        let id = place.load(key).await.map_err(failed)?;
        place.save(key, &id.unwrap_or_default()).await.map_err(failed)?;
        Ok(place)
    }
}

/// Keeps other runs from the file: a file of its own, as the other is replaced at every save.
fn lock(path: &Path) -> Result<File, Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let named = path.with_file_name(name);
    let failed = |error: &io::Error| Failure::Run(format!("failed to write {}: {error}", named.display()));
    let file = File::options().create(true).append(true).open(&named).map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let name = path.display();
            Err(Failure::Run(format!("another run keeps its place in {name}: end it, or name another file")))
        }
        Err(TryLockError::Error(error)) => Err(failed(&error)),
    }
}

impl Store for Place {
    fn load<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<String>> {
        Box::pin(async move {
            let kept = self.file.load(key).await?.filter(|id| !id.is_empty());
            Ok(kept.or_else(|| self.first.clone()))
        })
    }

    fn save<'a>(&'a self, key: &'a str, id: &'a str) -> StoreFuture<'a, ()> {
        self.file.save(key, id)
    }
}

/// What the place is kept under: the topics, in whatever order they are named. None of them has a line feed.
pub(super) fn key(topics: &[String]) -> String {
    let mut sorted: Vec<&str> = topics.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.join("\n")
}
