//! Peers for tests with threads: a connection that says exactly what it is told, and an event stream on top of it.
//!
//! Errors of the socket are returned, not panicked on: tests that kill the hub expect them.

mod body;
mod connection;
mod events;
mod head;

pub use body::Body;
pub use connection::Connection;
pub use events::{Events, Received, Stream, StreamError};
pub use head::{Head, Response};
