//! Attacks on a hub that has readers to serve, one after the other and each bounded. What is held about the readers and
//! the hub stands in `bystanders.rs`; each attack adds what its requests are answered.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "what was measured is shown with a failure")]

mod bystanders;
mod connections;
mod http2;
mod oversize;
mod requests;
mod tokens;
