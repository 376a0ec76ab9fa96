//! A hub inside an application: publishing, reading and answering requests within the process, streams over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod ending;
mod limits;
mod publishing;
mod reading;
mod slow;
mod streams;
