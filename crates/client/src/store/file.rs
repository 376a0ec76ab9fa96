//! A store that outlives the process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Store, StoreFuture};
use crate::error::BoxError;

/// Keeps ids in a file: a JSON object of keys and ids.
///
/// The file is replaced as a whole, so that it holds the old or the new id at any moment, also when the machine fails. Its
/// permissions stay as they are. It belongs to one process; clones of a store share it.
#[derive(Clone, Debug)]
pub struct FileStore {
    file: Arc<Mutex<PathBuf>>,
}

impl FileStore {
    /// A store in this file, which is made by the first save. Its folder has to be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { file: Arc::new(Mutex::new(path.into())) }
    }

    /// Runs where it may block.
    fn with_file<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, BoxError> + Send + 'static,
    ) -> StoreFuture<'static, T> {
        let file = self.file.clone();
        Box::pin(async move {
            tokio::task::spawn_blocking(move || work(&file.lock().unwrap_or_else(PoisonError::into_inner))).await?
        })
    }
}

impl Store for FileStore {
    fn load<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<String>> {
        let key = key.to_owned();
        self.with_file(move |path| Ok(read(path)?.remove(&key)))
    }

    fn save<'a>(&'a self, key: &'a str, id: &'a str) -> StoreFuture<'a, ()> {
        let (key, id) = (key.to_owned(), id.to_owned());
        self.with_file(move |path| {
            let mut ids = read(path)?;
            ids.insert(key, id);
            replace(path, &serde_json::to_vec_pretty(&ids)?)
                .map_err(|error| format!("failed to write {}: {error}", path.display()).into())
        })
    }
}

fn read(path: &Path) -> Result<BTreeMap<String, String>, BoxError> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(format!("failed to read {}: {error}", path.display()).into()),
        Ok(text) => text,
    };
    serde_json::from_slice(&text).map_err(|error| {
        format!("{} is no file of ids: {error}; remove it to start anew, or name another", path.display()).into()
    })
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = File::create(&new)?;
    let replaced = file.write_all(content).and_then(|()| {
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&new, path)
    });
    if replaced.is_err() {
        // What is half written is of no use to anybody.
        let _ = fs::remove_file(&new);
    }
    replaced
}
