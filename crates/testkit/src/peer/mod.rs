//! Peers for tests in which the other side dies, stalls or is a proxy: a connection that says exactly what it is told,
//! over any kind of socket, and an event stream on top of it.
//!
//! Errors of the socket are returned and not panicked on, as tests that kill the hub expect them.

mod body;
mod connection;
mod events;
mod head;

pub use body::Body;
pub use connection::Connection;
pub use events::{Events, Received, Stream, StreamError};
pub use head::{Head, Response};
