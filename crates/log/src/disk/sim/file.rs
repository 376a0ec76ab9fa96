//! A file of the simulated disk: what a running machine sees of it, and what the disk holds.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::SimDisk;
use super::rng::Rng;
use super::{Fault, Loss};
use crate::disk::File;

/// An open file.
#[derive(Clone, Debug)]
pub(super) struct SimFile {
    pub(super) disk: SimDisk,
    pub(super) inode: u64,
}

/// The bytes of a file, twice.
#[derive(Clone, Default)]
pub(super) struct Inode {
    /// As written.
    pub(super) live: Vec<u8>,
    /// As a power cut would leave it.
    durable: Vec<u8>,
    /// What lies between the two, in order.
    pending: Vec<Change>,
    /// Pages that take space. A file that was only lengthened has none there.
    pages: BTreeSet<u64>,
}

/// A change of a file that is not synced.
#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

pub(super) const PAGE: u64 = 4096;
const SECTOR: usize = 512;

impl Inode {
    pub(super) fn used(&self) -> u64 {
        self.pages.len() as u64 * PAGE
    }

    /// How many of the bytes fit when so many pages are free.
    pub(super) fn room(&self, offset: u64, length: usize, free: u64) -> usize {
        let end = offset + length as u64;
        let mut missing = (offset / PAGE..end.div_ceil(PAGE)).filter(|page| !self.pages.contains(page));
        missing
            .nth(usize::try_from(free).unwrap_or(usize::MAX))
            .map_or(length, |page| (page * PAGE).saturating_sub(offset) as usize)
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        put(&mut self.live, offset, bytes);
        self.pages.extend(offset as u64 / PAGE..(offset + bytes.len()).div_ceil(PAGE as usize) as u64);
        self.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub(super) fn set_len(&mut self, length: usize) {
        self.live.resize(length, 0);
        self.pages.split_off(&(length as u64).div_ceil(PAGE));
        self.pending.push(Change::Length(length));
    }

    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            change.apply(&mut self.durable);
        }
    }

    /// A failed sync: the kernel reports it once, drops what it likes and calls the rest clean.
    pub(super) fn fail_sync(&mut self, rng: &mut Rng) {
        for change in std::mem::take(&mut self.pending) {
            if rng.coin() {
                change.apply(&mut self.durable);
            }
        }
    }

    /// The power goes.
    pub(super) fn cut(&mut self, loss: Loss, rng: &mut Rng) {
        if loss == Loss::Nothing {
            return;
        }
        let pending = std::mem::take(&mut self.pending);
        let whole = if loss == Loss::Tail { rng.upto(pending.len()) } else { 0 };
        for (at, change) in pending.into_iter().enumerate() {
            match change {
                change if at < whole => change.apply(&mut self.durable),
                Change::Write { offset, bytes } if loss == Loss::Tail && at == whole => {
                    let kept = rng.upto(bytes.len());
                    put(&mut self.durable, offset, &bytes[..kept]);
                }
                Change::Write { offset, bytes } if loss == Loss::Sectors => {
                    let mut start = 0;
                    while start < bytes.len() {
                        let end = bytes.len().min(start + SECTOR - (offset + start) % SECTOR);
                        if rng.coin() {
                            put(&mut self.durable, offset + start, &bytes[start..end]);
                        }
                        start = end;
                    }
                }
                change @ Change::Length(_) if loss == Loss::Sectors && rng.coin() => change.apply(&mut self.durable),
                _ => {}
            }
        }
        self.live.clone_from(&self.durable);
        self.pages.split_off(&(self.live.len() as u64).div_ceil(PAGE));
    }

    pub(super) fn flip(&mut self, offset: usize, bits: u8) -> io::Result<()> {
        *self.live.get_mut(offset).ok_or(io::ErrorKind::UnexpectedEof)? ^= bits;
        if let Some(byte) = self.durable.get_mut(offset) {
            *byte ^= bits;
        }
        Ok(())
    }
}

impl Change {
    fn apply(self, to: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => put(to, offset, &bytes),
            Self::Length(length) => to.resize(length, 0),
        }
    }
}

impl File for SimFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut image = self.disk.image();
        image.begin(self.disk.run, "read", Path::new(""))?.done()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let live = &image.inode(self.inode).live;
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let bytes = start.checked_add(buffer.len()).and_then(|end| live.get(start..end));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut image = self.disk.image();
        let path = image.path(self.inode);
        let begun = image.begin(self.disk.run, "write", &path)?;
        let wanted = match begun.fault {
            None | Some(Fault::Crash) => bytes.len(),
            Some(Fault::Error) => 0,
            Some(Fault::Short | Fault::Full) => image.rng.upto(bytes.len()),
        };
        let free = image.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(image.used()) / PAGE);
        let inode = image.inode(self.inode);
        let room = inode.room(offset, wanted, free);
        inode.write(offset as usize, &bytes[..room]);
        begun.done()?;
        match room < bytes.len() {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut image = self.disk.image();
        let path = image.path(self.inode);
        image.begin(self.disk.run, "set_len", &path)?.done()?;
        image.inode(self.inode).set_len(length as usize);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let mut image = self.disk.image();
        image.alive(self.disk.run)?;
        Ok(image.inode(self.inode).live.len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        let mut image = self.disk.image();
        let path = image.path(self.inode);
        let begun = image.begin(self.disk.run, "sync", &path)?;
        match begun.fault {
            None => image.inode(self.inode).sync(),
            // The power going during a sync is told by what the cut keeps.
            Some(Fault::Crash) => {}
            Some(_) => image.fail_sync(self.inode),
        }
        begun.done()
    }
}

/// Writes into a file, which grows with zeros.
fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = offset + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(bytes);
}
