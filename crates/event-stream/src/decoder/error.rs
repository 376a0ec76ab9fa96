//! What a decoder can refuse.

use core::fmt;

/// Why an event was dropped.
///
/// The error stands for one block. The decoder skips to the end of that block and goes on after it, so a caller may
/// treat the error as the end of the stream or as one lost event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeError {
    /// A line or an event is larger than allowed.
    LimitExceeded(LimitExceeded),
    /// Bytes are not UTF-8, and the decoder was told to be strict.
    InvalidUtf8(InvalidUtf8),
}

/// A line or an event is larger than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitExceeded {
    /// Which limit it is.
    pub limit: Limit,
    /// What it is set to, in bytes.
    pub max: usize,
}

/// The limits of a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// [`Builder::max_line`](crate::Builder::max_line).
    Line,
    /// [`Builder::max_event`](crate::Builder::max_event).
    Event,
}

/// A line is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidUtf8 {
    /// How many bytes of the line are valid before the first that is not.
    pub valid_up_to: usize,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LimitExceeded(error) => error.fmt(f),
            Self::InvalidUtf8(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, setting) = match self.limit {
            Limit::Line => ("line", "max_line"),
            Limit::Event => ("event", "max_event"),
        };
        write!(f, "{what} is larger than {} bytes; send less, or raise `{setting}`", self.max)
    }
}

impl fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line is not UTF-8 at byte {}; an event stream is always UTF-8", self.valid_up_to)
    }
}

impl core::error::Error for DecodeError {}
impl core::error::Error for LimitExceeded {}
impl core::error::Error for InvalidUtf8 {}

impl From<LimitExceeded> for DecodeError {
    fn from(error: LimitExceeded) -> Self {
        Self::LimitExceeded(error)
    }
}

impl From<InvalidUtf8> for DecodeError {
    fn from(error: InvalidUtf8) -> Self {
        Self::InvalidUtf8(error)
    }
}
