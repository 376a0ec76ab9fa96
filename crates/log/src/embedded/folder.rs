//! The folder of a log: its lock, its manifest, and replacing small files safely.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::options::OpenError;
use super::scan::Seal;
use crate::Epoch;
use crate::disk::{Disk, File};
use crate::format::manifest::{Manifest, ManifestFault};
use crate::format::marks::Marks;

/// A folder held by this log.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) disk: Arc<dyn Disk>,
    /// Released on drop.
    _lock: Box<dyn Send + Sync>,
}

impl Folder {
    /// Makes the folder if needed and takes its lock.
    pub(crate) fn lock(path: &Path, disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        disk.create_dir(path).map_err(|error| storage(path, &error))?;
        let lock = path.join(LOCK);
        let lock = disk.lock(&lock).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => OpenError::Locked(path.to_owned()),
            _ => storage(&lock, &error),
        })?;
        Ok(Self { path: path.to_owned(), disk, _lock: lock })
    }

    /// The manifest; a new one in a folder without segments.
    pub(crate) fn load_manifest(&self, has_segments: bool) -> Result<Manifest, OpenError> {
        let path = self.path.join(MANIFEST);
        match self.read_small(MANIFEST) {
            Ok(bytes) => Manifest::decode(&bytes).map_err(|fault| match fault {
                ManifestFault::Version(version) => OpenError::Version { file: path, version },
                ManifestFault::Damaged => OpenError::Damaged { file: path, offset: 0 },
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !has_segments => {
                let manifest = new_manifest();
                self.save(MANIFEST, &manifest.encode()).map_err(|error| storage(&path, &error))?;
                Ok(manifest)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::Missing(path)),
            Err(error) => Err(storage(&path, &error)),
        }
    }

    pub(crate) fn save_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        self.save(MANIFEST, &manifest.encode())
    }

    /// The marks file; empty when there is none or it is damaged, which opening allows for.
    pub(crate) fn load_marks(&self, seal: Seal) -> Result<Marks, OpenError> {
        match self.read_small(MARKS) {
            Ok(bytes) => Ok(Marks::decode(&bytes, seal.checksum).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Marks::default()),
            Err(error) => Err(storage(&self.path.join(MARKS), &error)),
        }
    }

    pub(crate) fn save_marks(&self, marks: &Marks, seal: Seal) -> io::Result<()> {
        self.save(MARKS, &marks.encode(seal.checksum))
    }

    /// A small file, whole.
    pub(crate) fn read_small(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.disk.open(&self.path.join(name))?;
        let mut bytes = vec![0; file.len()? as usize];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Replaces a small file in one step: afterwards it is the new one, after a crash before that the old one.
    pub(crate) fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let (path, fresh) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let file = self.create_anew(&fresh)?;
        file.write_all_at(bytes, 0)?;
        file.sync()?;
        self.disk.rename(&fresh, &path)?;
        self.disk.sync_dir(&self.path)
    }

    /// An empty file, whatever an interrupted attempt left under its name.
    pub(crate) fn create_anew(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        match self.disk.create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(path)?;
                self.disk.create(path)
            }
            outcome => outcome,
        }
    }
}

impl Seal {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        Self { checksum: manifest.checksum(), epoch: manifest.origin.get() }
    }
}

pub(crate) fn storage(file: &Path, error: &io::Error) -> OpenError {
    OpenError::Storage { file: file.to_owned(), cause: error.to_string() }
}

/// A manifest with an epoch and a salt of its own.
fn new_manifest() -> Manifest {
    let epoch = random_epoch();
    Manifest { epoch, origin: epoch, salt: random(), reserved: 0, chains: Vec::new() }
}

pub(crate) fn random_epoch() -> Epoch {
    Epoch::new((random() as u32).max(1)).expect("at least 1")
}

/// The keys of `RandomState` come from the system's random source.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

const LOCK: &str = "lock";
pub(crate) const MANIFEST: &str = "manifest";
const MARKS: &str = "marks";
