//! Test support: a hub to test against and peers that talk to it, byte for byte.
//!
//! * [`Hub`] is the real binary as a child process with a data folder of its own; it can be killed and started again.
//!   [`LocalHub`] is the same server inside the test process, on memory storage, for tests that only talk.
//! * [`Client`] makes requests; a [`Connection`] is one socket, for those who want to write and read it in pieces, or
//!   to break it. [`Request`] and [`Answer`] are exactly what is written and what came.
//! * [`peer`] is for tests in which the hub dies: its connections return errors, over any kind of socket. [`Figures`]
//!   and [`Process`] look at the hub from outside, [`SmallDisk`] is a disk to be filled, and [`load`] is a load that can
//!   tell afterwards whether all was right.
//! * [`TestService`] runs one of our clients in its own process and language; a [`Subscriber`] is one of them at work, and
//!   [`StreamServer`] is what it is sent to: a server that answers each [`Attempt`] byte by byte as the test says.
//! * [`Application`] answers what the hub itself asks, over HTTPS and as scripted.
//! * [`Sse`] and [`Lines`] read streams, over HTTP/1 or [`Http2`]; [`Event`] is what they see. [`Frames`] is HTTP/2 for
//!   those who want to break it.
//!
//! Nothing here sleeps for a fixed time: whatever a test waits for is a condition with [`PATIENCE`] as its bound, and
//! running out of it fails the test with what was seen so far. Helpers panic instead of returning errors, since a test
//! has nothing better to do with one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod answer;
mod application;
mod binary;
mod black_hole;
mod body;
mod buffering;
mod callbacks;
mod certificate;
mod client;
mod connection;
mod event;
mod fields;
mod figures;
mod frames;
mod http2;
mod hub;
mod incoming;
mod issuer;
mod lines;
pub mod load;
mod local;
pub mod peer;
mod process;
mod proxy;
mod published_key;
mod request;
mod service;
mod slow;
mod small_disk;
mod sse;
mod stream_server;
mod subscriber;
mod wait;

pub use answer::{Answer, Head};
pub use application::{Application, Scripted};
pub use binary::{built, headwater, python};
pub use black_hole::BlackHole;
pub use body::Source;
pub use buffering::batching_hop;
pub use certificate::{Certificate, TlsStream};
pub use client::{Client, Publisher};
pub use connection::Connection;
pub use event::{Event, seq};
pub use figures::Figures;
pub use frames::{Frame, Frames};
pub use http2::Http2;
pub use hub::{Hub, HubBuilder};
pub use incoming::Incoming;
pub use issuer::Issuer;
pub use lines::Lines;
pub use local::LocalHub;
pub use process::{Process, raise_descriptor_limit};
pub use proxy::{Proxy, ProxyKind};
pub use published_key::PublishedKey;
pub use request::{Request, encode};
pub use rustix::process::Signal;
pub use service::TestService;
pub use slow::SlowReader;
pub use small_disk::SmallDisk;
pub use sse::Sse;
pub use stream_server::{Attempt, StreamServer};
pub use subscriber::Subscriber;
pub use wait::{Deadline, PATIENCE, until};
