//! The block being read: its values so far, how much they hold, and what becomes of one that is refused.

use alloc::vec::Vec;

use super::line::split;
use super::slot::{Capture, Slot, Value};

/// The fields of one block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) data: Slot,
    pub(super) event_type: Slot,
    pub(super) id: Slot,
    /// One for each name to capture, set or not.
    pub(super) captures: Vec<Capture>,
    /// Bytes of all values together.
    size: usize,
    /// An error was reported for this block: only its id still counts.
    spoiled: bool,
}

/// The fields of a block that hold one value, the last.
#[derive(Clone, Copy)]
pub(super) enum Single {
    EventType,
    Id,
}

impl Block {
    pub(super) fn new(captures: Vec<Capture>) -> Self {
        Self {
            data: Slot::default(),
            event_type: Slot::default(),
            id: Slot::default(),
            captures,
            size: 0,
            spoiled: false,
        }
    }

    /// Whether anything would be lost if the block never ended.
    pub(super) fn is_begun(&self) -> bool {
        self.spoiled
            || self.data.is_set()
            || self.event_type.is_set()
            || self.id.is_set()
            || self.captures.iter().any(|capture| capture.value.is_set())
    }

    pub(super) const fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    /// Bytes of all values together, as received.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    pub(super) fn add_data(&mut self, value: Value<'_>, chunk: &[u8]) {
        if self.data.is_set() {
            self.data.append_line(value.bytes, chunk);
            self.size += 1 + value.bytes.len();
        } else {
            self.data.set(value);
            self.size += value.bytes.len();
        }
    }

    pub(super) fn set(&mut self, field: Single, value: Value<'_>) {
        let slot = match field {
            Single::EventType => &mut self.event_type,
            Single::Id => &mut self.id,
        };
        self.size = self.size - slot.len() + value.bytes.len();
        slot.set(value);
    }

    /// Keeps a field the standard does not know, if it is one to capture.
    pub(super) fn capture(&mut self, line: &[u8], start: Option<usize>) {
        if self.captures.is_empty() {
            return;
        }
        let (name, bytes) = split(line);
        if let Some(capture) = self.captures.iter_mut().find(|capture| capture.name().as_bytes() == name) {
            self.size = self.size - capture.value.len() + bytes.len();
            capture.value.set(Value::in_line(bytes, line, start));
        }
    }

    /// Drops all values but the id, and takes no more of them.
    #[cold]
    pub(super) fn spoil(&mut self, chunk: &[u8]) {
        self.spoiled = true;
        self.id.hold(chunk);
        self.data.clear();
        self.event_type.clear();
        self.captures.iter_mut().for_each(|capture| capture.value.clear());
        self.size = self.id.len();
    }

    /// Copies what lies in `chunk`, so that the block outlives it.
    pub(super) fn hold(&mut self, chunk: &[u8]) {
        self.data.hold(chunk);
        self.event_type.hold(chunk);
        self.id.hold(chunk);
        self.captures.iter_mut().for_each(|capture| capture.value.hold(chunk));
    }

    /// Makes ready for the next block.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.data.clear();
        self.event_type.clear();
        self.id.clear();
        for capture in &mut self.captures {
            capture.value.clear();
        }
        self.size = 0;
        self.spoiled = false;
    }
}
