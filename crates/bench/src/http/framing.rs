//! Where a body ends, and what of the bytes on the wire belongs to it.

/// How a body is delimited, and how far it has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By the end of the connection.
    Close,
    /// By a length, of which this much is left.
    Length(u64),
    /// By chunks.
    Chunked(Chunks),
}

/// Where in the chunks of a body a reader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chunks {
    /// In the line that begins a chunk, with the size read so far and whether it is over.
    Size { size: u64, over: bool },
    /// In the data, of which this much is left.
    Data(u64),
    /// Before the line end behind the data.
    DataEnd,
    /// In the lines after the last chunk, with how much of this line has come.
    Trailer(usize),
    /// Behind it all.
    Over,
}

/// One part of the bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'b> {
    /// Bytes of the body.
    Data(&'b [u8]),
    /// The body is over; what is left on the wire does not belong to it.
    End,
    /// All bytes are used up, and the body is not over.
    More,
    /// What stands there is no chunk.
    Invalid,
}

impl Framing {
    /// Chunked, at its start.
    pub(crate) const fn chunked() -> Self {
        Self::Chunked(Chunks::start())
    }

    /// Takes the next part from the front of `bytes`.
    pub(crate) fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Part<'b> {
        match self {
            Self::Close if bytes.is_empty() => Part::More,
            Self::Close => Part::Data(std::mem::take(bytes)),
            Self::Length(0) => Part::End,
            Self::Length(_) if bytes.is_empty() => Part::More,
            Self::Length(left) => Part::Data(take(bytes, left)),
            Self::Chunked(chunks) => chunks.next(bytes),
        }
    }
}

impl Chunks {
    const fn start() -> Self {
        Self::Size { size: 0, over: false }
    }

    fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Part<'b> {
        loop {
            if *self == Self::Over {
                return Part::End;
            }
            let Some((&byte, rest)) = bytes.split_first() else { return Part::More };
            if let Self::Data(left) = self {
                let data = take(bytes, left);
                if *left == 0 {
                    *self = Self::DataEnd;
                }
                return Part::Data(data);
            }
            *bytes = rest;
            match self.framing_byte(byte) {
                Some(next) => *self = next,
                None => return Part::Invalid,
            }
        }
    }

    /// The state after one byte that is not data.
    fn framing_byte(&self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Size { size: 0, .. }, b'\n') => Self::Trailer(0),
            (Self::Size { size, .. }, b'\n') => Self::Data(*size),
            (Self::Size { size, .. }, b';' | b'\r' | b' ') => Self::Size { size: *size, over: true },
            (Self::Size { size, over: true }, _) => Self::Size { size: *size, over: true },
            (Self::Size { size, over: false }, _) => {
                let digit = (byte as char).to_digit(16)?;
                Self::Size { size: size.checked_mul(16)?.checked_add(u64::from(digit))?, over: false }
            }
            (Self::DataEnd, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::start(),
            (Self::Trailer(0), b'\n') => Self::Over,
            (Self::Trailer(_), b'\n') => Self::Trailer(0),
            (Self::Trailer(len), b'\r') => Self::Trailer(*len),
            (Self::Trailer(len), _) => Self::Trailer(len + 1),
            (Self::DataEnd | Self::Data(_) | Self::Over, _) => return None,
        })
    }
}

fn take<'b>(bytes: &mut &'b [u8], left: &mut u64) -> &'b [u8] {
    let len = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    let (data, rest) = bytes.split_at(len);
    *bytes = rest;
    *left -= len as u64;
    data
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Framing, Part};

    /// The body in pieces of at most `cut` bytes, and what is left behind it.
    fn body(mut framing: Framing, wire: &[u8], cut: usize) -> Option<(Vec<u8>, Vec<u8>, bool)> {
        let mut body = Vec::new();
        let mut pieces = wire.chunks(cut);
        for piece in pieces.by_ref() {
            let mut bytes = piece;
            loop {
                match framing.next(&mut bytes) {
                    Part::Data(data) => body.extend_from_slice(data),
                    Part::More => break,
                    Part::End => {
                        return Some((body, [bytes, &pieces.flatten().copied().collect::<Vec<_>>()].concat(), true));
                    }
                    Part::Invalid => return None,
                }
            }
        }
        // A body that ends exactly with its bytes is seen at the next look.
        let over = framing.next(&mut &b""[..]) == Part::End;
        Some((body, Vec::new(), over))
    }

    proptest! {
        #[test]
        fn chunks_are_joined_however_they_are_cut(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            extension in prop::bool::ANY,
            cut in 1_usize..50,
        ) {
            let mut wire = Vec::new();
            for part in &parts {
                let extension = if extension { ";name=\"value\"" } else { "" };
                wire.extend(format!("{:X}{extension}\r\n", part.len()).bytes());
                wire.extend(part);
                wire.extend(b"\r\n");
            }
            wire.extend(b"0\r\nTrailer: x\r\n\r\nHTTP/1.1");
            let joined = (parts.concat(), b"HTTP/1.1".to_vec(), true);
            prop_assert_eq!(body(Framing::chunked(), &wire, cut), Some(joined));
        }
    }

    #[test]
    fn a_length_ends_and_a_close_does_not() {
        assert_eq!(body(Framing::Length(3), b"abcd", 2), Some((b"abc".to_vec(), b"d".to_vec(), true)));
        assert_eq!(body(Framing::Length(3), b"ab", 9), Some((b"ab".to_vec(), Vec::new(), false)));
        assert_eq!(body(Framing::Close, b"abc", 2), Some((b"abc".to_vec(), Vec::new(), false)));
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for wire in [&b"zz\r\n"[..], b"3\r\nabcd", b"fffffffffffffffff\r\n", b"-1\r\n"] {
            assert_eq!(body(Framing::chunked(), wire, 100), None, "{wire:?}");
        }
    }
}
