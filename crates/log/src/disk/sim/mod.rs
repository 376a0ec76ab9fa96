//! A file system in memory that breaks on request, the same way for the same seed.
//!
//! It tells what a program wrote from what a disk would still hold after a power cut: bytes count only after
//! [`File::sync`], names only after [`Disk::sync_dir`]. [`SimDisk::reboot`] cuts the power and keeps as much of the rest
//! as [`Loss`] says, torn wherever a disk may tear. [`SimDisk::fail_at`] makes the n-th operation fail.

mod file;
mod image;
mod rng;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::file::SimFile;
use self::image::Image;
use super::{Disk, File};

/// A simulated disk as one run of the machine sees it. Clones are the same disk; after [`SimDisk::reboot`] this handle
/// and all files opened through it are dead.
#[derive(Clone)]
pub struct SimDisk {
    image: Arc<Mutex<Image>>,
    /// Which run of the machine this handle belongs to.
    run: u64,
}

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An I/O error. A failed write has done nothing; a failed sync has lost what it likes, and for good.
    Error,
    /// An I/O error after part of a write, down to none of it. Like `Error` for anything else.
    Short,
    /// No space left, after part of a write, down to none of it. Like `Error` for reads and syncs.
    Full,
    /// The power goes: this and everything later fails, until [`SimDisk::reboot`].
    Crash,
}

/// What a power cut takes of everything that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing: the process was killed, the machine went on. What was not synced still is not.
    Nothing,
    /// Everything.
    All,
    /// Everything after a random place in the order of the operations; the write there is torn at any byte.
    Tail,
    /// Random sectors of 512 bytes, in no order. Names still go in the order of the operations.
    Sectors,
}

/// The number of an operation, from 1. Every call of [`Disk`] and [`File`] is one, except `len` and `lock`.
pub type OpNumber = u64;

impl SimDisk {
    /// An empty disk. Everything random follows from the seed.
    pub fn new(seed: u64) -> Self {
        Self { image: Arc::new(Mutex::new(Image::new(seed))), run: 0 }
    }

    /// Operations so far, over all runs.
    pub fn operations(&self) -> OpNumber {
        self.image().history.len() as OpNumber
    }

    /// What each operation was, in order.
    pub fn history(&self) -> Vec<&'static str> {
        self.image().history.clone()
    }

    /// Makes one operation fail.
    pub fn fail_at(&self, operation: OpNumber, fault: Fault) {
        self.image().faults.insert(operation, fault);
    }

    /// Takes back every fault that has not happened yet.
    pub fn heal(&self) {
        self.image().faults.clear();
    }

    /// The operations that failed on request, in words.
    pub fn failures(&self) -> Vec<String> {
        self.image().failures.clone()
    }

    /// Bounds the disk to so many bytes, in pages of 4 KiB; `None` for no bound.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.image().capacity = bytes;
    }

    /// Bytes in use, in pages of 4 KiB.
    pub fn used(&self) -> u64 {
        self.image().used()
    }

    /// Cuts the power, drops what `loss` says and starts the machine again: the disk as the next run sees it.
    #[must_use]
    pub fn reboot(&self, loss: Loss) -> Self {
        Self { image: Arc::clone(&self.image), run: self.image().reboot(loss) }
    }

    /// A copy of the disk that goes its own way from here, without the faults that are still to come.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { image: Arc::new(Mutex::new(self.image().fork())), run: self.run }
    }

    /// The files with their lengths.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        self.image().files()
    }

    /// Flips bits of a byte, on the disk and in what readers see.
    ///
    /// # Errors
    /// `NotFound` when there is no such file, `UnexpectedEof` when it ends before.
    pub fn flip(&self, path: &Path, offset: u64, bits: u8) -> io::Result<()> {
        self.image().flip(path, offset, bits)
    }

    fn image(&self) -> MutexGuard<'_, Image> {
        self.image.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, inode: u64) -> Arc<dyn File> {
        Arc::new(SimFile { disk: self.clone(), inode })
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimDisk").field("run", &self.run).field("operations", &self.operations()).finish()
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.image().begin(self.run, "create_dir", path)?.done()
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut image = self.image();
        image.begin(self.run, "create", path)?.done()?;
        let inode = image.create(path)?;
        Ok(self.file(inode))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut image = self.image();
        image.begin(self.run, "open", path)?.done()?;
        let inode = image.find(path)?;
        Ok(self.file(inode))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut image = self.image();
        image.begin(self.run, "list", path)?.done()?;
        Ok(image.list(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut image = self.image();
        image.begin(self.run, "rename", to)?.done()?;
        image.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut image = self.image();
        image.begin(self.run, "remove", path)?.done()?;
        image.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut image = self.image();
        let begun = image.begin(self.run, "sync_dir", path)?;
        if begun.fault.is_none() {
            image.sync_dir(path);
        }
        begun.done()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.image().lock(self.run, path)?;
        Ok(Box::new(Lock { disk: self.clone(), path: path.to_owned() }))
    }
}

/// Gives a lock back when it is dropped.
struct Lock {
    disk: SimDisk,
    path: PathBuf,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.disk.image().unlock(self.disk.run, &self.path);
    }
}
