//! Positions and epochs: where an event stands, and in which log.

use std::fmt;
use std::str::FromStr;

/// Tells one log from another. New for every newly created or restored log; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u32);

/// A place in a log: a sequence number and the log's epoch.
///
/// Its text form is the event id of the wire, `<sequence>-<epoch>`: the sequence in decimal without
/// leading zeros, the epoch in 4 to 8 lower-case hex digits. Sequence 0 is the place before the
/// first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The sequence number. Events are numbered from 1.
    pub seq: u64,
    /// The log the number belongs to.
    pub epoch: Epoch,
}

/// A text that is not a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event id looks like 1042-6f3a: a decimal sequence, a dash and 4 to 8 lower-case hex digits")]
pub struct InvalidPosition;

impl Epoch {
    /// Makes an epoch; `None` for zero.
    pub fn new(value: u32) -> Option<Self> {
        (value != 0).then_some(Self(value))
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.seq, self.epoch)
    }
}

impl FromStr for Position {
    type Err = InvalidPosition;

    /// Accepts exactly what `Display` writes, so one position has one spelling.
    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let (seq, epoch) = text.split_once('-').ok_or(InvalidPosition)?;
        let canonical =
            !seq.is_empty() && (seq == "0" || !seq.starts_with('0')) && seq.bytes().all(|b| b.is_ascii_digit());
        let hex = (4..=8).contains(&epoch.len())
            && epoch.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            && (epoch.len() == 4 || !epoch.starts_with('0'));
        if !canonical || !hex {
            return Err(InvalidPosition);
        }
        let seq = seq.parse().map_err(|_| InvalidPosition)?;
        let epoch = u32::from_str_radix(epoch, 16).ok().and_then(Epoch::new).ok_or(InvalidPosition)?;
        Ok(Self { seq, epoch })
    }
}
