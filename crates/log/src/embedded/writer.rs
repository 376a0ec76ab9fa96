//! The one thread that changes the log: takes what has queued up, makes it durable with one sync per
//! chain, shows it, answers.

use std::io;
use std::sync::Arc;

use super::active::KeyMark;
use super::chain_file::ChainFile;
use super::folder::Folder;
use super::group::{Answer, Block, Group, Member};
use super::idempotency::Keys;
use super::index::{Chain, Indexed};
use super::queue::Request;
use super::scan::Seal;
use super::shared::Shared;
use crate::format::footer::Posting;
use crate::format::group::GroupHeader;
use crate::format::manifest::Manifest;
use crate::{AppendError, Class, Classes, Durability, Durable, Health};

/// The writer's own state; nobody else sees it.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) folder: Arc<Folder>,
    pub(crate) manifest: Manifest,
    pub(crate) seal: Seal,
    /// The file each chain is written to, by slot of the index.
    pub(crate) files: Vec<Option<ChainFile>>,
    /// Newest number of each chain in use.
    pub(crate) tails: Vec<(u16, u64)>,
    pub(crate) next: u64,
    pub(crate) keys: Keys,
    pub(crate) segment_bytes: u64,
    /// The classes in force and the slot of the chain each is written to.
    pub(crate) classes: Arc<Classes>,
    pub(crate) slots: Vec<usize>,
}

/// Why a group was not stored.
pub(crate) enum Failure {
    /// No space, and nothing is left of it.
    Full,
    /// The storage failed; what is on disk is unknown.
    Failed(String),
}

impl Writer {
    /// Works until the queue is shut and empty, or the storage fails.
    pub(crate) fn run(mut self) {
        let _end = End(self.shared.clone());
        loop {
            let requests = self.shared.queue.take();
            if requests.is_empty() {
                return;
            }
            if let Err(reason) = self.group(requests) {
                self.shared.set_health(Health::Failed(reason.clone()));
                self.shared.queue.fail(&AppendError::Failed(reason));
                return;
            }
        }
    }

    /// One group, from the requests to the answers.
    fn group(&mut self, requests: Vec<Request>) -> Result<(), String> {
        self.take_classes();
        let now = self.shared.clock.now();
        self.keys.expire(now);
        let headroom = GroupHeader::bytes_for(1 + self.slots.len() + self.tails.len());
        let mut group = Group::new(self.next, now, self.seal.checksum, headroom);
        let mut failure = None;
        for request in requests {
            match (request, &failure) {
                (Request::Seal { slot, base }, None) => {
                    failure = self.end_segment(slot, base).err();
                    failure.iter().for_each(|reason| self.shared.set_health(Health::Failed(reason.clone())));
                }
                (Request::Probe, None) => {
                    failure = self.probe().err();
                    failure.iter().for_each(|reason| self.shared.set_health(Health::Failed(reason.clone())));
                }
                (request, None) => self.resolve(&mut group, request),
                (request, Some(reason)) => request.refuse(AppendError::Failed(reason.clone())),
            }
        }
        if let Some(reason) = failure {
            give(group.answers, Some(&AppendError::Failed(reason.clone())));
            return Err(reason);
        }
        let outcome = if group.members.is_empty() { Ok(Vec::new()) } else { self.store(&mut group) };
        let answers = std::mem::take(&mut group.answers);
        match outcome {
            Ok(starts) => {
                if !group.members.is_empty() {
                    self.publish(group, &starts);
                    self.shared.set_health(Health::Ready);
                }
                give(answers, None);
                Ok(())
            }
            Err(Failure::Full) => {
                self.shared.set_health(Health::Full);
                give(answers, Some(&AppendError::Full));
                Ok(())
            }
            Err(Failure::Failed(reason)) => {
                self.shared.set_health(Health::Failed(reason.clone()));
                give(answers, Some(&AppendError::Failed(reason.clone())));
                Err(reason)
            }
        }
    }

    /// Writes and syncs the blocks; returns the offset of each block's records in its file.
    fn store(&mut self, group: &mut Group) -> Result<Vec<u64>, Failure> {
        if group.is_volatile() {
            self.reserve_numbers(group.next - 1)?;
        }
        for block in &group.blocks {
            self.make_room(block)?;
        }
        let mut tails = self.tails.clone();
        for block in &group.blocks {
            let id = self.chain_id(block.slot);
            match tails.iter_mut().find(|(chain, _)| *chain == id) {
                Some((_, newest)) => *newest = block.newest,
                None => tails.push((id, block.newest)),
            }
        }
        let header_bytes = GroupHeader::bytes_for(tails.len());
        let mut starts = Vec::with_capacity(group.blocks.len());
        let (first, last) = (group.first, group.next - 1);
        for (index, block) in group.blocks.iter_mut().enumerate() {
            let bytes = &mut block.bytes[group.headroom - header_bytes..];
            let header = GroupHeader {
                block_bytes: bytes.len() as u32,
                records: block.records,
                first,
                last,
                tails: tails.clone(),
            };
            header.write(bytes, self.seal.checksum, self.seal.epoch);
            let file = file_of(&self.files, block.slot);
            if let Err(error) = file.write(bytes) {
                return Err(self.roll_back(&group.blocks[..=index], header_bytes, &error));
            }
            starts.push(file.end + header_bytes as u64);
        }
        for block in &group.blocks {
            let file = file_of(&self.files, block.slot);
            file.file.sync().map_err(|error| failed("sync", &file.name, &error))?;
        }
        for (block, start) in group.blocks.iter().zip(&starts) {
            if let Some(file) = self.files[block.slot].as_mut() {
                file.group = GroupHeader::read(
                    &block.bytes[group.headroom - header_bytes..],
                    self.seal.checksum,
                    self.seal.epoch,
                );
                file.end = start + (block.bytes.len() - group.headroom) as u64;
            }
        }
        self.tails = tails;
        self.next = group.next;
        Ok(starts)
    }

    /// Shows a durable group to readers and tells the listener.
    fn publish(&mut self, group: Group, starts: &[u64]) {
        let mut durable = Durable { head: group.next - 1, events: Vec::new(), deleted: Vec::new() };
        let start_of = |slot| group.blocks.iter().position(|block| block.slot == slot).map_or(0, |at| starts[at]);
        let mut index = self.shared.index_mut();
        for block in &group.blocks {
            let end = file_of(&self.files, block.slot).end;
            let offset = start_of(block.slot) - GroupHeader::bytes_for(self.tails.len()) as u64;
            if let Some(active) = &mut index.chains[block.slot].active {
                active.mark_time(group.first, offset);
                active.end = end;
            }
        }
        for member in group.members {
            match member {
                Member::Event { event, place, counted, key } if place.slot == VOLATILE => {
                    let (hash, key) = key.unzip();
                    if let Some(hash) = hash {
                        self.keys.insert(hash, event.seq, event.time);
                    }
                    index.add_volatile(event.clone(), counted, key.flatten());
                    durable.events.push(event);
                }
                Member::Event { event, place, counted, key } => {
                    let posting = Posting {
                        seq: event.seq,
                        offset: (start_of(place.slot) + place.offset as u64) as u32,
                        length: place.length as u32,
                        counted: counted as u32,
                    };
                    let index = &mut *index;
                    let id = index.topics.intern(&event.topic, &index.classes);
                    index.add(place.slot, id, Indexed { posting, time: event.time, end: event.end });
                    if let Some((hash, _)) = key {
                        self.keys.insert(hash, event.seq, event.time);
                        if let Some(active) = &mut index.chains[place.slot].active {
                            active.keys.push(KeyMark { hash, seq: event.seq, time: event.time });
                        }
                    }
                    durable.events.push(event);
                }
                Member::Deletion { topic, seq, place } => {
                    index.delete(place.slot, &topic, seq, group.time);
                    durable.deleted.push((topic, seq));
                }
            }
        }
        index.head = durable.head;
        drop(index);
        if let Some(listener) = self.shared.listener.get() {
            listener(durable);
        }
    }

    /// Makes sure that numbers of events in memory are not used again by a later process.
    fn reserve_numbers(&mut self, last: u64) -> Result<(), Failure> {
        if last <= self.manifest.reserved {
            return Ok(());
        }
        let manifest = Manifest { reserved: last + RESERVE, ..self.manifest.clone() };
        self.folder.save_manifest(&manifest).map_err(|error| full_or_failed("replace", "manifest", &error))?;
        self.manifest = manifest;
        Ok(())
    }

    /// After a write found no space although room was made: takes back what was written, or stops.
    fn roll_back(&self, written: &[Block], header_bytes: usize, error: &io::Error) -> Failure {
        if error.kind() != io::ErrorKind::StorageFull {
            let name = written.last().map_or("", |block| &file_of(&self.files, block.slot).name);
            return failed("write", name, error);
        }
        for block in written {
            let file = file_of(&self.files, block.slot);
            if let Err(error) = file.unwrite(header_bytes) {
                return failed("take back a write to", &file.name, &error);
            }
        }
        Failure::Full
    }

    /// Takes the classes in force for this group, and a chain for each.
    fn take_classes(&mut self) {
        let classes = self.shared.index().classes.clone();
        if !Arc::ptr_eq(&classes, &self.classes) || self.slots.is_empty() {
            self.slots = classes.iter().map(|class| self.slot_of(class)).collect();
            self.classes = classes;
        }
    }

    /// The slot of the chain that a class writes, by what the class is rather than where it stands in the
    /// configuration: editing that never puts one class's events under another's retention.
    fn slot_of(&mut self, class: &Class) -> usize {
        if class.durability == Durability::Memory {
            return VOLATILE;
        }
        self.slot_of_identity(&identity(class))
    }

    /// The slot of the chain with an identity, a new one if need be.
    pub(crate) fn slot_of_identity(&mut self, identity: &str) -> usize {
        let mut index = self.shared.index_mut();
        if let Some(slot) = index.chains.iter().position(|chain| *chain.identity == *identity) {
            return slot;
        }
        let id = index.chains.iter().map(|chain| chain.id + 1).max().unwrap_or(0);
        index.chains.push(Chain { id, identity: identity.into(), sealed: Vec::new(), active: None, removed: 0 });
        self.files.push(None);
        index.chains.len() - 1
    }

    pub(crate) fn chain_id(&self, slot: usize) -> u16 {
        self.shared.index().chains[slot].id
    }
}

/// Notices a panic of the writer, which can only come from a listener or an answer: nobody must wait for it.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let reason = "its writer panicked".to_owned();
            self.0.set_health(Health::Failed(reason.clone()));
            self.0.queue.fail(&AppendError::Failed(reason));
        }
    }
}

/// What tells the chain of a class: how durable it is and which topics it has.
fn identity(class: &Class) -> String {
    class.topics.iter().fold(String::from("disk"), |text, pattern| text + "\n" + pattern.as_str())
}

fn give(answers: Vec<Answer>, failure: Option<&AppendError>) {
    for answer in answers {
        answer.give(failure);
    }
}

fn file_of(files: &[Option<ChainFile>], slot: usize) -> &ChainFile {
    files[slot].as_ref().expect("room was made in every chain of the group")
}

pub(crate) fn failed(what: &str, name: &str, error: &io::Error) -> Failure {
    Failure::Failed(format!("{what} {name}: {error}"))
}

pub(crate) fn full_or_failed(what: &str, name: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::StorageFull => Failure::Full,
        _ => failed(what, name, error),
    }
}

/// Stands for the slot of a chain where events are only in memory.
pub(crate) const VOLATILE: usize = usize::MAX;
/// Numbers reserved at a time.
const RESERVE: u64 = 1 << 16;
