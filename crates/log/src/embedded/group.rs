//! A group being made: batches are checked, their events numbered and encoded. Nothing of it is visible until
//! it is durable, and dropping it leaves no trace.

use std::collections::HashMap;
use std::sync::Arc;

use super::writer::VOLATILE;
use crate::format::Checksum;
use crate::format::record::Record;
use crate::{AppendDone, AppendError, DeleteDone, NewEvent, Receipt, StoredEvent, Timestamp, Topic};

/// Events and deletions with their numbers, in order, and the answers that wait for them.
pub(crate) struct Group {
    /// First number it may use.
    pub(crate) first: u64,
    /// Next number to use.
    pub(crate) next: u64,
    pub(crate) time: Timestamp,
    pub(crate) members: Vec<Member>,
    /// One for every chain touched.
    pub(crate) blocks: Vec<Block>,
    pub(crate) answers: Vec<Answer>,
    /// What topics will be like: finished or not.
    finished: HashMap<Topic, bool>,
    /// Deletions by topic.
    deleted: HashMap<Topic, u64>,
    /// Idempotency keys of the group, by hash.
    keys: HashMap<u64, (Topic, Box<str>, u64)>,
    checksum: Checksum,
    /// Room before the records of a block for its header.
    pub(crate) headroom: usize,
}

/// The records that one chain gets.
pub(crate) struct Block {
    pub(crate) slot: usize,
    /// Room for the header, then the records.
    pub(crate) bytes: Vec<u8>,
    pub(crate) records: u32,
    pub(crate) newest: u64,
}

/// Where a record stands within its block's records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) slot: usize,
    pub(crate) offset: usize,
    pub(crate) length: usize,
}

/// One numbered thing.
pub(crate) enum Member {
    Event {
        event: Arc<StoredEvent>,
        place: Place,
        counted: u64,
        /// Hash of the idempotency key, and the key itself where the record does not have it.
        key: Option<(u64, Option<Box<str>>)>,
    },
    Deletion {
        topic: Topic,
        seq: u64,
        place: Place,
    },
}

/// An answer that waits for the group.
pub(crate) enum Answer {
    /// `waits` says whether the outcome rests on something of this group.
    Append {
        done: AppendDone,
        outcome: Result<Vec<Receipt>, AppendError>,
        waits: bool,
    },
    Delete {
        done: DeleteDone,
        existed: bool,
    },
}

impl Group {
    pub(crate) fn new(next: u64, time: Timestamp, checksum: Checksum, headroom: usize) -> Self {
        Self {
            first: next,
            next,
            time,
            members: Vec::new(),
            blocks: Vec::new(),
            answers: Vec::new(),
            finished: HashMap::new(),
            deleted: HashMap::new(),
            keys: HashMap::new(),
            checksum,
            headroom,
        }
    }

    /// Whether the group finishes (or, by deletion, opens) a topic.
    pub(crate) fn finishes(&self, topic: &Topic) -> Option<bool> {
        self.finished.get(topic).copied()
    }

    /// Whether the group deletes a topic.
    pub(crate) fn deletes(&self, topic: &Topic) -> bool {
        self.deleted.contains_key(topic)
    }

    /// Whether the group has an event of a topic that it does not delete again.
    pub(crate) fn has_event(&self, topic: &Topic) -> bool {
        let deleted = self.deleted.get(topic).copied().unwrap_or(0);
        self.members.iter().any(|member| match member {
            Member::Event { event, .. } => event.topic == *topic && event.seq > deleted,
            Member::Deletion { .. } => false,
        })
    }

    /// Whether the group puts something of a topic on disk.
    pub(crate) fn has_stored(&self, topic: &Topic) -> bool {
        self.members.iter().any(|member| match member {
            Member::Event { event, place, .. } => event.topic == *topic && place.slot != VOLATILE,
            Member::Deletion { .. } => false,
        })
    }

    /// Whether the group has something that is only in memory.
    pub(crate) fn is_volatile(&self) -> bool {
        self.members.iter().any(|member| match member {
            Member::Event { place, .. } | Member::Deletion { place, .. } => place.slot == VOLATILE,
        })
    }

    /// What the group has under a hash.
    pub(crate) fn key(&self, hash: u64) -> Option<(&Topic, &str, u64)> {
        self.keys.get(&hash).map(|(topic, key, seq)| (topic, &**key, *seq))
    }

    /// Numbers and encodes an event; returns its number.
    pub(crate) fn add(&mut self, event: NewEvent, slot: usize, hash: Option<u64>) -> u64 {
        let seq = self.take_number();
        let record = Record::of(&event, seq, self.time);
        let counted = record.counted_bytes();
        let place = self.write(slot, &record);
        if event.end.is_some() {
            self.finished.insert(event.topic.clone(), true);
        }
        let key = hash.zip(event.idempotency_key);
        if let Some((hash, key)) = &key {
            self.keys.insert(*hash, (event.topic.clone(), key.clone(), seq));
        }
        let key = key.map(|(hash, key)| (hash, (slot == VOLATILE).then_some(key)));
        let event = Arc::new(StoredEvent {
            seq,
            time: self.time,
            topic: event.topic,
            event_type: event.event_type,
            key: event.key,
            data: event.data,
            end: event.end,
        });
        self.members.push(Member::Event { event, place, counted, key });
        seq
    }

    /// Numbers and encodes a deletion.
    pub(crate) fn delete(&mut self, topic: Topic, slot: usize) {
        let seq = self.take_number();
        let place = self.write(slot, &Record::deletion(&topic, seq, self.time));
        self.finished.insert(topic.clone(), false);
        self.deleted.insert(topic.clone(), seq);
        self.keys.retain(|_, (of, ..)| *of != topic);
        self.members.push(Member::Deletion { topic, seq, place });
    }

    fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn write(&mut self, slot: usize, record: &Record<'_>) -> Place {
        if slot == VOLATILE {
            return Place { slot, offset: 0, length: 0 };
        }
        let index = match self.blocks.iter().position(|block| block.slot == slot) {
            Some(index) => index,
            None => {
                self.blocks.push(Block { slot, bytes: vec![0; self.headroom], records: 0, newest: 0 });
                self.blocks.len() - 1
            }
        };
        let block = &mut self.blocks[index];
        let offset = block.bytes.len() - self.headroom;
        let length = record.write(&mut block.bytes, self.checksum);
        block.records += 1;
        block.newest = record.seq;
        Place { slot, offset, length }
    }
}

impl Answer {
    /// Tells whoever waits. `failure` says that nothing of the group was stored.
    pub(crate) fn give(self, failure: Option<&AppendError>) {
        match self {
            Self::Append { done, outcome, waits } => match failure.filter(|_| waits) {
                Some(error) => done(Err(error.clone())),
                None => done(outcome),
            },
            Self::Delete { done, existed } => match failure {
                Some(error) => done(Err(error.clone())),
                None => done(Ok(existed)),
            },
        }
    }
}
