//! The seam between the log and the file system.
//!
//! Everything the log does to files goes through [`Disk`] and [`File`], so that tests inject faults into
//! the real code. [`OsDisk`] is the real thing and the only place of the crate that touches `std::fs`.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod os;
#[cfg(feature = "sim")]
pub mod sim;

pub use os::OsDisk;

/// A file system. Paths are those the log was opened with, joined with names it chose itself.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Makes a folder and its parents, durably; fine if it is there.
    ///
    /// # Errors
    /// What the file system says.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Creates a new, empty file, readable and writable.
    ///
    /// # Errors
    /// `AlreadyExists` when there is one; else what the file system says.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// Opens an existing file, readable and writable.
    ///
    /// # Errors
    /// `NotFound` when there is none; else what the file system says.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn File>>;

    /// The files of a folder, in no order.
    ///
    /// # Errors
    /// What the file system says.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;

    /// Replaces `to` by `from` in one step. Durable after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// What the file system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. Open files stay readable.
    ///
    /// # Errors
    /// What the file system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes creations, renames and removals in a folder durable.
    ///
    /// # Errors
    /// What the file system says; never try again.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Takes the exclusive lock of a file (created when missing), released when the guard is dropped or
    /// the process ends.
    ///
    /// # Errors
    /// `WouldBlock` when somebody else holds it; else what the file system says.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
}

/// An open file.
#[expect(clippy::len_without_is_empty, reason = "nothing asks whether a file is empty")]
pub trait File: Debug + Send + Sync + 'static {
    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before; else what the file system says.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`. May leave a part written when it fails.
    ///
    /// # Errors
    /// `StorageFull` when there is no space; else what the file system says.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts or extends (sparsely) to `length`.
    ///
    /// # Errors
    /// What the file system says.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// The length.
    ///
    /// # Errors
    /// What the file system says.
    fn len(&self) -> io::Result<u64>;

    /// Makes data and length durable (`fdatasync`).
    ///
    /// # Errors
    /// What the file system says; never try again.
    fn sync(&self) -> io::Result<()>;
}
