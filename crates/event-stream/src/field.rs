//! Field values that cannot break out of their line.
//!
//! The format ends a field at CR or LF and ignores ids that hold NUL, so a value with one of the
//! three would inject or lose fields. These types refuse them once, at construction.

use alloc::boxed::Box;
use core::fmt;

/// The type of an event: one line of text without CR, LF or NUL, and not empty.
///
/// An event whose type is `message` needs no `event` field; leave it out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventType(Box<str>);

/// An event id: one line of text without CR, LF or NUL.
///
/// The empty id is refused: it would reset the cursor of the client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventId(Box<str>);

/// Why a text cannot be the value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidField {
    /// It is empty.
    Empty,
    /// It holds CR, LF or NUL at this byte offset.
    Forbidden(usize),
}

impl EventType {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidField`] when it is empty or holds CR, LF or NUL.
    pub fn new(text: &str) -> Result<Self, InvalidField> {
        check(text).map(|()| Self(text.into()))
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventId {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidField`] when it is empty or holds CR, LF or NUL.
    pub fn new(text: &str) -> Result<Self, InvalidField> {
        check(text).map(|()| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::Forbidden(at) => write!(f, "has a line break or NUL at byte {at}"),
        }
    }
}

impl core::error::Error for InvalidField {}

fn check(text: &str) -> Result<(), InvalidField> {
    if text.is_empty() {
        return Err(InvalidField::Empty);
    }
    match text.bytes().position(|b| matches!(b, b'\r' | b'\n' | 0)) {
        Some(at) => Err(InvalidField::Forbidden(at)),
        None => Ok(()),
    }
}
