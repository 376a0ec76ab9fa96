//! The footer of a sealed segment: its index. It stands after the zero length that ends the groups.
//!
//! ```text
//! lists      per topic, one after the other, its events: four LEB128 numbers each: how much higher the sequence
//!            number is than the one before (than the base), how much further the offset, the record's length, and
//!            how much of that retention does not count
//! directory  per topic: u64 first, u64 last, u64 time of last, u64 events, u64 counted bytes, u64 newest
//!            deletion, u64 newest event that a rewrite left out, u32 offset of its list (from the first one's),
//!            u32 bytes of it, u32 checksum of it, u8 end (0 none, 1 done, 2 error, 3 cancelled), u16 bytes of the
//!            name, name
//! keys       per idempotency key: u64 hash, u64 sequence number, u64 time
//! times      per mark: u64 first sequence number after it, u32 offset of a group, u64 highest time before it
//! group      the header of the last group, with the bits of the epoch turned so that it is not taken for a group
//! trailer    u64 offset of lists, u64 of directory, u32 topics, u32 keys, u32 marks, u32 bytes of the group header,
//!            u64 first record, u64 last record there ever was, u64 highest time, u64 events, u32 checksum over
//!            everything from the directory to here, 8 bytes "HWFOOT\0\n"
//! ```

use super::{Checksum, Input, put_varint};
use crate::{EndReason, Timestamp};

/// The fixed end of a sealed segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) lists: u64,
    pub(crate) directory: u64,
    pub(crate) topics: u32,
    pub(crate) keys: u32,
    pub(crate) marks: u32,
    pub(crate) group_bytes: u32,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) newest_time: Timestamp,
    pub(crate) events: u64,
    pub(crate) checksum: u32,
}

/// What a segment has of one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TopicEntry {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) last_time: Timestamp,
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// Newest deletion in this segment; 0 for none.
    pub(crate) deleted: u64,
    /// Newest event that was left out when the segment was rewritten; 0 for none.
    pub(crate) removed: u64,
    pub(crate) list_offset: u32,
    pub(crate) list_bytes: u32,
    pub(crate) list_checksum: u32,
    pub(crate) end: Option<EndReason>,
}

/// Where a record stands in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) seq: u64,
    pub(crate) offset: u32,
    pub(crate) length: u32,
    /// Bytes that count against retention.
    pub(crate) counted: u32,
}

/// Bytes of the trailer.
pub(crate) const TRAILER_BYTES: usize = 2 * 8 + 4 * 4 + 4 * 8 + 4 + 8;
/// Bytes of a directory entry before the name.
pub(crate) const ENTRY_BYTES: usize = 71;
const MAGIC: &[u8; 8] = b"HWFOOT\0\n";

impl Trailer {
    /// Appends it to everything from the directory on, setting its checksum.
    pub(crate) fn write(&self, out: &mut Vec<u8>, from: usize, checksum: Checksum) {
        out.extend(self.lists.to_le_bytes());
        out.extend(self.directory.to_le_bytes());
        for number in [self.topics, self.keys, self.marks, self.group_bytes] {
            out.extend(number.to_le_bytes());
        }
        for number in [self.first, self.last, self.newest_time, self.events] {
            out.extend(number.to_le_bytes());
        }
        let sum = checksum.of(&[&out[from..]]);
        out.extend(sum.to_le_bytes());
        out.extend(MAGIC);
    }

    /// Reads the last bytes of a file; `None` when it is not sealed. The checksum is still to be compared.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut input = Input(bytes);
        let (lists, directory) = (input.u64()?, input.u64()?);
        let (topics, keys, marks, group_bytes) = (input.u32()?, input.u32()?, input.u32()?, input.u32()?);
        let (first, last, newest_time, events) = (input.u64()?, input.u64()?, input.u64()?, input.u64()?);
        let checksum = input.u32()?;
        let sealed = input.take(8)? == MAGIC && input.0.is_empty();
        let all =
            Self { lists, directory, topics, keys, marks, group_bytes, first, last, newest_time, events, checksum };
        sealed.then_some(all)
    }
}

impl TopicEntry {
    pub(crate) fn write(&self, name: &str, out: &mut Vec<u8>) {
        for number in [self.first, self.last, self.last_time, self.events, self.bytes, self.deleted, self.removed] {
            out.extend(number.to_le_bytes());
        }
        for number in [self.list_offset, self.list_bytes, self.list_checksum] {
            out.extend(number.to_le_bytes());
        }
        out.push(match self.end {
            None => 0,
            Some(EndReason::Done) => 1,
            Some(EndReason::Error) => 2,
            Some(EndReason::Cancelled) => 3,
        });
        out.extend((name.len() as u16).to_le_bytes());
        out.extend(name.as_bytes());
    }

    /// The entry and the length of the name that follows.
    pub(crate) fn read(input: &mut Input<'_>) -> Option<(Self, usize)> {
        let (first, last, last_time) = (input.u64()?, input.u64()?, input.u64()?);
        let (events, bytes, deleted, removed) = (input.u64()?, input.u64()?, input.u64()?, input.u64()?);
        let (list_offset, list_bytes, list_checksum) = (input.u32()?, input.u32()?, input.u32()?);
        let end = match input.u8()? {
            0 => None,
            1 => Some(EndReason::Done),
            2 => Some(EndReason::Error),
            3 => Some(EndReason::Cancelled),
            _ => return None,
        };
        let name = usize::from(input.u16()?);
        let entry = Self {
            first,
            last,
            last_time,
            events,
            bytes,
            deleted,
            removed,
            list_offset,
            list_bytes,
            list_checksum,
            end,
        };
        Some((entry, name))
    }
}

/// Appends a topic's list.
pub(crate) fn write_list(postings: &[Posting], base: u64, out: &mut Vec<u8>) {
    let (mut seq, mut offset) = (base, 0);
    for posting in postings {
        put_varint(out, posting.seq - seq);
        put_varint(out, u64::from(posting.offset - offset));
        put_varint(out, u64::from(posting.length));
        put_varint(out, u64::from(posting.length - posting.counted));
        (seq, offset) = (posting.seq, posting.offset);
    }
}

/// Reads a topic's list; `None` when it is none.
pub(crate) fn read_list(bytes: &[u8], base: u64) -> Option<Vec<Posting>> {
    let (mut seq, mut offset) = (base, 0u32);
    let mut postings = Vec::with_capacity(bytes.len() / 6);
    let mut input = Input(bytes);
    while !input.0.is_empty() {
        seq = seq.checked_add(input.varint()?)?;
        offset = offset.checked_add(u32::try_from(input.varint()?).ok()?)?;
        let length = u32::try_from(input.varint()?).ok()?;
        let counted = length.checked_sub(u32::try_from(input.varint()?).ok()?)?;
        postings.push(Posting { seq, offset, length, counted });
    }
    Some(postings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_round_trip() {
        let posting = |seq, offset| Posting { seq, offset, length: 300, counted: 250 };
        let postings = [posting(11, 46), posting(12, 400), posting(1 << 30, 90_000)];
        let mut bytes = Vec::new();
        write_list(&postings, 10, &mut bytes);
        assert_eq!(read_list(&bytes, 10).as_deref(), Some(&postings[..]));
        assert_eq!(read_list(&bytes[..bytes.len() - 1], 10), None);
    }

    #[test]
    fn entries_and_trailers_round_trip() {
        let entry = TopicEntry { first: 1, last: 9, events: 3, end: Some(EndReason::Error), ..TopicEntry::default() };
        let mut bytes = Vec::new();
        entry.write("name", &mut bytes);
        assert_eq!(bytes.len(), ENTRY_BYTES + 4);
        assert_eq!(TopicEntry::read(&mut Input(&bytes)), Some((entry, 4)));

        let trailer = Trailer { lists: 70, topics: 4, events: 12, ..Trailer::default() };
        let mut bytes = Vec::new();
        trailer.write(&mut bytes, 0, Checksum::new(1, 2));
        assert_eq!(bytes.len(), TRAILER_BYTES);
        let read = Trailer::read(&bytes).expect("a trailer");
        assert_eq!(Trailer { checksum: 0, ..read }, trailer);
        assert_eq!(read.checksum, Checksum::new(1, 2).of(&[&bytes[..TRAILER_BYTES - 12]]));
        assert_eq!(Trailer::read(&bytes[1..]), None);
    }
}
