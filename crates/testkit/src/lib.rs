//! Test support: a hub to test against and peers that talk to it, byte for byte.
//!
//! [`Hub`] is the real binary as a child process with a data folder of its own; it can be killed and started again.
//! [`LocalHub`] is the same server inside the test process, on memory storage, for tests that only talk.
//!
//! Nothing here sleeps for a fixed time: whatever a test waits for is a condition with [`PATIENCE`] as its bound, and
//! running out of it fails the test with what was seen so far. Helpers panic instead of returning errors, since a test
//! has nothing better to do with one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod binary;
mod hub;
mod wait;

pub use hub::{Hub, HubBuilder};
pub use rustix::process::Signal;
pub use wait::{PATIENCE, until};
