//! Space of removed events: a sealed segment that is more than half dead is written anew without them.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::active::Active;
use super::keeper::{Keeper, Trouble};
use super::scan::header_at;
use super::seal::ending;
use super::sealed::{Footer, Sealed};
use super::topics::TopicId;
use super::window::Window;
use crate::disk::File;
use crate::format::footer::{Posting, TopicEntry};
use crate::format::group::GroupHeader;
use crate::format::record::Record;
use crate::format::segment::HEAD_BYTES;

impl Keeper {
    /// Looks at the segments in which something was removed since the last look, those first that waited longest; removes
    /// the dead ones and rewrites the mostly dead ones, until a pass's worth of work is done.
    pub(crate) fn reclaim(&mut self, now: u64) -> Result<(), Trouble> {
        let (trims, mut segments) = self.sealed(now);
        segments.retain(|segment| self.looked.get(&segment.sealed.name) != Some(&trims));
        segments.sort_by_key(|segment| self.looked.get(&segment.sealed.name).copied().unwrap_or(0));
        let mut work = 0;
        for Candidate { slot, sealed, removable } in segments {
            if work > WORK_BYTES || self.stop.is_stopped() {
                return Ok(());
            }
            self.looked.insert(sealed.name.clone(), trims);
            work += sealed.bytes - sealed.groups_end;
            let Ok(Some(footer)) = Footer::read(&sealed.file, sealed.bytes, self.shared.seal) else { continue };
            let (live, total) = self.live_bytes(&footer);
            if live == 0 && removable {
                self.remove(&[(slot, sealed)])?;
            } else if live * 2 < total {
                work += sealed.bytes;
                self.rewrite(slot, &sealed, &footer, now)?;
            }
        }
        Ok(())
    }

    /// All sealed segments, and how many floors have risen so far.
    fn sealed(&self, now: u64) -> (u64, Vec<Candidate>) {
        let index = self.shared.index();
        let mut all = Vec::new();
        for (slot, chain) in index.chains.iter().enumerate() {
            for (at, sealed) in chain.sealed.iter().enumerate() {
                // The last file of a chain says how far it went; keys and deletions say what a key means after a restart.
                let last = at + 1 == chain.sealed.len() && chain.active.is_none();
                let young = now.saturating_sub(sealed.newest_time) < self.window;
                let needed = self.has_keys(sealed, now) || (sealed.has_deletions && young);
                all.push(Candidate { slot, sealed: sealed.clone(), removable: !last && !needed });
            }
        }
        (index.topics.trims(), all)
    }

    /// Counted bytes of live and of all events; where a floor cuts a topic in two, its share is estimated.
    fn live_bytes(&self, footer: &Footer) -> (u64, u64) {
        let (mut live, mut total) = (0, 0);
        let index = self.shared.index();
        for (name, entry, _) in &footer.entries {
            total += entry.bytes;
            let floor = index.topics.find_text(name).map_or(u64::MAX, |(_, state)| state.floor);
            live += match () {
                () if floor >= entry.last => 0,
                () if floor < entry.first => entry.bytes,
                () => {
                    let span = u128::from(entry.last - entry.first).max(1);
                    (u128::from(entry.bytes) * u128::from(entry.last - floor) / span) as u64
                }
            };
        }
        (live, total)
    }

    /// Writes a segment anew and puts it in the place of the old one in one step.
    fn rewrite(&self, slot: usize, old: &Arc<Sealed>, footer: &Footer, now: u64) -> Result<(), Trouble> {
        let Some(group) = footer.group.clone() else { return Err(Trouble::Later) };
        let name = format!("{}.new", old.name);
        let path = self.folder.path.join(&name);
        let written = self.write_anew(&path, old, footer, &group, now);
        let (file, sealed) = match written {
            Ok(written) => written,
            Err(trouble) => {
                // Opening removes it if this cannot.
                let _ = self.folder.disk.remove(&path);
                return Err(trouble);
            }
        };
        let replace = || {
            file.sync()?;
            self.folder.disk.rename(&path, &self.folder.path.join(&old.name))?;
            self.folder.disk.sync_dir(&self.folder.path)
        };
        replace().map_err(|error| Trouble::of("replace", &old.name, &error))?;
        let mut index = self.shared.index_mut();
        if let Some(place) = index.chains[slot].sealed.iter_mut().find(|other| Arc::ptr_eq(other, old)) {
            *place = Arc::new(sealed);
        }
        Ok(())
    }

    fn write_anew(
        &self,
        path: &Path,
        old: &Arc<Sealed>,
        footer: &Footer,
        group: &GroupHeader,
        now: u64,
    ) -> Result<(Arc<dyn File>, Sealed), Trouble> {
        let trouble = |error: io::Error| Trouble::of("rewrite", &old.name, &error);
        let seal = self.shared.seal;
        let file = self.folder.create_anew(path).map_err(trouble)?;
        let mut copy = Copy {
            keeper: self,
            last: group.first,
            active: Active::new(file.clone(), old.base, 0, 0),
            removed: HashMap::new(),
        };
        let mut out = vec![0; HEAD_BYTES];
        old.file.read_exact_at(&mut out, 0).map_err(trouble)?;
        let (mut at, mut written) = (HEAD_BYTES as u64, 0);
        let mut window = Window::new(old.file.clone(), old.groups_end, WRITE_BYTES);
        while let Some(header) = header_at(&mut window, at, seal).map_err(trouble)? {
            let block = window.at(at, header.block_bytes as usize).map_err(trouble)?;
            let block = block.get(..header.block_bytes as usize).ok_or(Trouble::Later)?;
            copy.group(&header, block, written, &mut out).ok_or(Trouble::Later)?;
            at += u64::from(header.block_bytes);
            if out.len() >= WRITE_BYTES {
                file.write_all_at(&out, written).map_err(trouble)?;
                written += out.len() as u64;
                out.clear();
            }
        }
        let Copy { mut active, removed, .. } = copy;
        active.end = written + out.len() as u64;
        // What the chain had come to, whether or not that record is still there: the next segment's head says the same.
        active.last = old.last;
        active.keys.extend(footer.keys.iter().filter(|key| now.saturating_sub(key.time) < self.window));
        let carried = self.carried(footer, &removed);
        let ending = ending(&self.shared.index(), &active, group, seal, &carried);
        out.extend(&ending.bytes);
        file.write_all_at(&out, written).map_err(trouble)?;
        let length = written + out.len() as u64;
        let footer = Footer::parse(&ending.bytes[ending.directory..], ending.trailer, seal).ok_or(Trouble::Later)?;
        let sealed = Sealed::new(file.clone(), old.name.clone(), old.base, length, &footer, ending.topics.into_iter());
        Ok((file, sealed))
    }

    /// What the new footer takes over from the old one.
    fn carried(&self, footer: &Footer, removed: &HashMap<TopicId, u64>) -> HashMap<TopicId, TopicEntry> {
        let index = self.shared.index();
        let carry = |(name, entry, _): &(Box<str>, TopicEntry, u32)| {
            let (id, _) = index.topics.find_text(name)?;
            let removed = removed.get(&id).copied().unwrap_or(0).max(entry.removed);
            Some((id, TopicEntry { removed, ..*entry }))
        };
        footer.entries.iter().filter_map(carry).collect()
    }
}

/// A segment that may be worth writing anew.
struct Candidate {
    slot: usize,
    sealed: Arc<Sealed>,
    /// Whether the file may go once nothing in it is live.
    removable: bool,
}

/// The live part of a segment, as it is copied.
struct Copy<'a> {
    keeper: &'a Keeper,
    /// First number of the last group.
    last: u64,
    active: Active,
    /// Newest event left out, by topic.
    removed: HashMap<TopicId, u64>,
}

impl Copy<'_> {
    /// Copies what is live of a group. The last header stays even without records: it tells how far the chains were.
    fn group(&mut self, header: &GroupHeader, block: &[u8], written: u64, out: &mut Vec<u8>) -> Option<()> {
        let seal = self.keeper.shared.seal;
        let start = out.len();
        let group_at = written + start as u64;
        out.extend(&block[..header.bytes()]);
        let (mut offset, mut records) = (header.bytes(), 0);
        for _ in 0..header.records {
            let (record, length) = Record::read(&block[offset..], seal.checksum)?;
            let kept = self.record(record, header, group_at, written + out.len() as u64, length);
            if kept {
                out.extend(&block[offset..offset + length]);
                records += 1;
            }
            offset += length;
        }
        if records == 0 && header.first != self.last {
            out.truncate(start);
            return Some(());
        }
        let block_bytes = (out.len() - start) as u32;
        let header = GroupHeader { block_bytes, records, ..header.clone() };
        header.write(&mut out[start..], seal.checksum, seal.epoch);
        Some(())
    }

    /// Notes a record in the new index; whether it stays.
    fn record(&mut self, record: Record<'_>, header: &GroupHeader, group_at: u64, offset: u64, length: usize) -> bool {
        let (id, floor) = match self.keeper.shared.index().topics.find_text(record.topic) {
            Some((id, state)) => (id, state.floor),
            None => return record.deletes,
        };
        if record.deletes {
            self.active.delete(id, record.seq, record.time);
            return true;
        }
        if record.seq <= floor {
            self.removed.insert(id, record.seq);
            return false;
        }
        self.active.mark_time(header.first, group_at);
        let counted = record.counted_bytes() as u32;
        let posting = Posting { seq: record.seq, offset: offset as u32, length: length as u32, counted };
        self.active.push(id, posting, record.time);
        true
    }
}

const WRITE_BYTES: usize = 1 << 20;
/// Bytes read or written in one pass before the rest waits for the next.
const WORK_BYTES: u64 = 16 << 20;
