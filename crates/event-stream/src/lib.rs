//! The `text/event-stream` format of WHATWG HTML 9.2: encoder and incremental decoder, no I/O.
#![no_std]
extern crate alloc;

mod field;

pub use field::{EventId, EventType, InvalidField};
