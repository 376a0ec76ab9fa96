//! The HTTP side of Headwater.
//!
//! [`Server::start`] opens the log, binds, and serves on one thread per core until it is drained. The
//! folders follow the way of an event: `flow/publish` → `flow/append` → `flow/fanout` → `flow/deliver`; around
//! them `edge` (sockets), `api` (routes), `access` (who may), `presence` (who reads), `hooks` (who else is told), `observe` (figures),
//! `outgoing` (requests the hub itself sends) and `config`. [`embedded`] is a hub inside an application.
//!
//! * Nothing is fanned out before it is durable: shards learn of events from the log's durable tail only.
//! * A session lives on one shard, is a cursor, and owns no queue; no publisher waits for a reader.
//! * One place decides what a session receives next, whatever carries its bytes.

mod access;
mod api;
mod checkpoint;
pub mod config;
mod edge;
pub mod embedded;
mod flow;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod hooks;
mod hub;
mod limit;
mod observe;
mod outgoing;
mod presence;
mod server;

pub use access::{Credential, Explanation, Question, Step, explain_offline};
pub use server::{ReloadError, Server, StartError};
