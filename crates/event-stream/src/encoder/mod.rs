//! From events to bytes: the encoder writes whole lines into a buffer of the caller's.

mod message;

use alloc::vec::Vec;

use memchr::memchr2;

use crate::IdRef;
pub use message::Message;

/// Appends blocks of an event stream to a buffer.
///
/// What it writes is valid whatever it is given: UTF-8, no byte order mark, lines ended by LF, one space after every
/// colon. It keeps no state between calls, so one can be made per event, for any buffer.
///
/// ```
/// use headwater_event_stream::{Encoder, IdText, Message};
///
/// let mut out = Vec::new();
/// Encoder::new(&mut out)
///     .retry(3187)
///     .id_only(&IdText::new("1041-6f3a")?)
///     .event(&Message::new("two\nlines"))
///     .comment("");
/// assert_eq!(out, b"retry: 3187\nid: 1041-6f3a\n\ndata: two\ndata: lines\n\n:\n");
/// # Ok::<(), headwater_event_stream::InvalidField>(())
/// ```
#[derive(Debug)]
pub struct Encoder<'b> {
    out: &'b mut Vec<u8>,
}

impl<'b> Encoder<'b> {
    /// An encoder that appends to `out`, which grows as needed.
    pub const fn new(out: &'b mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Writes a `retry` line: how many milliseconds the receiver is to wait before it reconnects.
    ///
    /// The line takes effect by itself and dispatches nothing. It may stand in front of any block; end it with
    /// [`end_block`](Self::end_block) when nothing follows.
    pub fn retry(&mut self, millis: u64) -> &mut Self {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = millis;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.line(b"retry", &digits[at..]);
        self
    }

    /// Writes `text` as comment lines, one for each of its lines: a heartbeat, or a note for who reads the stream.
    ///
    /// The empty text is the shortest heartbeat, a colon and a line end. Receivers ignore comments wherever they stand.
    pub fn comment(&mut self, text: &str) -> &mut Self {
        for line in lines(text) {
            self.out.push(b':');
            if !line.is_empty() {
                self.out.push(b' ');
                self.out.extend_from_slice(line.as_bytes());
            }
            self.out.push(b'\n');
        }
        self
    }

    /// Writes a block that holds an id and nothing else: it moves the cursor of the receiver and dispatches nothing.
    pub fn id_only<'a>(&mut self, id: impl Into<IdRef<'a>>) -> &mut Self {
        self.line(b"id", id.into().as_str().as_bytes());
        self.end_block()
    }

    /// Writes an event as one block: id, type, further fields, data, blank line.
    ///
    /// The data is split at CR LF, CR and LF into one `data` line each, so a receiver gets it with every line end turned
    /// into LF: `"a\r\nb"` arrives as `"a\nb"`, `"a\n"` as `"a\n"`, and the empty text as itself.
    pub fn event(&mut self, message: &Message<'_>) -> &mut Self {
        // Enough for data of one line, which is nearly all data.
        self.out.reserve(message.head_len() + b"data: \n\n".len() + message.data.len());
        if let Some(id) = message.id {
            self.line(b"id", id.as_str().as_bytes());
        }
        if let Some(event_type) = message.event_type {
            self.line(b"event", event_type.as_str().as_bytes());
        }
        for field in message.fields {
            self.line(field.name().as_bytes(), field.value().as_bytes());
        }
        for line in lines(message.data) {
            self.line(b"data", line.as_bytes());
        }
        self.end_block()
    }

    /// Writes the blank line that ends a block: after a `retry` line that stands alone.
    pub fn end_block(&mut self) -> &mut Self {
        self.out.push(b'\n');
        self
    }

    fn line(&mut self, name: &[u8], value: &[u8]) {
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(FIELD.as_bytes());
        self.out.extend_from_slice(value);
        self.out.push(b'\n');
    }
}

/// Between the name of a field and its value. The space is always written, so a value that begins with one keeps it.
const FIELD: &str = ": ";

/// The lines of `text`, at least one, split at CR LF, CR and LF. A line end at the very end is followed by an empty line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = memchr2(b'\r', b'\n', text.as_bytes()) else {
            return rest.take();
        };
        let (line, tail) = text.split_at(end);
        rest = tail.strip_prefix("\r\n").or_else(|| tail.get(1..));
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::lines;

    #[test]
    fn lines_end_at_every_kind_of_line_end_and_nowhere_else() {
        let split = |text| lines(text).collect::<Vec<_>>();
        assert_eq!(split(""), [""]);
        assert_eq!(split("a\n"), ["a", ""]);
        assert_eq!(split("a\r\nb\rc\nd"), ["a", "b", "c", "d"]);
        assert_eq!(split("\n\r"), ["", "", ""]);
        assert_eq!(split("\r\r\n\n"), ["", "", "", ""]);
        assert_eq!(split("a\u{2028}b\u{85}c\u{b}d"), ["a\u{2028}b\u{85}c\u{b}d"]);
    }
}
