//! What was revoked: in force at once, and kept in the data folder over a restart.

use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use headwater_access::{Grant, Revocation, RevocationError, Revocations, Target};

use crate::checkpoint::Checkpoint;

/// The revocations of a hub.
#[derive(Default)]
pub(crate) struct Revoked {
    /// Asked for every request with a credential; written by an administrator.
    entries: RwLock<Revocations>,
    /// Absent when the data is in memory.
    file: Option<Checkpoint>,
    /// Held while the file is written, so that what was written last is the newest.
    writing: Mutex<()>,
}

impl Revoked {
    /// Reads what an earlier run left in the folder.
    ///
    /// # Errors
    /// A sentence when there is something that cannot be read: a hub that forgets what was revoked does not start.
    pub(crate) fn open(folder: &Path) -> Result<Self, String> {
        let file = Checkpoint::new(folder, "revocations");
        let entries: Option<Revocations> = file.load().map_err(|fault| {
            format!("cannot know what was revoked: {fault}; restore it, or move it away and revoke again")
        })?;
        Ok(Self { entries: RwLock::new(entries.unwrap_or_default()), file: Some(file), writing: Mutex::default() })
    }

    /// The id of the revocation that a grant falls under.
    pub(crate) fn find(&self, grant: &Grant) -> Option<u64> {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.find(grant, SystemTime::now()).map(|found| found.id)
    }

    /// Whether a grant was taken back.
    pub(crate) fn covers(&self, grant: &Grant) -> bool {
        self.find(grant).is_some()
    }

    /// Puts a revocation in force.
    ///
    /// # Errors
    /// [`RevocationError`].
    pub(crate) fn add(&self, target: Target, until_s: Option<u64>) -> Result<Revocation, RevocationError> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).add(target, until_s, SystemTime::now())
    }

    /// Takes one back.
    pub(crate) fn remove(&self, id: u64) -> Option<Revocation> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner).remove(id)
    }

    /// Those in force after this one, the oldest first, at most so many.
    pub(crate) fn after(&self, id: u64, most: usize) -> Vec<Revocation> {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.purge(SystemTime::now());
        entries.after(id).take(most).cloned().collect()
    }

    /// Writes them down, and returns when they would survive a crash. Blocks on the disk.
    ///
    /// # Errors
    /// The system's; then the file is the one from before.
    pub(crate) fn save(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        // A copy, as nobody may wait for the disk who only asks.
        let entries = {
            let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
            entries.purge(SystemTime::now());
            entries.clone()
        };
        file.save(&entries)
    }
}
