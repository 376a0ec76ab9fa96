//! The commands that talk to a hub, `headwater sub` and `headwater pub`, run as their users run them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;
mod publish;
mod publish_trouble;
mod sub;
mod sub_access;
mod sub_place;
