//! Event streams (`text/event-stream`) from Rust servers: what a handler returns when its answer is a stream of events.
//!
//! ```
//! use headwater_axum::{Event, EventStream, producer};
//!
//! async fn countdown() -> EventStream {
//!     EventStream::new(producer(|events| async move {
//!         for left in (0..10_u32).rev() {
//!             events.send(Event::json(&left)?).await?;
//!         }
//!         Ok(())
//!     }))
//! }
//! # let _ = countdown;
//! ```
//!
//! An [`EventStream`] is made from any [`Stream`](futures_core::Stream) of [events](IntoEvent). It takes care of what
//! makes such a stream arrive, and end, as it should:
//!
//! - **The head and the first bytes leave at once**, before there is an event, so that proxies and clients know the stream
//!   is open. The head keeps caches and proxies from holding anything back.
//! - **Heartbeats** during silence, also before the first event, so that neither side takes an idle stream for a dead one,
//!   and a client that has gone without a word is noticed.
//! - **Reconnect delays** differ from client to client ([`EventStream::retry`]), so that they do not all come back at once.
//! - **Resuming**: [`LastEventId`] is what the client has; [`EventStream::resume`] hands it to the function that makes
//!   the producer.
//! - **A client that leaves takes its producer with it.** The producer is part of the response's body: when the connection
//!   ends, by whatever cause, it is dropped, and its destructors run. Nothing is spawned.
//! - **Backpressure**: the producer is asked for more only when what it gave is on its way. The body holds at most 16 KiB
//!   beside the event that made it as large.
//! - **Every stream has an end that can be told from an accident.** A producer that is done, that fails or that panics ends
//!   its stream with a `headwater.end` event; an old stream, and one of a server that stops, ends with `headwater.closing`.
//!
//! # Events
//!
//! An [`Event`] has data and, if wanted, a type, an id and a topic. Types and ids are the checked types of
//! [`headwater_event_stream`], from which no field can be forged.
//!
//! # Without axum
//!
//! [`EventStream::into_http`] is an [`http::Response`], for hyper, tower and whatever else takes one; and
//! [`LastEventId::of`] reads the head of any request. Turn the feature `axum`, which is on by default, off.
//!
//! # Where things stand
//!
//! Middleware may wrap an event stream as long as it does not read its body. The compression of `tower-http` leaves
//! `text/event-stream` alone unless it is given a predicate of its own. A layer that limits the time of a whole response
//! ends every stream.

mod body;
mod event;
mod last_event_id;
mod produce;
mod shutdown;
mod stream;

pub use body::EventBody;
pub use event::{Event, IntoEvent};
pub use headwater_event_stream::{EventId, EventType, IdText, InvalidField, TypeRef};
pub use last_event_id::LastEventId;
pub use produce::{Closed, Producer, Sender, producer};
pub use shutdown::Shutdown;
pub use stream::{BoxError, EventStream};

/// The examples of the README are tests like any other.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
