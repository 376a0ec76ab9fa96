//! Opening a folder: finds how far every chain is whole, cuts what the last group left unfinished, and
//! builds the index.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::active::{Active, KeyMark, Posting};
use super::chain_file::ChainFile;
use super::cut::{self, Newest};
use super::folder::{Folder, storage};
use super::idempotency::Keys;
use super::index::{Chain, Index, Indexed};
use super::options::{EmbeddedOptions, OpenError};
use super::scan::{Rest, Seal, scan};
use crate::disk::File;
use crate::format::manifest::Manifest;
use crate::format::record::Record;
use crate::format::segment::{self, HEAD_BYTES, SegmentHead};
use crate::{EndReason, Timestamp, Topic};

/// A log as it was found, ready to go on.
pub(crate) struct Recovered {
    pub(crate) manifest: Manifest,
    pub(crate) seal: Seal,
    pub(crate) index: Index,
    pub(crate) files: Vec<Option<ChainFile>>,
    pub(crate) tails: Vec<(u16, u64)>,
    pub(crate) next: u64,
    pub(crate) keys: Keys,
}

/// Opens what is in a folder, or starts a log in an empty one.
pub(crate) fn recover(folder: &Folder, options: &EmbeddedOptions) -> Result<Recovered, OpenError> {
    let listing = list(folder)?;
    let mut manifest = folder.load_manifest(!listing.is_empty())?;
    let seal = Seal::of(&manifest);
    let now = options.clock.now();
    let mut index = Index::new(Arc::new(options.classes.clone()));
    let mut keys = Keys::new(manifest.salt, options.idempotency_window);
    let mut reading = Reading { folder, seal, keys: &keys, deletions: Vec::new(), marks: Vec::new() };
    let mut newest = Vec::new();
    for (slot, (chain, identity)) in manifest.chains.iter().enumerate() {
        index.chains.push(Chain { id: *chain, identity: identity.clone(), active: None });
        for base in listing.get(chain).into_iter().flatten() {
            newest.extend(reading.newest_segment(&mut index, slot, *chain, *base)?);
        }
    }
    let next = cut::settle(folder, &mut manifest, &mut newest)?;
    for segment in &mut newest {
        let held = std::mem::take(&mut segment.held);
        if !segment.cut {
            held.into_iter().for_each(|item| reading.index(&mut index, segment.slot, item));
        }
    }
    let Reading { deletions, mut marks, .. } = reading;
    for (slot, topic, seq) in deletions {
        index.delete(slot, &topic, seq);
    }
    marks.sort_unstable_by_key(|mark| mark.seq);
    marks.retain(|mark| keys.covers(mark.time, now));
    for mark in marks {
        keys.insert(mark.hash, mark.seq, mark.time);
    }
    index.head = next - 1;
    let mut files: Vec<_> = index.chains.iter().map(|_| None).collect();
    let mut tails = Vec::new();
    for segment in newest {
        tails.push((segment.chain, segment.tail()));
        let Newest { slot, name, file, allocated, extent, .. } = segment;
        if let Some(active) = &mut index.chains[slot].active {
            active.end = extent.end;
        }
        files[slot] = Some(ChainFile { file, name, end: extent.end, allocated });
    }
    Ok(Recovered { manifest, seal, index, files, tails, next, keys })
}

/// One record of the last group of a segment, held until it is known whether the group is whole.
pub(crate) struct Held {
    topic: Topic,
    posting: Posting,
    time: Timestamp,
    end: Option<EndReason>,
    deletes: bool,
    key: Option<u64>,
    /// First number and offset of its group.
    group: (u64, u64),
}

/// What reading the segments gathers beside the index.
struct Reading<'a> {
    folder: &'a Folder,
    seal: Seal,
    keys: &'a Keys,
    /// Slot, topic and number.
    deletions: Vec<(usize, Topic, u64)>,
    marks: Vec<KeyMark>,
}

impl Reading<'_> {
    /// Opens the newest segment of a chain and indexes it, but for its last group.
    fn newest_segment(
        &mut self,
        index: &mut Index,
        slot: usize,
        chain: u16,
        base: u64,
    ) -> Result<Option<Newest>, OpenError> {
        let name = segment::file_name(chain, base);
        let path = self.folder.path.join(&name);
        let at = |error: io::Error| storage(&path, &error);
        let (file, length, head) = self.open(&path).map_err(at)?;
        let Some(head) = head else {
            // The head is durable before the first group: without any this file was just being made.
            let extent = scan(&file, length, self.seal, |_, _, _, _, _| {}).map_err(at)?;
            if extent.last.is_some() || extent.rest == Rest::Damaged {
                return Err(OpenError::Damaged { file: path, offset: 0 });
            }
            self.folder.disk.remove(&path).map_err(at)?;
            return Ok(None);
        };
        index.chains[slot].active = Some(Active::new(file.clone(), base, head.created, HEAD_BYTES as u64));
        let (mut held, mut odd) = (Vec::<Held>::new(), None);
        let extent = scan(&file, length, self.seal, |group, group_at, record, offset, bytes| {
            if held.last().is_some_and(|last| last.group.0 != group.first) {
                held.drain(..).for_each(|item| self.index(index, slot, item));
            }
            match self.hold(index, record, (offset, bytes), (group.first, group_at)) {
                Some(item) => held.push(item),
                None => odd = odd.or(Some(offset)),
            }
        });
        let extent = extent.map_err(at)?;
        match (&extent.rest, odd) {
            (_, Some(offset)) => return Err(OpenError::Damaged { file: path, offset }),
            (Rest::Damaged, None) => return Err(OpenError::Damaged { file: path, offset: extent.end }),
            _ => {}
        }
        Ok(Some(Newest { slot, chain, base, name, file, allocated: length, extent, held, cut: false }))
    }

    fn open(&self, path: &Path) -> io::Result<(Arc<dyn File>, u64, Option<SegmentHead>)> {
        let file = self.folder.disk.open(path)?;
        let length = file.len()?;
        let mut head = vec![0; HEAD_BYTES.min(length as usize)];
        file.read_exact_at(&mut head, 0)?;
        let head = SegmentHead::decode(&head, self.seal.checksum, self.seal.epoch);
        Ok((file, length, head))
    }

    /// Takes a record out of the buffer it was read to; `None` when its topic is none.
    fn hold(
        &self,
        index: &Index,
        record: Record<'_>,
        (offset, bytes): (u64, usize),
        group: (u64, u64),
    ) -> Option<Held> {
        let topic = match index.topics.by_text(record.topic) {
            Some(topic) => topic,
            None => Topic::new(record.topic).ok()?,
        };
        let counted = record.counted_bytes() as u32;
        let posting = Posting { seq: record.seq, offset: offset as u32, length: bytes as u32, counted };
        let key = record.idempotency_key.map(|key| self.keys.hash(record.topic, key));
        Some(Held { topic, posting, time: record.time, end: record.end, deletes: record.deletes, key, group })
    }

    fn index(&mut self, index: &mut Index, slot: usize, item: Held) {
        let seq = item.posting.seq;
        let mark = item.key.map(|hash| KeyMark { hash, seq, time: item.time });
        self.marks.extend(mark);
        if let Some(active) = &mut index.chains[slot].active {
            active.mark_time(item.group.0, item.group.1);
            active.keys.extend(mark);
        }
        if item.deletes {
            self.deletions.push((slot, item.topic, seq));
        } else {
            let Held { posting, time, end, .. } = item;
            index.add(slot, Indexed { topic: &item.topic, posting, time, end });
        }
    }
}

/// Base numbers of the segments of each chain, in order. What an interrupted replacement left is removed.
fn list(folder: &Folder) -> Result<BTreeMap<u16, Vec<u64>>, OpenError> {
    let mut listing = BTreeMap::<u16, Vec<u64>>::new();
    let files = folder.disk.list(&folder.path).map_err(|error| storage(&folder.path, &error))?;
    for path in files {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if let Some((chain, base)) = segment::parse_file_name(name) {
            listing.entry(chain).or_default().push(base);
        } else if name.ends_with(".new") {
            folder.disk.remove(&path).map_err(|error| storage(&path, &error))?;
        }
    }
    listing.values_mut().for_each(|bases| bases.sort_unstable());
    Ok(listing)
}
