//! Publishing: to a real hub, and to servers and networks that fail as a test wants it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod bounds;
mod refusals;
mod retries;
mod storing;
mod streams;
mod support;
