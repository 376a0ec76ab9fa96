//! What one line says: section 9.2.6 of the standard, without its side effects.

use memchr::memchr;

/// A line that is not blank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Data(&'a [u8]),
    EventType(&'a [u8]),
    Id(&'a [u8]),
    Retry(&'a [u8]),
    Comment,
    /// A field the standard does not know; [`split`] tells its name and value.
    Other(&'a [u8]),
}

impl<'a> Line<'a> {
    /// Names are compared byte by byte: `Data`, ` data` and `data ` are other fields.
    #[inline(always)]
    pub(super) fn read(line: &'a [u8]) -> Self {
        let known = match line.first() {
            Some(b'd') => line.strip_prefix(b"data").and_then(value).map(Self::Data),
            Some(b'i') => line.strip_prefix(b"id").and_then(value).map(Self::Id),
            Some(b'e') => line.strip_prefix(b"event").and_then(value).map(Self::EventType),
            Some(b'r') => line.strip_prefix(b"retry").and_then(value).map(Self::Retry),
            Some(b':') => Some(Self::Comment),
            _ => None,
        };
        known.unwrap_or(Self::Other(line))
    }
}

/// The name and the value of any field.
pub(super) fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr(b':', line).unwrap_or(line.len());
    let (name, tail) = line.split_at(end);
    (name, value(tail).unwrap_or_default())
}

/// The milliseconds of a `retry` field: digits only, saturating.
pub(super) fn millis(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'))))
}

/// The value in what follows a name: nothing, or a colon, at most one space, and the value. `None` when the name goes on.
#[inline]
fn value(tail: &[u8]) -> Option<&[u8]> {
    match tail {
        [] => Some(tail),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, millis, split};

    #[test]
    fn names_are_literal_and_one_space_is_optional() {
        assert_eq!(Line::read(b"data:  x"), Line::Data(b" x"));
        assert_eq!(Line::read(b"data"), Line::Data(b""));
        assert_eq!(Line::read(b"event:x: y"), Line::EventType(b"x: y"));
        assert_eq!(Line::read(b"id: "), Line::Id(b""));
        assert_eq!(Line::read(b":data: x"), Line::Comment);
        for other in ["Data: x", " data: x", "data : x", "datax", "retr", "i", "event\0: x"] {
            assert_eq!(Line::read(other.as_bytes()), Line::Other(other.as_bytes()));
        }
        assert_eq!(split(b"topic: a: b"), (&b"topic"[..], &b"a: b"[..]));
        assert_eq!(split(b"topic"), (&b"topic"[..], &b""[..]));
    }

    #[test]
    fn retry_takes_digits_only_and_saturates() {
        assert_eq!(millis(b"03000"), Some(3000));
        assert_eq!(millis(b"18446744073709551616"), Some(u64::MAX));
        assert_eq!(millis(b"99999999999999999999999"), Some(u64::MAX));
        for wrong in [&b""[..], b"1x", b"+5", b"-5", b"1_000", b" 7", b"1.5", "٣".as_bytes()] {
            assert_eq!(millis(wrong), None);
        }
    }
}
