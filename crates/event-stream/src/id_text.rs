//! An event id on the stack, for senders that make an id per event.

use core::fmt::{self, Write as _};
use core::ops::Deref;

use crate::field::forbidden;
use crate::{EventId, IdRef, InvalidField};

/// An event id of up to [`IdText::CAPACITY`] bytes that lives on the stack: made from anything that can be
/// displayed, checked once, no allocation.
///
/// ```
/// use headwater_event_stream::{IdText, InvalidField};
///
/// let id = IdText::new(format_args!("{}-{:04x}", 1042, 0x6f3a))?;
/// assert_eq!(id.as_str(), "1042-6f3a");
/// assert_eq!(IdText::new("7\nevent: forged"), Err(InvalidField::Forbidden(1)));
/// # Ok::<(), InvalidField>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdText {
    /// Whole texts only, so the first `len` bytes are UTF-8; zero after them, so that derived equality holds.
    bytes: [u8; Self::CAPACITY],
    len: u8,
}

impl IdText {
    /// The most bytes an id on the stack can have; longer ones are an [`EventId`].
    pub const CAPACITY: usize = 63;

    /// Displays `id` and checks what came out.
    ///
    /// # Errors
    /// [`InvalidField`] when the text is empty, holds CR, LF or NUL, or is longer than [`IdText::CAPACITY`]. A
    /// `Display` implementation that fails counts as too long.
    pub fn new(id: impl fmt::Display) -> Result<Self, InvalidField> {
        let mut draft = Draft(Self { bytes: [0; Self::CAPACITY], len: 0 });
        write!(draft, "{id}").map_err(|_| InvalidField::TooLong(Self::CAPACITY))?;
        let Draft(text) = draft;
        if text.len == 0 {
            return Err(InvalidField::Empty);
        }
        match forbidden(&text) {
            Some(at) => Err(InvalidField::Forbidden(at)),
            None => Ok(text),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("only whole texts were written")
    }
}

impl Deref for IdText {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for IdText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdText").field(&self.as_str()).finish()
    }
}

impl<'a> From<&'a IdText> for IdRef<'a> {
    fn from(id: &'a IdText) -> Self {
        Self::checked(id.as_str())
    }
}

impl From<IdText> for EventId {
    fn from(id: IdText) -> Self {
        IdRef::from(&id).into()
    }
}

/// An id not checked yet. Only this type can be written to: a checked id never changes.
struct Draft(IdText);

impl fmt::Write for Draft {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let Self(id) = self;
        let len = usize::from(id.len);
        let end = len + text.len();
        id.bytes.get_mut(len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        id.len = end as u8; // at most CAPACITY, or the line above would have failed
        Ok(())
    }
}
