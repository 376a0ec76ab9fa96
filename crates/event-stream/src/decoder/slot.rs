//! One value of the block being read: a place in the current slice for as long as possible, a copy when it must outlive it.

use alloc::boxed::Box;
use alloc::string::String;
use core::str::from_utf8;

/// A value that its block may or may not have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slot {
    place: Place,
    /// Bytes of the value as received.
    received: usize,
    /// The value while `place` is `Held`; otherwise only memory to use again. At most the event limit, three times
    /// that once U+FFFD stands for single bytes.
    held: String,
}

/// A field the decoder was told to keep.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    pub(super) name: Box<str>,
    pub(crate) value: Slot,
}

/// A value found in a line.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    /// It is text, and lies here in the text of the current slice.
    Inside { start: usize, end: usize },
    /// It lies elsewhere, or may not be UTF-8.
    Outside(&'a [u8]),
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    Unset,
    /// In the text of the slice that the decoder reads now, and only until it returns without an event.
    Inside { start: usize, end: usize },
    /// In `held`.
    Held,
}

impl Slot {
    pub(super) const fn is_set(&self) -> bool {
        !matches!(self.place, Place::Unset)
    }

    /// Bytes of the value as received.
    pub(super) const fn received(&self) -> usize {
        self.received
    }

    pub(super) const fn clear(&mut self) {
        self.place = Place::Unset;
        self.received = 0;
    }

    /// Replaces the value.
    #[inline]
    pub(super) fn set(&mut self, value: Value<'_>) {
        self.received = value.len();
        self.place = match value {
            Value::Inside { start, end } => Place::Inside { start, end },
            Value::Outside(bytes) => {
                self.held.clear();
                push_lossy(&mut self.held, bytes);
                Place::Held
            }
        };
    }

    /// Adds a line feed and `value`.
    pub(super) fn append_line(&mut self, value: Value<'_>, text: &str) {
        self.hold(text);
        self.received += 1 + value.len();
        self.held.reserve(1 + value.len());
        self.held.push('\n');
        match value {
            Value::Inside { start, end } => self.held.push_str(&text[start..end]),
            Value::Outside(bytes) => push_lossy(&mut self.held, bytes),
        }
    }

    /// Copies the value, if `text` has it, so that it outlives `text`.
    #[inline]
    pub(super) fn hold(&mut self, text: &str) {
        if let Place::Inside { start, end } = self.place {
            self.held.clear();
            self.held.push_str(&text[start..end]);
            self.place = Place::Held;
        }
    }

    /// The value, with U+FFFD in place of what is no UTF-8. `text` is that of the slice the decoder reads now.
    #[inline(always)]
    pub(crate) fn get<'d, 'i: 'd>(&'d self, text: &'i str) -> Option<&'d str> {
        match self.place {
            Place::Unset => None,
            Place::Inside { start, end } => Some(&text[start..end]),
            Place::Held => Some(&self.held),
        }
    }
}

impl Capture {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl<'a> Value<'a> {
    /// `bytes` are the end of a line, and that line ends at `end` of the current slice, if it lies there as text.
    #[inline]
    pub(super) fn new(bytes: &'a [u8], end: Option<usize>) -> Self {
        match end {
            Some(end) => Self::Inside { start: end - bytes.len(), end },
            None => Self::Outside(bytes),
        }
    }

    #[inline]
    const fn len(&self) -> usize {
        match *self {
            Self::Inside { start, end } => end - start,
            Self::Outside(bytes) => bytes.len(),
        }
    }
}

/// A line never ends inside a character, so that replacing what is invalid value by value is replacing it in the stream.
fn push_lossy(text: &mut String, bytes: &[u8]) {
    match from_utf8(bytes) {
        Ok(valid) => text.push_str(valid),
        Err(_) => text.push_str(&String::from_utf8_lossy(bytes)),
    }
}
