//! Where a request ends on its connection.
//!
//! hyper reads bodies; this only follows along, so that the gate knows where the next head begins. What is not well
//! formed is hyper's to refuse, and it reads nothing after it: from there on everything counts as this request.

/// What is left of a request.
#[derive(Debug)]
pub(crate) struct Extent {
    /// Bytes that need no look.
    plain: u64,
    /// What follows them, in chunks.
    chunks: Option<Chunks>,
}

/// A place in a chunked body.
#[derive(Clone, Copy, Debug)]
enum Chunks {
    /// Before the first digit of a size.
    Start,
    /// In a size.
    Size(u64),
    /// Between a size and its line's end.
    Extension(u64),
    /// After the last chunk: in an empty line or not.
    Trailer { empty: bool },
}

impl Extent {
    /// A head of `head` bytes and a body of `body`.
    pub(super) fn sized(head: usize, body: u64) -> Self {
        Self { plain: body.saturating_add(head as u64), chunks: None }
    }

    /// A head of `head` bytes and a chunked body.
    pub(super) fn chunked(head: usize) -> Self {
        Self { plain: head as u64, chunks: Some(Chunks::Start) }
    }

    /// Whether nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.plain == 0 && self.chunks.is_none()
    }

    /// Moves on over `bytes`; how many of them belong to the request.
    pub(super) fn take(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let plain = self.plain.min((bytes.len() - at) as u64);
            self.plain -= plain;
            at += plain as usize;
            let (Some(chunks), Some(byte)) = (self.chunks, bytes.get(at)) else { return at };
            at += 1;
            self.step(chunks, *byte);
        }
    }

    fn step(&mut self, chunks: Chunks, byte: u8) {
        let digit = char::from(byte).to_digit(16).map(u64::from);
        self.chunks = match (chunks, byte, digit) {
            (Chunks::Start, _, Some(digit)) => Some(Chunks::Size(digit)),
            (Chunks::Size(size), _, Some(digit)) if size >> 56 == 0 => Some(Chunks::Size(size << 4 | digit)),
            (Chunks::Size(0) | Chunks::Extension(0), b'\n', _) => Some(Chunks::Trailer { empty: true }),
            (Chunks::Size(size) | Chunks::Extension(size), b'\n', _) => {
                self.plain = size + 2; // the line end after the data
                Some(Chunks::Start)
            }
            (Chunks::Size(size), _, None) | (Chunks::Extension(size), ..) => Some(Chunks::Extension(size)),
            (Chunks::Trailer { empty: true }, b'\n', _) => None,
            (Chunks::Trailer { .. }, b'\n', _) => Some(Chunks::Trailer { empty: true }),
            (Chunks::Trailer { empty }, b'\r', _) => Some(Chunks::Trailer { empty }),
            (Chunks::Trailer { .. }, ..) => Some(Chunks::Trailer { empty: false }),
            (Chunks::Start, _, None) | (Chunks::Size(_), _, Some(_)) => {
                self.plain = u64::MAX;
                None
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length of the request at the beginning of `bytes`, found in pieces of every size.
    fn length(extent: impl Fn() -> Extent, bytes: &str) -> Option<usize> {
        let lengths: Vec<Option<usize>> = (1..=bytes.len())
            .map(|size| {
                let (mut extent, mut at) = (extent(), 0);
                for piece in bytes.as_bytes().chunks(size) {
                    at += extent.take(piece);
                    if extent.is_over() {
                        return Some(at);
                    }
                    assert_eq!(at % size, piece.len() % size, "all of it belongs to the request");
                }
                None
            })
            .collect();
        assert!(lengths.iter().all(|length| *length == lengths[0]), "{bytes:?}: {lengths:?}");
        lengths[0]
    }

    #[test]
    fn sized_bodies_end_with_their_length() {
        assert_eq!(length(|| Extent::sized(4, 3), "HEADabcNEXT"), Some(7));
        assert_eq!(length(|| Extent::sized(4, 0), "HEADNEXT"), Some(4));
        assert_eq!(length(|| Extent::sized(4, u64::MAX), "HEADabc"), None);
    }

    #[test]
    fn chunked_bodies_end_after_their_trailers() {
        for (body, rest) in [
            ("0\r\n\r\n", "NEXT"),
            ("3\r\nabc\r\n0\r\n\r\n", "0\r\n\r\n"),
            ("A;x=\"y\"\r\n0\r\n\r\n89\r\n\r\r\n00\r\nx: y\r\nz: \r\n\r\n", "\r\n"),
            ("a \r\n0123456789\r\n0;last\r\n\r\n", "GET"),
        ] {
            let bytes = format!("HEAD{body}{rest}");
            assert_eq!(length(|| Extent::chunked(4), &bytes), Some(4 + body.len()), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_not_well_formed_never_ends() {
        for body in
            ["-1\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n", "x\r\n0\r\n\r\n", "10000000000000000\r\n0\r\n\r\n", "5\r\nabc"]
        {
            assert_eq!(length(|| Extent::chunked(0), body), None, "{body:?}");
        }
    }
}
