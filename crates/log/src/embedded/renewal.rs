//! Giving a log another epoch: for one that was restored or copied, whose numbers may stand for other events than
//! they did.

use std::io;

use super::folder::{Folder, MANIFEST, random_epoch, storage};
use super::options::{EmbeddedOptions, OpenError};
use crate::Epoch;

/// The epochs of a log before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewedEpoch {
    /// What its event ids ended with.
    pub old: Epoch,
    /// What they end with from now on.
    pub new: Epoch,
}

/// Gives the log of these options (only folder and disk matter) another epoch. Its events and their numbers stay; ids
/// from before become those of another log, and whoever comes with one is told so. After a crash in the middle the log
/// has the old epoch or the new one.
///
/// # Errors
/// [`OpenError`] when a hub has the folder, there is no log in it, or the storage refuses.
pub fn renew_epoch(options: &EmbeddedOptions) -> Result<RenewedEpoch, OpenError> {
    let path = options.folder.join(MANIFEST);
    // Looked at first: taking the lock makes the folder, and a mistyped name must not leave one behind.
    options.disk.open(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => OpenError::Missing(path.clone()),
        _ => storage(&path, &error),
    })?;
    let folder = Folder::lock(&options.folder, options.disk.clone())?;
    let mut manifest = folder.load_manifest(true)?;
    let old = manifest.epoch;
    while [old, manifest.origin].contains(&manifest.epoch) {
        manifest.epoch = random_epoch();
    }
    folder.save_manifest(&manifest).map_err(|error| storage(&path, &error))?;
    Ok(RenewedEpoch { old, new: manifest.epoch })
}
