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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position(seq: u64, epoch: u32) -> Position {
        Position { seq, epoch: Epoch::new(epoch).unwrap() }
    }

    #[test]
    fn reads_like_the_contract() {
        assert_eq!(position(1042, 0x6f3a).to_string(), "1042-6f3a");
        assert_eq!(position(0, 1).to_string(), "0-0001");
        assert_eq!(position(u64::MAX, u32::MAX).to_string(), "18446744073709551615-ffffffff");
    }

    // IDG-10: one spelling from a fixed alphabet, at most 29 bytes.
    proptest! {
        #[test]
        fn every_position_has_one_spelling(seq: u64, epoch in 1..=u32::MAX) {
            let text = position(seq, epoch).to_string();
            prop_assert!(text.len() <= 29);
            prop_assert!(text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-')));
            prop_assert_eq!(text.parse::<Position>(), Ok(position(seq, epoch)));
        }

        // T25: what is accepted is what would be written, nothing else.
        #[test]
        fn accepts_nothing_else(text in "[0-9a-fA-FxX+ \\-]{0,32}|[0-9]{1,21}-[0-9a-f]{3,9}|\\PC{0,24}") {
            if let Ok(position) = text.parse::<Position>() {
                prop_assert_eq!(position.to_string(), text);
            }
        }
    }

    // T25: a foreign or huge id is refused without a guess.
    #[test]
    fn refuses_other_spellings() {
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-6f3a",
            "1042",
            "01-6f3a",
            "00-6f3a",
            "+1-6f3a",
            " 1-6f3a",
            "1-6f3a ",
            "1-6F3A",
            "1-6f3",
            "1-06f3a",
            "1-0000",
            "1-00000000",
            "1-123456789",
            "1-6f3g",
            "1--6f3a",
            "1-6f3a-1",
            "1_6f3a",
            "18446744073709551616-6f3a",
            "99999999999999999999999999-6f3a",
            "1-6f3a\n",
            "1\0-6f3a",
            "١-6f3a",
            "0x1-6f3a",
        ] {
            assert_eq!(text.parse::<Position>(), Err(InvalidPosition), "{text:?}");
        }
    }

    #[test]
    fn no_epoch_is_zero() {
        assert_eq!(Epoch::new(0), None);
        assert_eq!(Epoch::new(7).map(Epoch::get), Some(7));
    }
}
