//! Field values that cannot break out of their line.
//!
//! The format ends a field at CR or LF and ignores ids that hold NUL, so a value with one of the
//! three would inject or lose fields. These types refuse them once, at construction: they reject,
//! they never strip, because a silently changed id is a wrong cursor.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use core::fmt;
use core::str::FromStr;

/// The type of an event: one line of text without CR, LF or NUL, and not empty.
///
/// Types are case-sensitive and name the listeners of the receiver. An event whose type is `message`
/// needs no `event` field; the encoder leaves it out.
///
/// ```
/// use headwater_event_stream::{EventType, InvalidField};
///
/// assert_eq!(EventType::new("order.paid")?.as_str(), "order.paid");
/// assert_eq!(EventType::new("paid\ndata: forged"), Err(InvalidField::Forbidden(4)));
/// # Ok::<(), InvalidField>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(Box<str>);

/// An event id: one line of text without CR, LF or NUL.
///
/// The empty id is refused: it would reset the cursor of the client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Box<str>);

/// An [`EventType`] that borrows its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeRef<'a>(&'a str);

/// An [`EventId`] that borrows its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdRef<'a>(&'a str);

/// One more field of an event, such as `topic: orders/42`, which receivers that do not know it ignore.
///
/// ```
/// use headwater_event_stream::{Field, InvalidField};
///
/// let topic = Field::new("topic", "orders/42")?;
/// assert_eq!((topic.name(), topic.value()), ("topic", "orders/42"));
/// assert_eq!(Field::new("data", "forged"), Err(InvalidField::Name));
/// # Ok::<(), InvalidField>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field<'a> {
    name: &'a str,
    value: &'a str,
}

/// Why a text cannot be the value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidField {
    /// It is empty.
    Empty,
    /// It holds CR, LF or NUL at this byte offset.
    Forbidden(usize),
    /// It is longer than this many bytes, the most its type can hold.
    TooLong(usize),
    /// The name of the field is empty, holds a colon, CR, LF or NUL, begins with U+FEFF, or is one of `data`,
    /// `event`, `id` and `retry`.
    Name,
}

impl EventType {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidField`] when it is empty or holds CR, LF or NUL.
    pub fn new(text: &str) -> Result<Self, InvalidField> {
        check(text).map(|()| Self(text.into()))
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventId {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidField`] when it is empty or holds CR, LF or NUL.
    pub fn new(text: &str) -> Result<Self, InvalidField> {
        check(text).map(|()| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'a> TypeRef<'a> {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidField`] when it is empty or holds CR, LF or NUL.
    pub fn new(text: &'a str) -> Result<Self, InvalidField> {
        check(text).map(|()| Self(text))
    }

    /// The type as text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl TypeRef<'static> {
    /// A type known when the program is written; in a constant a wrong one does not compile.
    ///
    /// ```
    /// use headwater_event_stream::TypeRef;
    ///
    /// const CLOSING: TypeRef<'static> = TypeRef::from_static("headwater.closing");
    /// assert_eq!(CLOSING.as_str(), "headwater.closing");
    /// ```
    ///
    /// # Panics
    /// When `text` is empty or holds CR, LF or NUL.
    pub const fn from_static(text: &'static str) -> Self {
        let bytes = text.as_bytes();
        assert!(!bytes.is_empty(), "an event type is not empty");
        let mut at = 0;
        while at < bytes.len() {
            assert!(!matches!(bytes[at], b'\r' | b'\n' | 0), "an event type has no line break and no NUL");
            at += 1;
        }
        Self(text)
    }
}

impl<'a> IdRef<'a> {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`InvalidField`] when it is empty or holds CR, LF or NUL.
    pub fn new(text: &'a str) -> Result<Self, InvalidField> {
        check(text).map(|()| Self(text))
    }

    /// The id as text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// For texts this crate has checked already.
    pub(crate) const fn checked(text: &'a str) -> Self {
        Self(text)
    }
}

impl<'a> Field<'a> {
    /// Checks `name` and `value`; the value may be empty.
    ///
    /// # Errors
    /// [`InvalidField::Name`] when the name is empty, holds a colon, CR, LF or NUL, begins with U+FEFF (a byte order
    /// mark at the start of a stream) or means something to every receiver (`data`, `event`, `id`, `retry`);
    /// [`InvalidField::Forbidden`] when the value holds CR, LF or NUL.
    pub fn new(name: &'a str, value: &'a str) -> Result<Self, InvalidField> {
        if !is_extra_name(name) {
            return Err(InvalidField::Name);
        }
        match forbidden(value) {
            Some(at) => Err(InvalidField::Forbidden(at)),
            None => Ok(Self { name, value }),
        }
    }

    /// What stands before the colon.
    pub const fn name(self) -> &'a str {
        self.name
    }

    /// What stands after the colon and its space.
    pub const fn value(self) -> &'a str {
        self.value
    }
}

impl From<u64> for EventId {
    /// The number in decimal, as servers that count their events name them.
    fn from(number: u64) -> Self {
        Self(number.to_string().into_boxed_str())
    }
}

macro_rules! text_of {
    ($owned:ident, $borrowed:ident) => {
        impl FromStr for $owned {
            type Err = InvalidField;

            fn from_str(text: &str) -> Result<Self, InvalidField> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $owned {
            type Error = InvalidField;

            fn try_from(text: String) -> Result<Self, InvalidField> {
                check(&text).map(|()| Self(text.into_boxed_str()))
            }
        }

        impl AsRef<str> for $owned {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $owned {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<$borrowed<'_>> for $owned {
            fn from(text: $borrowed<'_>) -> Self {
                Self(text.0.into())
            }
        }

        impl<'a> From<&'a $owned> for $borrowed<'a> {
            fn from(text: &'a $owned) -> Self {
                Self(&text.0)
            }
        }

        impl AsRef<str> for $borrowed<'_> {
            fn as_ref(&self) -> &str {
                self.0
            }
        }

        impl fmt::Display for $borrowed<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.0)
            }
        }
    };
}

text_of!(EventType, TypeRef);
text_of!(EventId, IdRef);

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::Forbidden(at) => write!(f, "has a line break or NUL at byte {at}"),
            Self::TooLong(most) => write!(f, "is longer than {most} bytes"),
            Self::Name => f.write_str("has a name that is empty, reserved, or holds a colon, a line break or NUL"),
        }
    }
}

impl core::error::Error for InvalidField {}

/// Whether `name` may stand before the colon of a field that only some receivers know.
pub(crate) fn is_extra_name(name: &str) -> bool {
    !name.is_empty()
        && !matches!(name, "data" | "event" | "id" | "retry")
        && !name.starts_with('\u{feff}')
        && !name.contains(':')
        && forbidden(name).is_none()
}

/// Where `text` first has a byte that no field value may hold.
pub(crate) fn forbidden(text: &str) -> Option<usize> {
    memchr::memchr3(b'\r', b'\n', 0, text.as_bytes())
}

fn check(text: &str) -> Result<(), InvalidField> {
    if text.is_empty() {
        return Err(InvalidField::Empty);
    }
    match forbidden(text) {
        Some(at) => Err(InvalidField::Forbidden(at)),
        None => Ok(()),
    }
}
