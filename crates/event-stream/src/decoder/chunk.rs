//! A slice of a stream on its way through the decoder: how far it was read, and how much of it is text.

use core::str::from_utf8;

use memchr::memchr2;

/// A slice of a stream, and how much of it was decoded.
///
/// Making one checks its UTF-8 once for all events in it, so that they can point into it as text. A slice may begin and
/// end anywhere, inside a character too.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'i> {
    bytes: &'i [u8],
    /// The longest beginning of `bytes` that is UTF-8.
    text: &'i str,
    /// Where the next line, or the rest of one, begins in `bytes`.
    at: usize,
}

impl<'i> Chunk<'i> {
    /// The next bytes of a stream, none of them decoded.
    pub fn new(bytes: &'i [u8]) -> Self {
        // A character cut in two at the end is no mistake; trying without it saves a second pass.
        let whole = &bytes[..bytes.len() - cut_character(bytes)];
        let text = from_utf8(whole).or_else(|error| from_utf8(&whole[..error.valid_up_to()]));
        Self { bytes, text: text.unwrap_or_default(), at: 0 }
    }

    /// The bytes not decoded yet.
    pub fn rest(&self) -> &'i [u8] {
        &self.bytes[self.at..]
    }

    /// The longest beginning of the slice that is text.
    pub(crate) const fn text(&self) -> &'i str {
        self.text
    }

    /// Takes `len` bytes, or all that are left.
    pub(super) fn take(&mut self, len: usize) -> &'i [u8] {
        let rest = self.rest();
        let taken = &rest[..len.min(rest.len())];
        self.at += taken.len();
        taken
    }

    /// Takes a line and its end. `None`, and nothing taken, when its end has not come.
    #[inline(always)]
    pub(super) fn take_line(&mut self) -> Option<Taken<'i>> {
        let rest = &self.bytes[self.at..];
        let len = match rest.first()? {
            b'\n' => 0,
            _ => line_len(rest)?,
        };
        let start = self.at;
        self.at += len + 1;
        let mut cr_is_last = false;
        if rest[len] == b'\r' {
            match rest.get(len + 1) {
                Some(b'\n') => self.at += 1,
                Some(_) => {}
                None => cr_is_last = true,
            }
        }
        Some(Taken { line: &rest[..len], start, cr_is_last })
    }
}

/// A line without its end.
pub(super) struct Taken<'i> {
    pub(super) line: &'i [u8],
    /// Where it begins in its slice.
    pub(super) start: usize,
    /// Its end is a CR, and the last byte of the slice: an LF may belong to it.
    pub(super) cr_is_last: bool,
}

impl<'i> From<&'i [u8]> for Chunk<'i> {
    fn from(bytes: &'i [u8]) -> Self {
        Self::new(bytes)
    }
}

impl<'i> From<&'i str> for Chunk<'i> {
    fn from(text: &'i str) -> Self {
        Self { bytes: text.as_bytes(), text, at: 0 }
    }
}

/// How many bytes stand before the first line end of `rest`.
///
/// Most fields but data are shorter than a call of `memchr2` is worth, so the first bytes are looked at here, eight at a
/// time.
#[inline(always)]
fn line_len(rest: &[u8]) -> Option<usize> {
    let (words, _) = rest.as_chunks::<8>();
    let mut at = 0;
    for word in words.iter().take(SHORT_WORDS) {
        let word = u64::from_le_bytes(*word);
        // The lowest bit set marks the first byte below 14: LF, CR, or another control character.
        let low = word.wrapping_sub(0x0e0e_0e0e_0e0e_0e0e) & !word & 0x8080_8080_8080_8080;
        if low != 0 {
            let len = at + low.trailing_zeros() as usize / 8;
            if matches!(rest[len], b'\n' | b'\r') {
                return Some(len);
            }
            break;
        }
        at += 8;
    }
    memchr2(b'\n', b'\r', &rest[at..]).map(|len| at + len)
}

const SHORT_WORDS: usize = 4;

/// How many bytes at the end of `bytes` begin a character and do not end it.
fn cut_character(bytes: &[u8]) -> usize {
    for (have, byte) in (1..).zip(bytes.iter().rev().take(3)) {
        let need = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            _ => 1,
        };
        return if have < need { have } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::Chunk;

    #[test]
    fn a_character_cut_at_the_end_is_left_out_of_the_text() {
        let text = "a€😀";
        for end in 0..=text.len() {
            let whole = (0..=end).rev().find(|end| text.is_char_boundary(*end)).unwrap();
            assert_eq!(Chunk::new(&text.as_bytes()[..end]).text(), &text[..whole]);
        }
    }

    #[test]
    fn text_ends_where_utf8_does() {
        assert_eq!(Chunk::new(b"a\xffb").text(), "a");
        assert_eq!(Chunk::new(b"\x80\x80\x80\x80").text(), "");
        assert_eq!(Chunk::new(b"ab\xc0").text(), "ab");
        assert_eq!(Chunk::new("\u{e9}".as_bytes()).text(), "\u{e9}");
    }
}
