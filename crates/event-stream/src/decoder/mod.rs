//! From bytes to events: the state machine of the standard, reading lines in place.
//!
//! Nearly all lines lie within one slice, and [`Decoder::decode`] reads those where they are: it notes the place of each
//! value and hands out an event that points into the slice. What crosses the border of two slices goes the slow way
//! ([`Border`]): the pieces of such a line are joined in a buffer, and the values of its block are copied. Every byte is
//! searched for a line end once.

mod block;
mod builder;
mod chunk;
mod error;
mod line;
mod slot;

use alloc::string::String;
use alloc::vec::Vec;
use core::str::from_utf8;
use core::time::Duration;

use crate::{DEFAULT_TYPE, Event};
use block::Block;
pub use builder::Builder;
pub use chunk::Chunk;
use chunk::Taken;
pub use error::{DecodeError, InvalidUtf8, Limit, LimitExceeded};
use line::{Line, millis};
pub(crate) use slot::Capture;

/// Decodes an event stream that arrives in slices of any size.
///
/// ```
/// use headwater_event_stream::{Chunk, Decoder};
///
/// let mut decoder = Decoder::new();
/// let mut seen = Vec::new();
/// for chunk in ["id: 1\ndata: a", "\n\nid: 2\n\ndata: b\n\nda", "ta: c\n"] {
///     let mut chunk = Chunk::new(chunk.as_bytes());
///     while let Some(event) = decoder.decode(&mut chunk)? {
///         seen.push((event.id.to_owned(), event.data.to_owned()));
///     }
/// }
/// assert_eq!(seen, [("1".to_owned(), "a".to_owned()), ("2".to_owned(), "b".to_owned())]);
/// assert!(decoder.has_pending()); // the last block has no blank line: it is dropped
/// # Ok::<(), headwater_event_stream::DecodeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    /// Limits, never changed after construction.
    max_line: usize,
    max_event: usize,
    strict_utf8: bool,
    /// What the last slice left undone.
    border: Border,
    /// The beginning of a line whose end has not come, while `border` is `Start` or `Line`; at most `max_line` bytes.
    partial: Vec<u8>,
    /// The block being read, or the one whose event was handed out last; at most `max_event` bytes.
    block: Block,
    /// The event of `block` has been handed out.
    dispatched: bool,
    last_event_id: String,
    retry: Option<Duration>,
}

/// Where in a line the last slice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Border {
    /// At the start of the stream, or inside what may be its byte order mark.
    Start,
    /// Between two lines.
    Between,
    /// After a CR: an LF that comes now belongs to it.
    AfterCr,
    /// In the line whose beginning is in `partial`.
    Line,
    /// In a line too long to keep.
    LongLine,
}

impl Decoder {
    /// A decoder with the default limits that captures nothing.
    pub fn new() -> Self {
        Builder::default().build()
    }

    /// Settings for another decoder.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn with(settings: Builder) -> Self {
        Self {
            max_line: settings.max_line,
            max_event: settings.max_event,
            strict_utf8: settings.strict_utf8,
            border: Border::Start,
            partial: Vec::new(),
            block: Block::new(settings.captures),
            dispatched: false,
            last_event_id: settings.last_event_id,
            retry: None,
        }
    }

    /// Reads on until an event is complete or `chunk` is used up.
    ///
    /// Call it until it returns `None`, then with the next bytes of the stream. An event is returned as soon as its
    /// blank line is seen.
    ///
    /// # Errors
    /// [`DecodeError`] when a line or an event exceeds its limit or, in strict mode, is not UTF-8. That block is lost,
    /// except that its id, if it was read, still moves the cursor at its end; the call after the error goes on behind
    /// the offending line and reports no second error for the same block. See [`skip_refused`](Self::skip_refused).
    #[inline(always)]
    pub fn decode<'d, 'i: 'd>(&'d mut self, chunk: &mut Chunk<'i>) -> Result<Option<Event<'d>>, DecodeError> {
        // The event is put together here, in the code of the caller, so that nobody has to move it.
        let complete = self.read_block(chunk)?;
        Ok(complete.then(|| self.event(chunk.text())))
    }

    /// Reads on to the end of the block that an error was about, and tells whether it is there; `false` when `chunk` is
    /// used up first. [`decode`](Self::decode) finds the next event without this. It is for those who want to know
    /// between which ids the lost event lies: [`last_event_id`](Self::last_event_id) is the one before it as the error is
    /// returned, and the one after it as this returns `true`.
    #[cold]
    pub fn skip_refused(&mut self, chunk: &mut Chunk<'_>) -> bool {
        // A block has one error, and that was returned: there is none here.
        while self.block.is_spoiled() {
            if self.border != Border::Between {
                self.cross_border(chunk).ok();
            }
            let text = chunk.text();
            let Some(Taken { line, start, cr_is_last }) = chunk.take_line() else {
                self.block.hold(text);
                self.keep_partial(chunk.take(usize::MAX)).ok();
                return false;
            };
            if cr_is_last {
                self.border = Border::AfterCr;
            }
            if line.is_empty() {
                self.end_block(text);
            } else {
                let end = start + line.len();
                self.read_line(line, Some(end).filter(|end| *end <= text.len()), text).ok();
            }
        }
        true
    }

    /// The last event id in force: what a client sends as `Last-Event-ID` when it reconnects. A block without data moves
    /// it too, once its blank line was read. Empty when there is none.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// The reconnection time of the latest valid `retry` line; more milliseconds than fit saturate. Takes effect with
    /// its line, not with its block.
    pub const fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Whether the stream, if it ended here, would lose the beginning of a block: a field of a block without its blank
    /// line, or an unfinished line that is no comment. The standard discards these at the end of a stream.
    pub fn has_pending(&self) -> bool {
        match self.border {
            Border::LongLine => true,
            Border::Line if self.partial.first() != Some(&b':') => true,
            _ => !self.dispatched && self.block.is_begun(),
        }
    }

    /// Makes ready for another stream, as after a reconnect: drops what is pending and expects a byte order mark again.
    /// The last event id, the reconnection time and all settings stay.
    pub fn reset(&mut self) {
        self.border = Border::Start;
        self.partial.clear();
        self.block.clear();
        self.dispatched = false;
    }

    /// Reads to the end of the next block that is an event; `false` when `chunk` ends first.
    fn read_block(&mut self, chunk: &mut Chunk<'_>) -> Result<bool, DecodeError> {
        if self.dispatched {
            self.block.clear();
            self.dispatched = false;
        }
        if self.border != Border::Between {
            self.cross_border(chunk)?;
        }
        let text = chunk.text();
        while let Some(Taken { line, start, cr_is_last }) = chunk.take_line() {
            if cr_is_last {
                self.border = Border::AfterCr;
            }
            if !line.is_empty() {
                let end = start + line.len();
                self.read_line(line, Some(end).filter(|end| *end <= text.len()), text)?;
            } else if self.end_block(text) {
                return Ok(true);
            }
        }
        self.block.hold(text);
        self.keep_partial(chunk.take(usize::MAX)).map(|()| false)
    }

    /// Finishes what the last slice left undone.
    #[cold]
    fn cross_border(&mut self, chunk: &mut Chunk<'_>) -> Result<(), DecodeError> {
        if self.border == Border::Start {
            self.skip_byte_order_mark(chunk);
        }
        let Some(first) = chunk.rest().first() else {
            return Ok(());
        };
        match self.border {
            Border::Start | Border::Between => Ok(()),
            Border::AfterCr => {
                self.border = Border::Between;
                chunk.take(usize::from(*first == b'\n'));
                Ok(())
            }
            before @ (Border::Line | Border::LongLine) => {
                let Some(Taken { line, cr_is_last, .. }) = chunk.take_line() else {
                    return self.keep_partial(chunk.take(usize::MAX));
                };
                self.border = if cr_is_last { Border::AfterCr } else { Border::Between };
                match before {
                    Border::LongLine => Ok(()),
                    _ => self.finish_partial(line),
                }
            }
        }
    }

    /// Drops one byte order mark, whose bytes may come one by one.
    fn skip_byte_order_mark(&mut self, chunk: &mut Chunk<'_>) {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        let missing = &MARK[self.partial.len()..];
        let len = missing.len().min(chunk.rest().len());
        if chunk.rest()[..len] != missing[..len] {
            self.border = if self.partial.is_empty() { Border::Between } else { Border::Line };
            return;
        }
        let taken = chunk.take(len);
        if len == missing.len() {
            self.partial.clear();
            self.border = Border::Between;
        } else {
            self.partial.extend_from_slice(taken);
        }
    }

    /// Applies one line that is not blank. `end` is where it ends in `text`, if it lies there.
    #[inline(always)]
    fn read_line(&mut self, line: &[u8], end: Option<usize>, text: &str) -> Result<(), DecodeError> {
        if line.len() > self.max_line {
            return self.refuse(self.line_limit(), text);
        }
        if self.strict_utf8
            && end.is_none()
            && let Err(error) = from_utf8(line)
        {
            return self.refuse(InvalidUtf8 { valid_up_to: error.valid_up_to() }.into(), text);
        }
        match Line::read(line) {
            Line::Retry(value) => self.retry = millis(value).map(Duration::from_millis).or(self.retry),
            field => self.block.apply(field, end, text),
        }
        if self.block.size() > self.max_event {
            let error = LimitExceeded { limit: Limit::Event, max: self.max_event };
            return self.refuse(error.into(), text);
        }
        Ok(())
    }

    /// A blank line: moves the cursor, and tells whether the block is an event.
    #[inline(always)]
    fn end_block(&mut self, text: &str) -> bool {
        if let Some(id) = self.block.id.get(text) {
            self.last_event_id.clear();
            self.last_event_id.push_str(id);
        }
        self.dispatched = self.block.data.is_set();
        if !self.dispatched {
            self.block.clear();
        }
        self.dispatched
    }

    /// The event of the block that has just ended.
    #[inline(always)]
    fn event<'d, 'i: 'd>(&'d self, text: &'i str) -> Event<'d> {
        let Block { data, event_type, id, captures, .. } = &self.block;
        Event {
            event_type: event_type.get(text).filter(|text| !text.is_empty()).unwrap_or(DEFAULT_TYPE),
            data: data.get(text).unwrap_or_default(),
            id: id.get(text).unwrap_or(&self.last_event_id),
            own_id: id.is_set(),
            captures,
            text,
        }
    }

    /// Keeps the beginning of a line whose end is not in the slice.
    fn keep_partial(&mut self, piece: &[u8]) -> Result<(), DecodeError> {
        if piece.is_empty() || self.border == Border::LongLine {
            return Ok(());
        }
        if self.partial.len() + piece.len() > self.max_line {
            self.partial.clear();
            self.border = Border::LongLine;
            return self.refuse(self.line_limit(), "");
        }
        self.partial.extend_from_slice(piece);
        self.border = Border::Line;
        Ok(())
    }

    /// Applies the line that `partial` began and `tail` ends.
    fn finish_partial(&mut self, tail: &[u8]) -> Result<(), DecodeError> {
        if self.partial.len() + tail.len() > self.max_line {
            self.partial.clear();
            return self.refuse(self.line_limit(), "");
        }
        // Taken out for the call, so that the line and the decoder can be borrowed side by side.
        let mut line = core::mem::take(&mut self.partial);
        line.extend_from_slice(tail);
        let result = self.read_line(&line, None, "");
        line.clear();
        self.partial = line;
        result
    }

    /// Gives up the block, and reports why unless that was done.
    #[cold]
    fn refuse(&mut self, error: DecodeError, text: &str) -> Result<(), DecodeError> {
        if self.block.is_spoiled() {
            return Ok(());
        }
        self.block.spoil();
        self.block.hold(text);
        Err(error)
    }

    const fn line_limit(&self) -> DecodeError {
        DecodeError::LimitExceeded(LimitExceeded { limit: Limit::Line, max: self.max_line })
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{Border, Chunk, Decoder};

    /// FMT-17
    #[test]
    fn a_stream_without_line_ends_keeps_no_more_than_the_limit() {
        let mut decoder = Decoder::builder().max_line(1024).build();
        for _ in 0..1000 {
            let _ = decoder.decode(&mut Chunk::new(&[b'x'; 1000]));
            assert!(decoder.partial.capacity() <= 2 * 1024);
        }
        assert_eq!(decoder.border, Border::LongLine);
    }

    /// FMT-17
    #[test]
    fn a_block_without_end_keeps_no_more_than_the_limit() {
        let mut decoder = Decoder::builder().max_event(1024).capture("topic").build();
        for lines in [&b"data: 0123456789\n"[..], b"event: 0123456789\n", b"topic: 0123456789\n: 0123456789\nother\n"] {
            for _ in 0..1000 {
                let _ = decoder.decode(&mut Chunk::new(lines));
                assert!(decoder.block.size() <= 1024);
            }
        }
    }
}
