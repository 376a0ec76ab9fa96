//! The `text/event-stream` format of Server-Sent Events, both ways: an [`Encoder`] and an incremental [`Decoder`], exact
//! to [section 9.2 of the HTML standard](https://html.spec.whatwg.org/multipage/server-sent-events.html).
//!
//! The crate takes bytes and returns bytes. It does no I/O, has no clock, knows nothing of HTTP or reconnecting, and needs
//! `alloc` and [`memchr`] only.
//!
//! # Writing a stream
//!
//! An [`Encoder`] appends to a `Vec<u8>` of the caller's. An event is a [`Message`]: data, and optionally an id, a type
//! and further fields. Whatever is not data must fit in one line, and the types that hold it make sure:
//!
//! | what | owned | borrowed |
//! |---|---|---|
//! | id | [`EventId`], or [`IdText`] on the stack | [`IdRef`] |
//! | type | [`EventType`] | [`TypeRef`] |
//! | a further field | | [`Field`] |
//!
//! None of them can be built from a text with CR, LF or NUL, so no value can forge a field or an event. Data and comments
//! can be any text: their line breaks become lines of their own.
//!
//! ```
//! use headwater_event_stream::{Encoder, IdText, Message, TypeRef};
//!
//! let mut out = Vec::new();
//! let id = IdText::new(format_args!("{}-{:04x}", 1042, 0x6f3a))?;
//! Encoder::new(&mut out)
//!     .retry(3000)
//!     .event(&Message::new("first line\nsecond line").id(&id).event_type(TypeRef::from_static("note")));
//! assert_eq!(out, b"retry: 3000\nid: 1042-6f3a\nevent: note\ndata: first line\ndata: second line\n\n");
//! # Ok::<(), headwater_event_stream::InvalidField>(())
//! ```
//!
//! # Reading a stream
//!
//! A [`Decoder`] is given the stream in slices as they come, each wrapped in a [`Chunk`], and hands out one [`Event`] at a
//! time. An event that lies within one slice is not copied: its texts point into the slice. Between events the decoder
//! tells the [cursor](Decoder::last_event_id), the [reconnection time](Decoder::retry) and whether
//! [something is pending](Decoder::has_pending).
//!
//! ```
//! use headwater_event_stream::{Chunk, Decoder};
//!
//! let mut decoder = Decoder::builder().capture("topic").build();
//! for bytes in [&b"id: 7\ntopic: orders/42\nda"[..], b"ta: paid\n\n: idle\nid: 9\n\n"] {
//!     let mut chunk = Chunk::new(bytes);
//!     while let Some(event) = decoder.decode(&mut chunk)? {
//!         assert_eq!((event.event_type, event.data, event.id), ("message", "paid", "7"));
//!         assert_eq!(event.field("topic"), Some("orders/42"));
//!     }
//! }
//! assert_eq!(decoder.last_event_id(), "9"); // a block without data moves the cursor and is no event
//! # Ok::<(), headwater_event_stream::DecodeError>(())
//! ```
//!
//! # Promises
//!
//! - Any way to cut a stream into slices gives the same events, the same errors and the same state.
//! - Time is linear in the bytes, memory is bounded: [`Builder::max_line`] and [`Builder::max_event`] limit what is kept,
//!   and [`DecodeError`] names the limit. One refused event costs that event; the decoder finds the next.
//! - Invalid UTF-8 becomes U+FFFD as the standard says, or an error with [`Builder::strict_utf8`].
//! - Decoding what was encoded gives what was encoded, except that the line ends of data all become LF: the format has no
//!   way to say which kind they were.
//!
//! # What it leaves to others
//!
//! - A largest event on the way out: the encoder writes what it is given. Check [`Message::encoded_len`], or refuse the
//!   event where it enters.
//! - Fragments: an event is one block, never several that the receiver must join.
//! - The alphabet of ids. The format allows any line; an id that has to travel in a `Last-Event-ID` header should be
//!   visible ASCII.
//!
//! # Features
//!
//! `std`, on by default: lets [`memchr`] choose the widest vector instructions when the program runs. Without it the crate
//! needs no standard library, and uses what the build target guarantees.
//!
//! `control`: the control events of a Headwater hub as types ([`control`]). Needs serde and serde_json.
#![no_std]
extern crate alloc;

#[cfg(feature = "control")]
pub mod control;
mod decoder;
mod encoder;
mod event;
mod field;
mod id_text;

pub use decoder::{Builder, Chunk, DecodeError, Decoder, InvalidUtf8, Limit, LimitExceeded};
pub use encoder::{Encoder, Message};
pub use event::Event;
pub use field::{EventId, EventType, Field, IdRef, InvalidField, TypeRef};
pub use id_text::IdText;

/// The type of an event whose block has no `event` field, or an empty one.
pub const DEFAULT_TYPE: &str = "message";

/// The examples of the README are tests like any other.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
