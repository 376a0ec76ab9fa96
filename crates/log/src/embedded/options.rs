//! How an embedded log is opened, and why it may not be.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::Classes;
use crate::clock::{Clock, SystemClock};
use crate::disk::{Disk, OsDisk};

/// Settings of an [`Embedded`](crate::Embedded) log.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Where the files are; made when missing.
    pub folder: PathBuf,
    /// Durability and retention of topics.
    pub classes: Classes,
    /// Size at which a segment file is sealed, in bytes. Default 64 MiB; at least 4 KiB, at most 1 GiB.
    pub segment_bytes: u64,
    /// How long an idempotency key is remembered. Default 10 minutes.
    pub idempotency_window: Duration,
    /// Most bytes of batches that wait for the writer; more are refused. Default 64 MiB.
    pub queue_bytes: usize,
    /// Most bytes that events of memory durability take; the oldest go first. Default 64 MiB.
    pub memory_bytes: u64,
    /// The file system.
    pub disk: Arc<dyn Disk>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

impl EmbeddedOptions {
    /// The defaults for a folder on this machine.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            classes: Classes::default(),
            segment_bytes: 64 << 20,
            idempotency_window: Duration::from_secs(600),
            queue_bytes: 64 << 20,
            memory_bytes: 64 << 20,
            disk: Arc::new(OsDisk),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why a log was not opened. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another log of this one, has it.
    #[error("open {0}: another hub is using it; stop that one or choose another data folder")]
    Locked(PathBuf),
    /// The storage refused.
    #[error("open {file}: {cause}")]
    Storage {
        /// Which file or folder.
        file: PathBuf,
        /// What it said.
        cause: String,
    },
    /// Stored events are damaged and later ones are not: cutting here would lose acknowledged events.
    #[error(
        "open {file}: damaged at byte {offset} with sound events after it; restore the folder from a backup, \
         or move it away to start an empty log"
    )]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// Where the damage begins.
        offset: u64,
    },
    /// A file that must be there is not.
    #[error("open {0}: the file is missing; restore the folder from a backup, or move it away to start an empty log")]
    Missing(PathBuf),
    /// A later version wrote it.
    #[error("open {file}: its format version is {version} and this program reads version 1; use a newer program")]
    Version {
        /// Which file.
        file: PathBuf,
        /// The version it has.
        version: u32,
    },
}
