//! The place in a file, kept from one run to the next.

use std::path::Path;

use headwater_client::{BoxError, FileStore, Store, StoreFuture};

use crate::Failure;

/// A store in a file, with an id to start after where the file has none.
pub(super) struct Place {
    file: FileStore,
    first: Option<String>,
}

impl Place {
    /// Tries whether the file can be read and written, before there is anything to lose.
    pub(super) async fn open(path: &Path, key: &str, first: Option<String>) -> Result<Self, Failure> {
        let place = Self { file: FileStore::new(path), first };
        let failed = |error: BoxError| Failure::Run(error.to_string());
        let id = place.load(key).await.map_err(failed)?;
        place.save(key, &id.unwrap_or_default()).await.map_err(failed)?;
        Ok(place)
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
