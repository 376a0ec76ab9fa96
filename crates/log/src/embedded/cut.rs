//! Where the log ends: the newest group that is whole in every chain it touched. At most one group can be
//! unfinished, as each is synced before the next is written; anything else that is missing was lost, and opening stops.

use std::io;
use std::sync::Arc;

use super::folder::{Folder, storage};
use super::options::OpenError;
use super::reading::Held;
use super::scan::{Extent, Rest};
use crate::disk::File;
use crate::format::group::GroupHeader;
use crate::format::manifest::Manifest;
use crate::format::segment::{self, HEAD_BYTES};

/// How a chain ends.
pub(crate) struct Newest {
    pub(crate) slot: usize,
    pub(crate) chain: u16,
    /// Base of its newest segment.
    pub(crate) base: u64,
    /// Newest number of the chain before that segment.
    pub(crate) before: u64,
    /// Header of the last group, when the newest segment is sealed.
    pub(crate) group: Option<GroupHeader>,
    /// The newest segment, when it is not.
    pub(crate) unsealed: Option<Unsealed>,
    /// The last group is unfinished and was cut.
    pub(crate) cut: bool,
}

/// A segment that was being written to.
pub(crate) struct Unsealed {
    pub(crate) name: String,
    pub(crate) file: Arc<dyn File>,
    /// Length of the file.
    pub(crate) allocated: u64,
    pub(crate) extent: Extent,
    /// The records of its last group.
    pub(crate) held: Vec<Held>,
}

/// Cuts the unfinished group, if there is one, makes sure that the disk has the rest, and returns the next number
/// to use.
///
/// Numbers of what is cut are not used again: if those events had been acknowledged and were damaged later,
/// their ids are known outside.
pub(crate) fn settle(folder: &Folder, manifest: &mut Manifest, newest: &mut [Newest]) -> Result<u64, OpenError> {
    let mut used = newest.iter().map(|segment| segment.base).max().unwrap_or(0).max(manifest.reserved);
    let mut broken = false;
    for unsealed in newest.iter().filter_map(|chain| chain.unsealed.as_ref()) {
        match &unsealed.extent.rest {
            Rest::Broken(Some(header)) => used = used.max(header.last),
            Rest::Broken(None) => broken = true,
            Rest::Nothing | Rest::Damaged => {}
        }
    }
    if let Some(top) = top(newest) {
        used = used.max(top.last);
        if !is_complete(&top, newest) {
            for segment in newest.iter_mut().filter(|segment| segment.ends_with(&top)) {
                segment.drop_last();
            }
        }
    }
    check(folder, newest)?;
    if broken {
        used += UNKNOWN_GROUP;
    }
    if newest.iter().any(Newest::needs_cut) && used > manifest.reserved {
        manifest.reserved = used;
        let saved = folder.save_manifest(manifest);
        saved.map_err(|error| storage(&folder.path, &error))?;
    }
    for chain in newest.iter_mut() {
        let cut = chain.needs_cut();
        let Some(unsealed) = &mut chain.unsealed else { continue };
        let end = unsealed.extent.end;
        let settle = || {
            if cut {
                unsealed.file.set_len(end)?;
            }
            unsealed.renew()?;
            unsealed.file.sync()
        };
        settle().map_err(|error| storage(&folder.path.join(&unsealed.name), &error))?;
        if cut {
            unsealed.allocated = end;
        }
    }
    folder.disk.sync_dir(&folder.path).map_err(|error| storage(&folder.path, &error))?;
    Ok(used + 1)
}

impl Newest {
    /// Newest number of the chain.
    pub(crate) fn tail(&self) -> u64 {
        let listed = self
            .last()
            .and_then(|header| header.tails.iter().find(|(chain, _)| *chain == self.chain).map(|(_, newest)| *newest));
        listed.unwrap_or(self.before)
    }

    /// The last whole group of its newest segment.
    fn last(&self) -> Option<&GroupHeader> {
        match &self.unsealed {
            Some(unsealed) => unsealed.extent.last.as_ref().map(|(_, header)| header),
            None => self.group.as_ref(),
        }
    }

    fn ends_with(&self, group: &GroupHeader) -> bool {
        self.last().is_some_and(|header| header.first == group.first)
    }

    fn drop_last(&mut self) {
        let Some(Unsealed { extent, .. }) = &mut self.unsealed else { return };
        if let Some((offset, _)) = extent.last.take() {
            extent.end = offset;
            extent.last = extent.before_last.take();
            self.cut = true;
        }
    }

    fn needs_cut(&self) -> bool {
        self.cut || self.unsealed.as_ref().is_some_and(|unsealed| unsealed.extent.rest != Rest::Nothing)
    }
}

impl Unsealed {
    /// Writes the head and the last group again as they are. A process that was killed may have left them unsynced,
    /// and after a sync that failed they may be in the memory of the system only, taken for written: syncing alone
    /// would not help.
    fn renew(&self) -> io::Result<()> {
        let group = self.extent.last.as_ref().map_or(self.extent.end, |(offset, _)| *offset);
        for (from, to) in [(0, HEAD_BYTES as u64), (group, self.extent.end)] {
            let mut bytes = vec![0; (to - from) as usize];
            self.file.read_exact_at(&mut bytes, from)?;
            self.file.write_all_at(&bytes, from)?;
        }
        Ok(())
    }
}

/// The newest group that is whole in some chain.
fn top(newest: &[Newest]) -> Option<GroupHeader> {
    newest.iter().filter_map(Newest::last).max_by_key(|header| header.first).cloned()
}

/// Whether every chain that the group touched has its part.
fn is_complete(group: &GroupHeader, newest: &[Newest]) -> bool {
    group.touched().all(|(chain, tail)| newest.iter().any(|found| found.chain == chain && found.tail() >= tail))
}

/// Whether every chain has what the newest group says it had.
fn check(folder: &Folder, newest: &[Newest]) -> Result<(), OpenError> {
    let Some(top) = top(newest) else { return Ok(()) };
    for (chain, tail) in &top.tails {
        let Some(segment) = newest.iter().find(|segment| segment.chain == *chain) else {
            return Err(OpenError::Missing(folder.path.join(format!("{chain:04x}-*.seg"))));
        };
        if segment.tail() < *tail {
            return Err(damaged(folder, segment));
        }
    }
    let stale = newest.iter().find(|chain| match chain.unsealed.as_ref().map(|unsealed| &unsealed.extent.rest) {
        Some(Rest::Broken(Some(header))) => header.first < top.first,
        _ => false,
    });
    stale.map_or(Ok(()), |chain| Err(damaged(folder, chain)))
}

fn damaged(folder: &Folder, chain: &Newest) -> OpenError {
    let file = folder.path.join(segment::file_name(chain.chain, chain.base));
    OpenError::Damaged { file, offset: chain.unsealed.as_ref().map_or(0, |unsealed| unsealed.extent.end) }
}

/// How many numbers a group may have used whose header is lost.
const UNKNOWN_GROUP: u64 = 1 << 16;
