//! Reads a segment from its start, group by group, and says how it ends.

use std::io;
use std::sync::Arc;

use super::window::Window;
use crate::disk::File;
use crate::format::Checksum;
use crate::format::group::{self, GroupHeader};
use crate::format::record::{self, Record};
use crate::format::segment::HEAD_BYTES;

/// How far a segment is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Where the whole groups end.
    pub(crate) end: u64,
    /// The last whole group and where it begins.
    pub(crate) last: Option<(u64, GroupHeader)>,
    /// The one before the last.
    pub(crate) before_last: Option<(u64, GroupHeader)>,
    /// What stands after them.
    pub(crate) rest: Rest,
}

/// What follows the whole groups of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing, or zeros.
    Nothing,
    /// Bytes that are no group; the header if that much is whole.
    Broken(Option<GroupHeader>),
    /// A damaged place with a whole group after it.
    Damaged,
}

/// Which checksums a log's bytes have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seal {
    pub(crate) checksum: Checksum,
    pub(crate) epoch: u32,
}

/// Calls `each` for every record of every whole group with the group's header and offset, and the record's offset
/// and length.
pub(crate) fn scan(
    file: &Arc<dyn File>,
    length: u64,
    seal: Seal,
    mut each: impl FnMut(&GroupHeader, u64, Record<'_>, u64, usize),
) -> io::Result<Extent> {
    let mut window = Window::new(file.clone(), length, READ_BYTES);
    let mut extent = Extent { end: HEAD_BYTES as u64, last: None, before_last: None, rest: Rest::Nothing };
    loop {
        let at = extent.end;
        let Some(header) = header_at(&mut window, at, seal)? else {
            extent.rest = rest_from(&mut window, at, at, None, seal)?;
            return Ok(extent);
        };
        let block = window.at(at, header.block_bytes as usize)?;
        let follows = extent.last.as_ref().is_none_or(|(_, before)| before.last < header.first);
        let Some(records) = follows.then(|| whole_records(block, &header, seal)).flatten() else {
            let beyond = at + header.bytes() as u64;
            extent.rest = rest_from(&mut window, at, beyond, Some(header), seal)?;
            return Ok(extent);
        };
        for (record, offset, length) in records {
            each(&header, at, record, at + offset as u64, length);
        }
        extent.end = at + u64::from(header.block_bytes);
        extent.before_last = extent.last.replace((at, header));
    }
}

/// The header at an offset, if there is a whole one.
pub(crate) fn header_at(window: &mut Window, at: u64, seal: Seal) -> io::Result<Option<GroupHeader>> {
    let bytes = window.at(at, group::FIXED_BYTES)?;
    let Some(chains) = bytes.get(group::FIXED_BYTES - 2..group::FIXED_BYTES) else { return Ok(None) };
    if bytes[..4] == [0; 4] || bytes[8..12] != seal.epoch.to_le_bytes() {
        return Ok(None);
    }
    let chains = usize::from(u16::from_le_bytes([chains[0], chains[1]]));
    let bytes = window.at(at, GroupHeader::bytes_for(chains))?;
    Ok(GroupHeader::read(bytes, seal.checksum, seal.epoch))
}

/// The records of a block with their places; `None` unless the block is there to its end and every record in it is
/// whole, in order and of this group.
fn whole_records<'a>(block: &'a [u8], header: &GroupHeader, seal: Seal) -> Option<Vec<(Record<'a>, usize, usize)>> {
    let block = block.get(..header.block_bytes as usize)?;
    let mut records = Vec::with_capacity((header.records as usize).min(block.len() / record::FIXED_BYTES));
    let (mut offset, mut before) = (header.bytes(), header.first.saturating_sub(1));
    for _ in 0..header.records {
        let (record, length) = Record::read(block.get(offset..)?, seal.checksum)?;
        if record.seq <= before || record.seq > header.last {
            return None;
        }
        before = record.seq;
        records.push((record, offset, length));
        offset += length;
    }
    (offset == block.len()).then_some(records)
}

/// What stands from `at` on; a whole group is looked for from `beyond` on.
fn rest_from(window: &mut Window, at: u64, beyond: u64, header: Option<GroupHeader>, seal: Seal) -> io::Result<Rest> {
    let epoch = seal.epoch.to_le_bytes();
    let mut clean = header.is_none() && is_zero(window, at, beyond)?;
    let mut from = beyond;
    while from < window.length() {
        let bytes = window.at(from, SEARCH_BYTES + group::FIXED_BYTES)?;
        let searched = bytes.len().min(SEARCH_BYTES);
        let bytes = &bytes[..bytes.len().min(SEARCH_BYTES + group::FIXED_BYTES)];
        if bytes.iter().any(|byte| *byte != 0) {
            clean = false;
            let hits: Vec<_> = (0..searched).filter(|&hit| bytes.get(hit + 8..hit + 12) == Some(&epoch[..])).collect();
            for hit in hits {
                if header_at(window, from + hit as u64, seal)?.is_some() {
                    return Ok(Rest::Damaged);
                }
            }
        }
        from += searched as u64;
    }
    Ok(if clean { Rest::Nothing } else { Rest::Broken(header) })
}

fn is_zero(window: &mut Window, from: u64, to: u64) -> io::Result<bool> {
    let count = to.saturating_sub(from) as usize;
    let bytes = window.at(from, count)?;
    Ok(bytes[..bytes.len().min(count)].iter().all(|byte| *byte == 0))
}

const READ_BYTES: usize = 1 << 20;
const SEARCH_BYTES: usize = 64 << 10;
