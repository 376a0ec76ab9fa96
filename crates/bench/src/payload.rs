//! What an event carries: enough to tell who sent it, where it stands in its row, and when.
//!
//! ```text
//! hwb 6f3a12cd 17 2 1042 81234567890123 ............
//!     run      topic lane sequence sent  filling, to the size asked for
//! ```
//!
//! Printable ASCII without quotes and backslashes, so that it needs no escape in any template.

use std::fmt::Write as _;

/// One event as its reader must find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Payload {
    /// The run it belongs to: events of another run are none of ours.
    pub(crate) run: u32,
    /// Number of the topic.
    pub(crate) topic: u32,
    /// The publisher's row within the topic. Events of one row are sent one after the other.
    pub(crate) lane: u32,
    /// Place in the row, from zero without a hole.
    pub(crate) sequence: u64,
    /// When it was due, in nanoseconds of the machine's monotonic clock.
    pub(crate) due: u64,
}

/// What a reader finds in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// One of ours, whole.
    Ours(Payload),
    /// One of ours, but not as it was sent.
    Damaged,
    /// Something else: a control event, another run.
    Foreign,
}

impl Payload {
    /// Appends it, filled up to `size` bytes.
    pub(crate) fn write(&self, size: usize, out: &mut String) {
        let start = out.len();
        let Self { run, topic, lane, sequence, due } = self;
        // Writing to a string does not fail.
        let _ = write!(out, "{MARK}{run:08x} {topic} {lane} {sequence} {due} ");
        let filling = size.saturating_sub(out.len() - start);
        out.extend(std::iter::repeat_n(FILLING as char, filling));
    }

    /// Reads the data of an event of `run`, sent with `size` bytes.
    pub(crate) fn read(data: &str, run: u32, size: usize) -> Found {
        let Some(rest) = data.strip_prefix(MARK) else { return Found::Foreign };
        let Some((payload, filling)) = fields(rest) else { return Found::Damaged };
        if payload.run != run {
            return Found::Foreign;
        }
        let whole = data.len() >= size && filling.iter().all(|byte| *byte == FILLING);
        // Longer than asked for is what a short size makes of the fields alone; then there is no filling.
        if whole && (data.len() == size || filling.is_empty()) { Found::Ours(payload) } else { Found::Damaged }
    }
}

/// The largest payload, in bytes.
pub(crate) const LARGEST: usize = 16 << 20;

fn fields(text: &str) -> Option<(Payload, &[u8])> {
    let (run, rest) = text.split_at_checked(8)?;
    let run = u32::from_str_radix(run, 16).ok()?;
    let mut rest = rest.strip_prefix(' ')?.as_bytes();
    let topic = u32::try_from(number(&mut rest)?).ok()?;
    let lane = u32::try_from(number(&mut rest)?).ok()?;
    let sequence = number(&mut rest)?;
    let due = number(&mut rest)?;
    Some((Payload { run, topic, lane, sequence, due }, rest))
}

/// Digits and the blank behind them.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    let mut digits = 0;
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        match byte {
            b'0'..=b'9' => value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?,
            b' ' if digits > 0 => return Some(value),
            _ => return None,
        }
        digits += 1;
    }
}

const MARK: &str = "hwb ";
const FILLING: u8 = b'.';

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Found, Payload};

    fn written(payload: &Payload, size: usize) -> String {
        let mut out = String::new();
        payload.write(size, &mut out);
        out
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(run: u32, topic: u32, lane: u32, sequence: u64, due: u64, size in 0_usize..300) {
            let payload = Payload { run, topic, lane, sequence, due };
            let text = written(&payload, size);
            prop_assert_eq!(text.len().max(size), text.len());
            prop_assert_eq!(Payload::read(&text, run, size), Found::Ours(payload));
            prop_assert_eq!(Payload::read(&text, run ^ 1, size), Found::Foreign);
        }

        #[test]
        fn a_cut_or_grown_payload_is_damaged(sequence: u64, cut in 1_usize..60) {
            let text = written(&Payload { run: 1, topic: 2, lane: 3, sequence, due: 5 }, 130);
            prop_assert_eq!(Payload::read(&text[..130 - cut], 1, 130), Found::Damaged);
            prop_assert_eq!(Payload::read(&format!("{text}."), 1, 130), Found::Damaged);
        }
    }

    #[test]
    fn other_texts_are_foreign_or_damaged() {
        assert_eq!(Payload::read(r#"{"reason":"drain"}"#, 1, 130), Found::Foreign);
        for text in ["hwb ", "hwb 00000001", "hwb 00000001 1 2 3", "hwb 00000001 1  3 4 ", "hwb 0000000é 1 2 3 4 "] {
            assert_eq!(Payload::read(text, 1, 0), Found::Damaged, "{text}");
        }
    }
}
