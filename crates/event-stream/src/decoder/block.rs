//! The block being read: its values so far, how much they hold, and what becomes of one that is refused.

use alloc::vec::Vec;

use super::line::{Line, split};
use super::slot::{Capture, Slot, Value};

/// The fields of one block.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) data: Slot,
    pub(super) event_type: Slot,
    pub(super) id: Slot,
    /// One for each name to capture, set or not.
    pub(super) captures: Vec<Capture>,
    /// An error was reported for this block: only its id still counts.
    spoiled: bool,
}

impl Block {
    pub(super) fn new(captures: Vec<Capture>) -> Self {
        Self { data: Slot::default(), event_type: Slot::default(), id: Slot::default(), captures, spoiled: false }
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
    #[inline]
    pub(super) fn size(&self) -> usize {
        let captured: usize = self.captures.iter().map(|capture| capture.value.received()).sum();
        self.data.received() + self.event_type.received() + self.id.received() + captured
    }

    /// Takes what a line says. `end` is where the line ends in `text`, the text of the current slice, if it lies there.
    #[inline(always)]
    pub(super) fn apply(&mut self, line: Line<'_>, end: Option<usize>, text: &str) {
        match line {
            Line::Id(value) if !has_nul(value) => self.id.set(Value::new(value, end)),
            _ if self.spoiled => {}
            Line::Data(value) if self.data.is_set() => self.data.append_line(Value::new(value, end), text),
            Line::Data(value) => self.data.set(Value::new(value, end)),
            Line::EventType(value) => self.event_type.set(Value::new(value, end)),
            Line::Other(line) if !self.captures.is_empty() => self.capture(line, end),
            _ => {}
        }
    }

    fn capture(&mut self, line: &[u8], end: Option<usize>) {
        let (name, value) = split(line);
        if let Some(capture) = self.captures.iter_mut().find(|capture| capture.name().as_bytes() == name) {
            capture.value.set(Value::new(value, end));
        }
    }

    /// Drops all values but the id, and takes no more of them.
    pub(super) fn spoil(&mut self) {
        self.spoiled = true;
        self.data.clear();
        self.event_type.clear();
        self.captures.iter_mut().for_each(|capture| capture.value.clear());
    }

    /// Copies what lies in `text`, so that the block outlives it.
    pub(super) fn hold(&mut self, text: &str) {
        self.data.hold(text);
        self.event_type.hold(text);
        self.id.hold(text);
        self.captures.iter_mut().for_each(|capture| capture.value.hold(text));
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
        self.spoiled = false;
    }
}

/// Looks at eight bytes at a time: ids are too short for a search to pay.
#[inline]
fn has_nul(value: &[u8]) -> bool {
    let (words, rest) = value.as_chunks::<8>();
    words.iter().any(|word| word.contains(&0)) || rest.contains(&0)
}
