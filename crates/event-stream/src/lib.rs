//! The `text/event-stream` format of WHATWG HTML 9.2: encoder and incremental decoder, no I/O.
#![no_std]
extern crate alloc;

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
