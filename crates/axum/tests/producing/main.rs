//! Event streams of an axum application, over real sockets (RUN-06).

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

mod disconnect;
mod layers;
mod plain;
mod resume;
mod server;
mod streams;
