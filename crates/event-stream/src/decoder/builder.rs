//! How a decoder is set up.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Capture, Decoder};
use crate::field::is_extra_name;

/// Settings of a [`Decoder`], each with a default.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) max_line: usize,
    pub(super) max_event: usize,
    pub(super) strict_utf8: bool,
    pub(super) captures: Vec<Capture>,
    pub(super) last_event_id: String,
}

impl Builder {
    /// The most bytes a line may have, its end not counted; default 4 MiB. The decoder keeps at most this much of a
    /// line whose end has not come yet.
    #[must_use]
    pub const fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// The most bytes the values of one block may have together: data with its joining line feeds, type, id and
    /// captured fields, each as received; default 4 MiB. The decoder keeps at most this much of a block that is not
    /// complete, and up to three times this to hand out an event that is not UTF-8.
    #[must_use]
    pub const fn max_event(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// Whether a line that is not UTF-8 is an error; default `false`, which decodes as the standard says, with U+FFFD
    /// in place of what is invalid. Costs one more pass over every line.
    #[must_use]
    pub const fn strict_utf8(mut self, strict: bool) -> Self {
        self.strict_utf8 = strict;
        self
    }

    /// Keeps the field called `name` for [`Event::field`](crate::Event::field). A block that has it several times
    /// yields the last. Every captured name costs one comparison for each line that is no standard field.
    ///
    /// # Panics
    /// When no such field can exist beside the standard ones: `name` is empty, holds a colon, CR, LF or NUL, or is
    /// `data`, `event`, `id` or `retry`.
    #[must_use]
    pub fn capture(mut self, name: &str) -> Self {
        assert!(is_extra_name(name), "{name:?} is no name of a further field");
        if !self.captures.iter().any(|known| known.name() == name) {
            self.captures.push(Capture::new(name));
        }
        self
    }

    /// The id in force before the first block that has one: the cursor of a client that resumes. Default: empty.
    #[must_use]
    pub fn last_event_id(mut self, id: &str) -> Self {
        self.last_event_id = id.into();
        self
    }

    /// Makes the decoder. It allocates only when a stream makes it keep something.
    pub fn build(self) -> Decoder {
        Decoder::with(self)
    }
}

impl Default for Builder {
    fn default() -> Self {
        const DEFAULT_MAX: usize = 4 << 20;
        Self {
            max_line: DEFAULT_MAX,
            max_event: DEFAULT_MAX,
            strict_utf8: false,
            captures: Vec::new(),
            last_event_id: String::new(),
        }
    }
}

impl Capture {
    fn new(name: &str) -> Self {
        Self { name: Box::from(name), value: Default::default() }
    }
}
