//! One record: an event, or the mark that its topic was deleted.
//!
//! ```text
//! 0   u32  bytes that follow the checksum
//! 4   u32  checksum over everything that follows
//! 8   u64  sequence number
//! 16  u64  time, microseconds since the Unix epoch
//! 24  u8   flags
//! 25  u16  bytes of the topic
//! 27  …    topic; then, each if its flag is set, u32 length and text of: type, key, idempotency key; then data
//! ```
//!
//! Flags: 1 type, 2 key, 4 idempotency key, 8 deleted (this record deletes its topic), 16 done, 32 error,
//! 48 cancelled. Any other bit is a later version's, and reading stops.

use headwater_event_stream::EventType;

use super::{Checksum, Input};
use crate::{EndReason, NewEvent, StoredEvent, Timestamp, Topic};

/// A record of the log, borrowed from the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    pub(crate) topic: &'a str,
    pub(crate) event_type: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
    pub(crate) idempotency_key: Option<&'a str>,
    pub(crate) data: &'a str,
    pub(crate) end: Option<EndReason>,
    /// It deletes its topic and is no event.
    pub(crate) deletes: bool,
}

/// Bytes before the topic.
pub(crate) const FIXED_BYTES: usize = 27;
/// Bytes before those the length counts.
pub(crate) const PREFIX_BYTES: usize = 8;

const TYPE: u8 = 1;
const KEY: u8 = 2;
const IDEMPOTENCY_KEY: u8 = 4;
const DELETES: u8 = 8;
const END: u8 = 48;

impl<'a> Record<'a> {
    /// The record of an event to be stored.
    pub(crate) fn of(event: &'a NewEvent, seq: u64, time: Timestamp) -> Self {
        Self {
            seq,
            time,
            topic: event.topic.as_str(),
            event_type: event.event_type.as_ref().map(EventType::as_str),
            key: event.key.as_deref(),
            idempotency_key: event.idempotency_key.as_deref(),
            data: &event.data,
            end: event.end,
            deletes: false,
        }
    }

    /// The mark that deletes a topic.
    pub(crate) fn deletion(topic: &'a Topic, seq: u64, time: Timestamp) -> Self {
        Self {
            seq,
            time,
            topic: topic.as_str(),
            event_type: None,
            key: None,
            idempotency_key: None,
            data: "",
            end: None,
            deletes: true,
        }
    }

    /// Appends it; returns its length.
    pub(crate) fn write(&self, out: &mut Vec<u8>, checksum: Checksum) -> usize {
        let start = out.len();
        out.extend([0; PREFIX_BYTES]);
        out.extend(self.seq.to_le_bytes());
        out.extend(self.time.to_le_bytes());
        let flags = self.flags();
        out.push(flags);
        out.extend((self.topic.len() as u16).to_le_bytes());
        out.extend(self.topic.as_bytes());
        for text in [self.event_type, self.key, self.idempotency_key].into_iter().flatten() {
            out.extend((text.len() as u32).to_le_bytes());
            out.extend(text.as_bytes());
        }
        out.extend(self.data.as_bytes());
        let length = out.len() - start;
        let sum = checksum.of(&[&out[start + PREFIX_BYTES..]]);
        out[start..start + 4].copy_from_slice(&((length - PREFIX_BYTES) as u32).to_le_bytes());
        out[start + 4..start + 8].copy_from_slice(&sum.to_le_bytes());
        length
    }

    /// Reads one from the start of `bytes` with its whole length; `None` unless it is whole, its checksum
    /// holds and nothing in it is unknown.
    pub(crate) fn read(bytes: &'a [u8], checksum: Checksum) -> Option<(Self, usize)> {
        let mut input = Input(bytes);
        let length = input.u32()? as usize;
        let sum = input.u32()?;
        let mut input = Input(input.take(length)?);
        if checksum.of(&[input.0]) != sum {
            return None;
        }
        let (seq, time, flags) = (input.u64()?, input.u64()?, input.u8()?);
        if flags & !(TYPE | KEY | IDEMPOTENCY_KEY | DELETES | END) != 0 {
            return None;
        }
        let topic_bytes = usize::from(input.u16()?);
        let topic = input.text(topic_bytes)?;
        let mut optional = |flag| -> Option<Option<&'a str>> {
            if flags & flag == 0 {
                return Some(None);
            }
            let bytes = input.u32()? as usize;
            Some(Some(input.text(bytes)?))
        };
        let (event_type, key, idempotency_key) = (optional(TYPE)?, optional(KEY)?, optional(IDEMPOTENCY_KEY)?);
        let data = std::str::from_utf8(input.0).ok()?;
        let deletes = flags & DELETES != 0;
        let record = Self { seq, time, topic, event_type, key, idempotency_key, data, end: end_of(flags), deletes };
        Some((record, PREFIX_BYTES + length))
    }

    /// Bytes that count against retention: topic, type, key and data.
    pub(crate) fn counted_bytes(&self) -> u64 {
        let optional = [self.event_type, self.key].into_iter().flatten().map(str::len).sum::<usize>();
        (self.topic.len() + optional + self.data.len()) as u64
    }

    /// The event, on a topic that was looked up before; `None` when its type is none.
    pub(crate) fn to_event(self, topic: Topic) -> Option<StoredEvent> {
        let event_type = match self.event_type {
            Some(name) => Some(EventType::new(name).ok()?),
            None => None,
        };
        Some(StoredEvent {
            seq: self.seq,
            time: self.time,
            topic,
            event_type,
            key: self.key.map(Into::into),
            data: self.data.into(),
            end: self.end,
        })
    }

    fn flags(&self) -> u8 {
        let flag = |set: bool, bit| if set { bit } else { 0 };
        let end = match self.end {
            None => 0,
            Some(EndReason::Done) => 16,
            Some(EndReason::Error) => 32,
            Some(EndReason::Cancelled) => 48,
        };
        flag(self.event_type.is_some(), TYPE)
            | flag(self.key.is_some(), KEY)
            | flag(self.idempotency_key.is_some(), IDEMPOTENCY_KEY)
            | flag(self.deletes, DELETES)
            | end
    }
}

fn end_of(flags: u8) -> Option<EndReason> {
    match flags & END {
        0 => None,
        16 => Some(EndReason::Done),
        32 => Some(EndReason::Error),
        _ => Some(EndReason::Cancelled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_and_notice_any_flipped_bit() {
        let checksum = Checksum::new(1, 2);
        let full = Record {
            seq: 5,
            time: 6,
            topic: "a/b",
            event_type: Some("tick"),
            key: Some("k"),
            idempotency_key: Some("once"),
            data: "line\nline",
            end: None,
            deletes: false,
        };
        let bare = Record { event_type: None, key: None, idempotency_key: None, data: "", ..full };
        for record in [full, bare, Record { end: Some(EndReason::Cancelled), ..bare }, Record { deletes: true, ..bare }]
        {
            let mut bytes = Vec::new();
            let length = record.write(&mut bytes, checksum);
            assert_eq!(Record::read(&bytes, checksum), Some((record, length)));
            for bit in 0..length * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Record::read(&bytes, checksum), None, "bit {bit}");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn an_unknown_flag_stops_the_reader() {
        let checksum = Checksum::new(1, 2);
        let topic = Topic::new("a").expect("a topic");
        let mut bytes = Vec::new();
        Record::deletion(&topic, 1, 1).write(&mut bytes, checksum);
        bytes[24] |= 64;
        let sum = checksum.of(&[&bytes[8..]]);
        bytes[4..8].copy_from_slice(&sum.to_le_bytes());
        assert_eq!(Record::read(&bytes, checksum), None);
    }
}
