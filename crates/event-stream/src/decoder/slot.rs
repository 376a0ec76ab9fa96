//! One value of the block being read: a place in the current slice for as long as possible, a copy when it must outlive it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::str::from_utf8;

/// A value that its block may or may not have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    place: Place,
    /// The value while `place` is `Held`; otherwise only memory to use again. At most the event limit, three times
    /// that once invalid UTF-8 was replaced.
    held: Vec<u8>,
}

/// A field the decoder was told to keep.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    pub(super) name: Box<str>,
    pub(crate) value: Slot,
}

/// A value found in a line: its bytes, and where they are in the current slice, if they are.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) bytes: &'a [u8],
    start: Option<usize>,
}

impl<'a> Value<'a> {
    /// `bytes` are the end of `line`, which begins at `start` of the current slice, if it lies there.
    #[inline]
    pub(super) fn in_line(bytes: &'a [u8], line: &[u8], start: Option<usize>) -> Self {
        Self { bytes, start: start.map(|start| start + line.len() - bytes.len()) }
    }
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    Unset,
    /// In the slice that the decoder reads now, and only until it returns without an event.
    Chunk { start: usize, end: usize },
    /// In `held`.
    Held,
}

impl Slot {
    pub(super) fn is_set(&self) -> bool {
        !matches!(self.place, Place::Unset)
    }

    pub(super) fn len(&self) -> usize {
        match self.place {
            Place::Unset => 0,
            Place::Chunk { start, end } => end - start,
            Place::Held => self.held.len(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.place = Place::Unset;
    }

    /// Replaces the value.
    pub(super) fn set(&mut self, value: Value<'_>) {
        self.place = match value.start {
            Some(start) => Place::Chunk { start, end: start + value.bytes.len() },
            None => {
                self.held.clear();
                self.held.extend_from_slice(value.bytes);
                Place::Held
            }
        };
    }

    /// Adds a line feed and `value`.
    pub(super) fn append_line(&mut self, value: &[u8], chunk: &[u8]) {
        self.hold(chunk);
        self.held.push(b'\n');
        self.held.extend_from_slice(value);
    }

    /// Copies the value, if `chunk` has it, so that it outlives `chunk`.
    pub(super) fn hold(&mut self, chunk: &[u8]) {
        if let Place::Chunk { start, end } = self.place {
            self.held.clear();
            self.held.extend_from_slice(&chunk[start..end]);
            self.place = Place::Held;
        }
    }

    /// The value as text, U+FFFD in place of what is no UTF-8. Empty when unset.
    #[inline]
    pub(super) fn decode<'d, 'i: 'd>(&'d mut self, chunk: &'i [u8]) -> &'d str {
        match self.place {
            Place::Unset => return "",
            Place::Chunk { start, end } => {
                if let Ok(text) = from_utf8(&chunk[start..end]) {
                    return text;
                }
            }
            Place::Held => {}
        }
        self.replace_invalid(chunk);
        self.text(chunk).unwrap_or_default()
    }

    /// Makes sure that [`text`](Self::text) has a text to return.
    #[cold]
    pub(super) fn replace_invalid(&mut self, chunk: &[u8]) {
        if self.is_set() && self.text(chunk).is_none() {
            self.hold(chunk);
            self.held = String::from_utf8_lossy(&self.held).into_owned().into_bytes();
        }
    }

    /// The value as text, `None` when unset or not UTF-8.
    pub(crate) fn text<'d, 'i: 'd>(&'d self, chunk: &'i [u8]) -> Option<&'d str> {
        match self.place {
            Place::Unset => None,
            Place::Chunk { start, end } => from_utf8(&chunk[start..end]).ok(),
            Place::Held => from_utf8(&self.held).ok(),
        }
    }
}

impl Capture {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}
