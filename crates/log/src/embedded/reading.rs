//! Reads the segments of a folder into an index: sealed ones by their footers, the newest by scanning.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::active::{Active, KeyMark};
use super::cut::{Newest, Unsealed};
use super::folder::{Folder, storage};
use super::idempotency::Keys;
use super::index::{Index, Indexed};
use super::options::OpenError;
use super::scan::{Rest, Seal, scan};
use super::seal::ending;
use super::sealed::{Footer, Sealed};
use super::topics::TopicId;
use crate::disk::File;
use crate::format::footer::Posting;
use crate::format::group::GroupHeader;
use crate::format::marks::Marks;
use crate::format::record::Record;
use crate::format::segment::{self, HEAD_BYTES, SegmentHead};
use crate::{EndReason, Timestamp};

/// What is gathered from the segments.
pub(crate) struct Reading<'a> {
    folder: &'a Folder,
    seal: Seal,
    keys: &'a Keys,
    pub(crate) index: Index,
    /// Topics by the number of their deletion.
    pub(crate) deletions: BTreeMap<u64, TopicId>,
    pub(crate) marks: Vec<KeyMark>,
    /// Newest removed event of topics, from footers and the marks file.
    pub(crate) floors: HashMap<TopicId, u64>,
    /// Any topic may have lost events up to here.
    pub(crate) unsure: u64,
}

/// One record of the last group of a segment, held until it is known whether the group is whole.
pub(crate) struct Held {
    topic: TopicId,
    posting: Posting,
    time: Timestamp,
    end: Option<EndReason>,
    deletes: bool,
    key: Option<u64>,
    /// First number and offset of its group.
    group: (u64, u64),
}

/// A file that begins like a segment.
struct Opened {
    name: String,
    file: Arc<dyn File>,
    length: u64,
    head: SegmentHead,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(folder: &'a Folder, seal: Seal, keys: &'a Keys, index: Index) -> Self {
        Self {
            folder,
            seal,
            keys,
            index,
            deletions: BTreeMap::new(),
            marks: Vec::new(),
            floors: HashMap::new(),
            unsure: 0,
        }
    }

    /// Reads the segments of one chain; returns how it ends unless it has none.
    pub(crate) fn chain(&mut self, slot: usize, chain: u16, bases: &[u64]) -> Result<Option<Newest>, OpenError> {
        let (mut opened, mut unmade) = (Vec::new(), Vec::new());
        for base in bases {
            match self.open(&segment::file_name(chain, *base))? {
                Some(segment) => opened.push(segment),
                None => unmade.push(*base),
            }
        }
        self.clear_away(chain, &unmade, &opened)?;
        let mut newest: Option<Newest> = None;
        let befores: Vec<_> = opened.iter().map(|segment| segment.head.before).collect();
        for (at, segment) in opened.into_iter().enumerate() {
            let Opened { head, .. } = segment;
            // A hole that the marks do not account for.
            let reached = newest.as_ref().map_or(0, Newest::tail).max(self.index.chains[slot].removed);
            if head.before > reached {
                self.unsure = self.unsure.max(head.before);
            }
            let footer = Footer::read(&segment.file, segment.length, self.seal);
            let footer = footer.map_err(|error| storage(&self.folder.path.join(&segment.name), &error))?;
            let mut ends =
                Newest { slot, chain, base: head.base, before: head.before, group: None, unsealed: None, cut: false };
            match (footer, befores.get(at + 1)) {
                (Some(footer), _) => ends.group = self.add_sealed(slot, segment, footer),
                (None, Some(before)) => ends.group = Some(self.rebuild(slot, segment, *before)?),
                (None, None) => ends.unsealed = Some(self.scan_newest(slot, segment)?),
            }
            newest = Some(ends);
        }
        Ok(newest)
    }

    /// Takes in what the marks file says.
    pub(crate) fn take_marks(&mut self, marks: &Marks) {
        self.index.topics.restore_forgotten(marks.forgotten);
        self.unsure = self.unsure.max(marks.unsure);
        for (name, removed) in &marks.topics {
            let Some(id) = self.topic(name) else { continue };
            self.floor(id, *removed);
        }
    }

    fn floor(&mut self, id: TopicId, removed: u64) {
        let floor = self.floors.entry(id).or_default();
        *floor = removed.max(*floor);
    }

    /// Indexes the last groups of the newest segments, but for those that were cut.
    pub(crate) fn take_held(&mut self, newest: &mut [Newest]) {
        for chain in newest.iter_mut().filter(|chain| !chain.cut) {
            let held = chain.unsealed.iter_mut().flat_map(|unsealed| std::mem::take(&mut unsealed.held));
            let held: Vec<_> = held.collect();
            held.into_iter().for_each(|item| self.add(chain.slot, item));
        }
    }

    /// Removes files that were just being made. One that must have had records was cut instead.
    fn clear_away(&self, chain: u16, unmade: &[u64], opened: &[Opened]) -> Result<(), OpenError> {
        for base in unmade {
            let path = self.folder.path.join(segment::file_name(chain, *base));
            let mut later = opened.iter().filter(|segment| segment.head.base > *base);
            if later.any(|segment| segment.head.before > *base) {
                return Err(OpenError::Damaged { file: path, offset: 0 });
            }
            self.folder.disk.remove(&path).map_err(|error| storage(&path, &error))?;
        }
        Ok(())
    }

    /// Opens a file; `None` when it has not even a whole head.
    fn open(&self, name: &str) -> Result<Option<Opened>, OpenError> {
        let path = self.folder.path.join(name);
        let at = |error: io::Error| storage(&path, &error);
        let (file, length, head) = self.open_file(&path).map_err(at)?;
        if let Some(head) = head {
            return Ok(Some(Opened { name: name.to_owned(), file, length, head }));
        }
        if length > HEAD_BYTES as u64 {
            return Err(OpenError::Damaged { file: path, offset: 0 });
        }
        Ok(None)
    }

    fn open_file(&self, path: &Path) -> io::Result<(Arc<dyn File>, u64, Option<SegmentHead>)> {
        let file = self.folder.disk.open(path)?;
        let length = file.len()?;
        let mut head = vec![0; HEAD_BYTES.min(length as usize)];
        file.read_exact_at(&mut head, 0)?;
        let head = SegmentHead::decode(&head, self.seal.checksum, self.seal.epoch);
        Ok((file, length, head))
    }

    /// Takes a sealed segment in by its footer; returns the header of its last group.
    fn add_sealed(&mut self, slot: usize, segment: Opened, footer: Footer) -> Option<GroupHeader> {
        let mut ids = Vec::with_capacity(footer.entries.len());
        for (name, entry, _) in &footer.entries {
            let Some(id) = self.topic(name) else { continue };
            self.index.add_entry(id, entry);
            if entry.deleted > 0 {
                self.deletions.insert(entry.deleted, id);
            }
            if entry.removed > 0 {
                self.floor(id, entry.removed);
            }
            ids.push(id);
        }
        self.marks.extend(&footer.keys);
        let Opened { name, file, length, head } = segment;
        let sealed = Sealed::new(file, name, head.base, length, &footer, ids.into_iter());
        self.index.chains[slot].sealed.push(Arc::new(sealed));
        footer.group
    }

    /// Reads a segment that has a successor but no sound footer, and seals it again.
    fn rebuild(&mut self, slot: usize, segment: Opened, tail: u64) -> Result<GroupHeader, OpenError> {
        let path = self.folder.path.join(&segment.name);
        let (file, name) = (segment.file.clone(), segment.name.clone());
        let (base, chain) = (segment.head.base, segment.head.chain);
        let mut unsealed = self.scan_newest(slot, segment)?;
        std::mem::take(&mut unsealed.held).into_iter().for_each(|item| self.add(slot, item));
        let end = unsealed.extent.end;
        let (group, active) = (unsealed.extent.last, self.index.chains[slot].active.take());
        let whole = |group: &(u64, GroupHeader)| group.1.tails.contains(&(chain, tail));
        let (Some((_, group)), Some(mut active)) = (group.filter(whole), active) else {
            return Err(OpenError::Damaged { file: path, offset: end });
        };
        active.end = end;
        let ending = ending(&self.index, &active, &group, self.seal, &HashMap::new());
        let length = end + ending.bytes.len() as u64;
        let write = || {
            file.write_all_at(&ending.bytes, end)?;
            file.set_len(length)?;
            file.sync()
        };
        write().map_err(|error| storage(&path, &error))?;
        let footer = Footer::parse(&ending.bytes[ending.directory..], ending.trailer, self.seal)
            .ok_or(OpenError::Damaged { file: path, offset: end })?;
        let sealed = Sealed::new(file, name, base, length, &footer, ending.topics.into_iter());
        self.index.chains[slot].sealed.push(Arc::new(sealed));
        Ok(group)
    }

    /// Scans the newest segment of a chain and indexes it, but for its last group.
    fn scan_newest(&mut self, slot: usize, segment: Opened) -> Result<Unsealed, OpenError> {
        let Opened { name, file, length, head } = segment;
        let path = self.folder.path.join(&name);
        let active = Active::new(file.clone(), head.base, head.created, HEAD_BYTES as u64);
        self.index.chains[slot].active = Some(active);
        let (mut held, mut odd) = (Vec::<Held>::new(), None);
        let extent = scan(&file, length, self.seal, |group, group_at, record, offset, bytes| {
            if held.last().is_some_and(|last| last.group.0 != group.first) {
                held.drain(..).for_each(|item| self.add(slot, item));
            }
            match self.hold(record, (offset, bytes), (group.first, group_at)) {
                Some(item) => held.push(item),
                None => odd = odd.or(Some(offset)),
            }
        });
        let extent = extent.map_err(|error| storage(&path, &error))?;
        match (&extent.rest, odd) {
            (_, Some(offset)) => Err(OpenError::Damaged { file: path, offset }),
            (Rest::Damaged, None) => Err(OpenError::Damaged { file: path, offset: extent.end }),
            _ => Ok(Unsealed { name, file, allocated: length, extent, held }),
        }
    }

    /// Takes a record out of the buffer it was read to; `None` when its topic is none.
    fn hold(&mut self, record: Record<'_>, (offset, bytes): (u64, usize), group: (u64, u64)) -> Option<Held> {
        let topic = self.topic(record.topic)?;
        let counted = record.counted_bytes() as u32;
        let posting = Posting { seq: record.seq, offset: offset as u32, length: bytes as u32, counted };
        let key = record.idempotency_key.map(|key| self.keys.hash(record.topic, key));
        Some(Held { topic, posting, time: record.time, end: record.end, deletes: record.deletes, key, group })
    }

    /// The number of a topic; `None` when the text is none.
    fn topic(&mut self, name: &str) -> Option<TopicId> {
        self.index.topics.intern_text(name, &self.index.classes)
    }

    fn add(&mut self, slot: usize, item: Held) {
        let seq = item.posting.seq;
        let mark = item.key.map(|hash| KeyMark { hash, seq, time: item.time });
        self.marks.extend(mark);
        if let Some(active) = &mut self.index.chains[slot].active {
            active.mark_time(item.group.0, item.group.1);
            active.keys.extend(mark);
        }
        if item.deletes {
            self.index.note_deletion(slot, item.topic, seq, item.time);
            self.deletions.insert(seq, item.topic);
        } else {
            let Held { topic, posting, time, end, .. } = item;
            self.index.add(slot, topic, Indexed { posting, time, end });
        }
    }
}
