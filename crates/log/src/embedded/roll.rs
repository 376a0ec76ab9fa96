//! From one segment file of a chain to the next.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::active::Active;
use super::chain_file::ChainFile;
use super::group::Block;
use super::keeper::SEGMENTS_PER_AGE;
use super::seal::ending;
use super::sealed::{Footer, Sealed};
use super::writer::{Failure, Writer, failed, full_or_failed};
use crate::Health;
use crate::format::segment::{self, HEAD_BYTES, SegmentHead};

impl Writer {
    /// Sees to it that the block's chain has a file with room for it.
    pub(crate) fn make_room(&mut self, block: &Block) -> Result<(), Failure> {
        let full = self.files[block.slot].as_ref().is_some_and(|file| file.end >= self.segment_bytes);
        if full || self.is_far(block) {
            self.seal_segment(block.slot)?;
        }
        if self.files[block.slot].is_none() {
            self.start_segment(block.slot)?;
        }
        let step = EXTEND_BYTES.min(self.segment_bytes);
        let Some(file) = self.files[block.slot].as_mut() else { return Err(Failure::Full) };
        match file.reserve(block.bytes.len(), step) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(Failure::Full),
            Err(error) => Err(failed("extend", &file.name, &error)),
        }
    }

    /// Creates the next file of a chain; it is durable, with its name, before it takes anything.
    fn start_segment(&mut self, slot: usize) -> Result<(), Failure> {
        let chain = self.chain_id(slot);
        self.list_chain(slot, chain)?;
        let (base, created) = (self.next - 1, self.shared.clock.now());
        let before = self.tails.iter().find(|(id, _)| *id == chain).map_or(0, |(_, newest)| *newest);
        let name = segment::file_name(chain, base);
        let path = self.folder.path.join(&name);
        let head = SegmentHead { chain, base, before, created }.encode(self.seal.checksum, self.seal.epoch);
        let create = || {
            let file = self.folder.create_anew(&path)?;
            file.write_all_at(&head, 0)?;
            file.sync()?;
            self.folder.disk.sync_dir(&self.folder.path)?;
            Ok(file)
        };
        let file = create().map_err(|error| {
            // An empty file does no harm; opening removes it if this cannot.
            let _ = self.folder.disk.remove(&path);
            full_or_failed("create", &name, &error)
        })?;
        let end = HEAD_BYTES as u64;
        self.shared.index_mut().chains[slot].active = Some(Active::new(file.clone(), base, created, end));
        self.files[slot] = Some(ChainFile { file, name, end, allocated: end, group: None });
        Ok(())
    }

    /// Ends the file a chain is written to: footer, exact length, sync. It takes nothing more.
    pub(crate) fn seal_segment(&mut self, slot: usize) -> Result<(), Failure> {
        let Some(file) = &self.files[slot] else { return Ok(()) };
        let index = self.shared.index();
        let Some(active) = index.chains[slot].active.as_ref().filter(|active| !active.is_empty()) else {
            return Ok(());
        };
        let Some(group) = &file.group else { return Ok(()) };
        let ending = ending(&index, active, group, self.seal, &HashMap::new());
        let base = active.base;
        drop(index);
        let length = file.end + ending.bytes.len() as u64;
        // A part of a footer left by a full disk does no harm: it is written again in the same place.
        file.file.write_all_at(&ending.bytes, file.end).map_err(|error| full_or_failed("write", &file.name, &error))?;
        let cut = file.file.set_len(length).and_then(|()| file.file.sync());
        cut.map_err(|error| failed("seal", &file.name, &error))?;
        let footer = Footer::parse(&ending.bytes[ending.directory..], ending.trailer, self.seal)
            .ok_or_else(|| Failure::Failed(format!("seal {}: its own footer is not readable", file.name)))?;
        let ids = ending.topics.into_iter();
        let sealed = Sealed::new(file.file.clone(), file.name.clone(), base, length, &footer, ids);
        let mut index = self.shared.index_mut();
        index.chains[slot].sealed.push(Arc::new(sealed));
        index.chains[slot].active = None;
        self.files[slot] = None;
        Ok(())
    }

    /// Ends a segment before it is full, for the keeper, and starts the next, so that the old one may go.
    pub(crate) fn end_segment(&mut self, slot: usize, base: u64) -> Result<(), String> {
        let is_that = self.shared.index().chains[slot].active.as_ref().is_some_and(|active| active.base == base);
        if !is_that {
            return Ok(());
        }
        match self.seal_segment(slot).and_then(|()| self.start_segment(slot)) {
            // Another time.
            Ok(()) | Err(Failure::Full) => Ok(()),
            Err(Failure::Failed(reason)) => Err(reason),
        }
    }

    /// Sees whether there is space again, where the next group would need it.
    pub(crate) fn probe(&mut self) -> Result<(), String> {
        for file in self.files.iter_mut().flatten() {
            match file.reserve(PROBE_BYTES, 0) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(format!("extend {}: {error}", file.name)),
            }
        }
        match self.folder.save_manifest(&self.manifest) {
            Ok(()) => self.shared.set_health(Health::Ready),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {}
            Err(error) => return Err(format!("replace manifest: {error}")),
        }
        Ok(())
    }

    /// Whether the active segment has come too far to take a block: in numbers, which its index could not hold, or in
    /// time, as its events only go together.
    fn is_far(&self, block: &Block) -> bool {
        let index = self.shared.index();
        let Some(active) = &index.chains[block.slot].active else { return false };
        let class = self.slots.iter().position(|slot| *slot == block.slot);
        let class = class.and_then(|at| self.classes.iter().nth(at));
        let age = class.map_or(0, |class| class.retention.age.as_micros() as u64);
        let open = self.shared.clock.now().saturating_sub(active.created);
        let late = age > 0 && open > age / SEGMENTS_PER_AGE && !active.is_empty();
        late || block.newest - active.base >= u64::from(u32::MAX)
    }

    /// Writes a new chain into the manifest before its first file.
    fn list_chain(&mut self, slot: usize, chain: u16) -> Result<(), Failure> {
        if self.manifest.chains.iter().any(|(id, _)| *id == chain) {
            return Ok(());
        }
        let mut manifest = self.manifest.clone();
        manifest.chains.push((chain, self.shared.index().chains[slot].identity.clone()));
        self.folder.save_manifest(&manifest).map_err(|error| full_or_failed("replace", "manifest", &error))?;
        self.manifest = manifest;
        Ok(())
    }
}

/// Files grow by this many zeros at a time.
const EXTEND_BYTES: u64 = 1 << 20;
/// Space that must be there for a full log to count as ready again.
const PROBE_BYTES: usize = 64 << 10;
