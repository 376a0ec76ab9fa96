//! Where the log ends: the newest group that is whole in every chain it touched. At most one group can be
//! unfinished, as each is synced before the next is written; anything else that is missing was lost, and opening stops.

use std::sync::Arc;

use super::folder::{Folder, storage};
use super::options::OpenError;
use super::recovery::Held;
use super::scan::{Extent, Rest};
use crate::disk::File;
use crate::format::group::GroupHeader;
use crate::format::manifest::Manifest;

/// The newest segment of a chain.
pub(crate) struct Newest {
    pub(crate) slot: usize,
    pub(crate) chain: u16,
    pub(crate) base: u64,
    pub(crate) name: String,
    pub(crate) file: Arc<dyn File>,
    /// Length of the file.
    pub(crate) allocated: u64,
    pub(crate) extent: Extent,
    /// The records of its last group.
    pub(crate) held: Vec<Held>,
    /// The last group is unfinished and was cut.
    pub(crate) cut: bool,
}

/// Cuts the unfinished group, if there is one, and returns the next number to use.
///
/// Numbers of what is cut are not used again: if those events had been acknowledged and were damaged later,
/// their ids are known outside.
pub(crate) fn settle(folder: &Folder, manifest: &mut Manifest, newest: &mut [Newest]) -> Result<u64, OpenError> {
    let mut used = newest.iter().map(|segment| segment.base).max().unwrap_or(0).max(manifest.reserved);
    let mut broken = false;
    for segment in newest.iter() {
        match &segment.extent.rest {
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
    let cuts = newest.iter().any(|segment| segment.cut || segment.extent.rest != Rest::Nothing);
    if cuts && used > manifest.reserved {
        manifest.reserved = used;
        let saved = folder.save_manifest(manifest);
        saved.map_err(|error| storage(&folder.path, &error))?;
    }
    for segment in newest.iter_mut().filter(|segment| segment.cut || segment.extent.rest != Rest::Nothing) {
        let end = segment.extent.end;
        let cut = segment.file.set_len(end).and_then(|()| segment.file.sync());
        cut.map_err(|error| storage(&folder.path.join(&segment.name), &error))?;
        segment.allocated = end;
    }
    Ok(used + 1)
}

impl Newest {
    /// Newest number of the chain.
    pub(crate) fn tail(&self) -> u64 {
        let listed = self.extent.last.as_ref().and_then(|(_, header)| {
            header.tails.iter().find(|(chain, _)| *chain == self.chain).map(|(_, newest)| *newest)
        });
        listed.unwrap_or(self.base)
    }

    fn ends_with(&self, group: &GroupHeader) -> bool {
        self.extent.last.as_ref().is_some_and(|(_, header)| header.first == group.first)
    }

    fn drop_last(&mut self) {
        if let Some((offset, _)) = self.extent.last.take() {
            self.extent.end = offset;
            self.extent.last = self.extent.before_last.take();
            self.cut = true;
        }
    }
}

/// The newest group that is whole in some chain.
fn top(newest: &[Newest]) -> Option<GroupHeader> {
    let headers = newest.iter().filter_map(|segment| segment.extent.last.as_ref());
    headers.map(|(_, header)| header).max_by_key(|header| header.first).cloned()
}

/// Whether every chain that the group touched has its part.
fn is_complete(group: &GroupHeader, newest: &[Newest]) -> bool {
    let part = |chain| newest.iter().any(|segment| segment.chain == chain && segment.ends_with(group));
    group.touched().all(part)
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
    let stale = newest.iter().find(|segment| match &segment.extent.rest {
        Rest::Broken(Some(header)) => header.first < top.first,
        _ => false,
    });
    stale.map_or(Ok(()), |segment| Err(damaged(folder, segment)))
}

fn damaged(folder: &Folder, segment: &Newest) -> OpenError {
    OpenError::Damaged { file: folder.path.join(&segment.name), offset: segment.extent.end }
}

/// How many numbers a group may have used whose header is lost.
const UNKNOWN_GROUP: u64 = 1 << 16;
