//! From bytes to events: the state machine of the standard, reading lines in place.
//!
//! Nearly all lines lie within one slice, and [`Decoder::decode`] reads those where they are: it notes the place of each
//! value and hands out an event that points into the slice. What crosses the border of two slices goes the slow way
//! ([`Border`]): the pieces of such a line are joined in a buffer, and the values of its block are copied. Every byte is
//! searched for a line end once.

mod block;
mod builder;
mod error;
mod line;
mod slot;

use alloc::string::String;
use alloc::vec::Vec;
use core::str::from_utf8;
use core::time::Duration;

use memchr::memchr2;

use crate::{DEFAULT_TYPE, Event};
use block::{Block, Single};
pub use builder::Builder;
pub use error::{DecodeError, InvalidUtf8, Limit, LimitExceeded};
use line::{Line, millis};
pub(crate) use slot::Capture;
use slot::Value;

/// Decodes an event stream that arrives in slices of any size.
///
/// ```
/// use headwater_event_stream::Decoder;
///
/// let mut decoder = Decoder::new();
/// let mut seen = Vec::new();
/// for chunk in ["id: 1\ndata: a", "\n\nid: 2\n\ndata: b\n\nda", "ta: c\n"] {
///     let mut input = chunk.as_bytes();
///     while let Some(event) = decoder.decode(&mut input)? {
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

    /// Reads on until an event is complete or `input` is used up, and moves `input` past what was read.
    ///
    /// Call it until it returns `None`, then with the next bytes of the stream. An event is returned as soon as its
    /// blank line is seen.
    ///
    /// # Errors
    /// [`DecodeError`] when a line or an event exceeds its limit or, in strict mode, is not UTF-8. That block is lost,
    /// except that its id, if it was read, still moves the cursor at its end; the call after the error goes on behind
    /// the offending line and reports no second error for the same block.
    pub fn decode<'d, 'i: 'd>(&'d mut self, input: &mut &'i [u8]) -> Result<Option<Event<'d>>, DecodeError> {
        let chunk = *input;
        if self.dispatched {
            self.block.clear();
            self.dispatched = false;
        }
        let mut at = 0;
        if self.border != Border::Between {
            let crossed = self.cross_border(chunk, &mut at);
            *input = &chunk[at..];
            crossed?;
        }
        while let Some((line, next)) = self.whole_line(chunk, at) {
            let start = at;
            at = next;
            if !line.is_empty() {
                if let Err(error) = self.read_line(line, Some(start), chunk) {
                    *input = &chunk[at..];
                    return Err(error);
                }
            } else if self.end_block(chunk) {
                *input = &chunk[at..];
                return Ok(Some(self.event(chunk)));
            }
        }
        *input = &[];
        self.block.hold(chunk);
        self.keep_partial(&chunk[at..]).map(|()| None)
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

    /// Finishes what the last slice left undone; `at` moves past the bytes of `chunk` that it took.
    #[cold]
    fn cross_border(&mut self, chunk: &[u8], at: &mut usize) -> Result<(), DecodeError> {
        if self.border == Border::Start {
            *at = self.skip_byte_order_mark(chunk);
        }
        if *at == chunk.len() {
            return Ok(());
        }
        match self.border {
            Border::Start | Border::Between => Ok(()),
            Border::AfterCr => {
                self.border = Border::Between;
                *at += usize::from(chunk[*at] == b'\n');
                Ok(())
            }
            before @ (Border::Line | Border::LongLine) => {
                self.border = Border::Between;
                let Some((tail, next)) = self.whole_line(chunk, *at) else {
                    self.border = before;
                    let rest = &chunk[*at..];
                    *at = chunk.len();
                    return self.keep_partial(rest);
                };
                *at = next;
                match before {
                    Border::LongLine => Ok(()),
                    _ => self.finish_partial(tail),
                }
            }
        }
    }

    /// Drops one byte order mark, whose bytes may come one by one. Returns how much of `chunk` was looked at.
    fn skip_byte_order_mark(&mut self, chunk: &[u8]) -> usize {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        let missing = &MARK[self.partial.len()..];
        let len = missing.len().min(chunk.len());
        if chunk[..len] != missing[..len] {
            self.border = if self.partial.is_empty() { Border::Between } else { Border::Line };
            return 0;
        }
        if len == missing.len() {
            self.partial.clear();
            self.border = Border::Between;
        } else {
            self.partial.extend_from_slice(&chunk[..len]);
        }
        len
    }

    /// The line of `chunk` that begins at `at`, and where the next begins. `None` when its end is not in `chunk`.
    #[inline]
    fn whole_line<'i>(&mut self, chunk: &'i [u8], at: usize) -> Option<(&'i [u8], usize)> {
        let rest = &chunk[at..];
        let len = match rest.first()? {
            b'\n' => 0,
            _ => memchr2(b'\n', b'\r', rest)?,
        };
        let mut next = at + len + 1;
        if rest[len] == b'\r' {
            match chunk.get(next) {
                Some(b'\n') => next += 1,
                Some(_) => {}
                None => self.border = Border::AfterCr,
            }
        }
        Some((&rest[..len], next))
    }

    /// Applies one line that is not blank. `start` is where it begins in `chunk`, `None` when it lies elsewhere.
    #[inline]
    fn read_line(&mut self, line: &[u8], start: Option<usize>, chunk: &[u8]) -> Result<(), DecodeError> {
        if line.len() > self.max_line {
            return self.refuse(self.line_limit(), chunk);
        }
        if self.strict_utf8
            && let Err(error) = from_utf8(line)
        {
            return self.refuse(InvalidUtf8 { valid_up_to: error.valid_up_to() }.into(), chunk);
        }
        let value = |bytes| Value::in_line(bytes, line, start);
        let spoiled = self.block.is_spoiled();
        match Line::read(line) {
            Line::Data(bytes) if !spoiled => self.block.add_data(value(bytes), chunk),
            Line::EventType(bytes) if !spoiled => self.block.set(Single::EventType, value(bytes)),
            Line::Other(line) if !spoiled => self.block.capture(line, start),
            Line::Id(bytes) if !bytes.contains(&0) => self.block.set(Single::Id, value(bytes)),
            Line::Retry(bytes) => self.retry = millis(bytes).map(Duration::from_millis).or(self.retry),
            _ => {}
        }
        if self.block.size() > self.max_event {
            let error = LimitExceeded { limit: Limit::Event, max: self.max_event };
            return self.refuse(error.into(), chunk);
        }
        Ok(())
    }

    /// A blank line: moves the cursor, and tells whether the block is an event.
    #[inline]
    fn end_block(&mut self, chunk: &[u8]) -> bool {
        if self.block.id.is_set() {
            self.last_event_id.clear();
            self.last_event_id.push_str(self.block.id.decode(chunk));
        }
        let complete = self.block.data.is_set();
        if !complete {
            self.block.clear();
        }
        complete
    }

    /// The event of the block that has just ended.
    #[inline]
    fn event<'d, 'i: 'd>(&'d mut self, chunk: &'i [u8]) -> Event<'d> {
        self.dispatched = true;
        let Block { data, event_type, captures, .. } = &mut self.block;
        for capture in &mut *captures {
            capture.value.decode(chunk);
        }
        let event_type = match event_type.decode(chunk) {
            "" => DEFAULT_TYPE,
            text => text,
        };
        Event { event_type, data: data.decode(chunk), id: &self.last_event_id, captures, chunk }
    }

    /// Keeps the beginning of a line whose end is not in the slice.
    fn keep_partial(&mut self, piece: &[u8]) -> Result<(), DecodeError> {
        if piece.is_empty() || self.border == Border::LongLine {
            return Ok(());
        }
        if self.partial.len() + piece.len() > self.max_line {
            self.partial.clear();
            self.border = Border::LongLine;
            return self.refuse(self.line_limit(), &[]);
        }
        self.partial.extend_from_slice(piece);
        self.border = Border::Line;
        Ok(())
    }

    /// Applies the line that `partial` began and `tail` ends.
    fn finish_partial(&mut self, tail: &[u8]) -> Result<(), DecodeError> {
        if self.partial.len() + tail.len() > self.max_line {
            self.partial.clear();
            return self.refuse(self.line_limit(), &[]);
        }
        // Taken out for the call, so that the line and the decoder can be borrowed side by side.
        let mut line = core::mem::take(&mut self.partial);
        line.extend_from_slice(tail);
        let result = self.read_line(&line, None, &[]);
        line.clear();
        self.partial = line;
        result
    }

    /// Gives up the block, and reports why unless that was done.
    #[cold]
    fn refuse(&mut self, error: DecodeError, chunk: &[u8]) -> Result<(), DecodeError> {
        if self.block.is_spoiled() {
            return Ok(());
        }
        self.block.spoil(chunk);
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
