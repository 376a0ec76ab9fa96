//! Reads event streams and does not lose its place; publishes to a Headwater hub.
//!
//! # Reading
//!
//! A [`Subscription`] is a [`Stream`](futures_core::Stream) of [`Item`]s that goes on where it was whenever its connection
//! breaks, its server restarts, a proxy answers with an error, or the network falls silent:
//!
//! ```no_run
//! use headwater_client::{FileStore, Item, Subscription};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let mut orders = Subscription::hub("http://127.0.0.1:7070", ["orders/*"])
//!     .store(FileStore::new("place.json")) // also after a restart of this program
//!     .open()?;
//! while let Some(item) = orders.next().await {
//!     match item? {
//!         Item::Event(event) => println!("{}: {}", event.event_type, event.data),
//!         Item::Gap(gap) => println!("events are missing ({}): load everything again", gap.reason),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! An item counts as handled when the next one is asked for. Only then is its id stored, so that a crash in the middle of
//! an item repeats it and never loses it.
//!
//! A subscription does its work on the task that polls it. It reads nothing that was not asked for: an application that
//! is slow slows the server down, through TCP's flow control, and not the memory up.
//!
//! What becomes of an error is a matter of its kind. What passes by itself (no connection, 5xx, 408, 425, 429, the end of
//! a stream, silence) is tried again, with waiting times that spread a herd and that the server can raise. 401 and 403 are
//! a matter of the [refresh hook](Builder::refresh). The rest is an [`Error`], once, and the end. The
//! [state](Builder::on_state) tells at any time what is going on, and why.
//!
//! # Without Headwater
//!
//! Whatever speaks `text/event-stream` will do. What a server does not tell is not used: without
//! [heartbeats](Builder::heartbeat) a dead connection is found only when the network says so, and without ids a reconnect
//! begins at the server's idea of now.
//!
//! The APIs of language models answer a POST with a stream that ends with the answer. A client that came back then would
//! ask, and pay, again: so stop at the last event, or allow one attempt only.
//!
//! ```no_run
//! use headwater_client::{Item, Retry, Subscription};
//!
//! # async fn run(key: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let mut answer = Subscription::builder("https://llm.example/v1/chat/completions")
//!     .token(key)
//!     .header("content-type", "application/json")
//!     .body(r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Why is the sky blue?"}]}"#)
//!     .retry(Retry { failures: Some(1), ..Retry::default() })
//!     .open()?;
//! while let Some(item) = answer.next().await {
//!     match item? {
//!         Item::Event(event) if event.data == "[DONE]" => break,
//!         Item::Event(event) => print!("{}", event.data),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Publishing
//!
//! A [`Publisher`] stores events in a hub, in the order in which they are handed over:
//!
//! ```no_run
//! use headwater_client::{NewEvent, Publisher};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let publisher = Publisher::builder("http://127.0.0.1:7070").open()?;
//! let event = NewEvent::json(&("paid", 12))?.event_type("order.paid");
//! let stored = publisher.publish("orders/42", event).await?;
//! println!("stored as {}", stored.id);
//! # Ok(())
//! # }
//! ```
//!
//! Every event has an idempotency key, so that a request whose answer was lost is made again and stores nothing twice.
//! [`enqueue`](Publisher::enqueue) keeps many events on their way, [`publish_all`](Publisher::publish_all) stores several or
//! none, [`stream`](Publisher::stream) stores what comes one by one, such as the tokens of a language model.
//!
//! # TLS
//!
//! TLS is rustls with the certificates that the platform trusts, and those that are
//! [added](Builder::root_certificate).

mod error;
mod http;
mod item;
pub mod machine;
mod problem;
mod publisher;
mod redirect;
mod refresh;
mod state;
mod store;
mod subscription;
mod warning;

pub use error::{BoxError, Error, InvalidSetting};
pub use item::{Closing, End, Event, Expiring, Gap, Item};
pub use machine::Retry;
pub use problem::Problem;
pub use publisher::{
    Final, NewEvent, PublishError, PublishStream, Publisher, PublisherBuilder, Receipt, Retrying, Stored, StoredStream,
};
pub use refresh::Cause;
pub use state::{CloseReason, Reason, State};
pub use store::{FileStore, MemoryStore, Store, StoreFuture};
pub use subscription::{Builder, Handle, Subscription};
pub use warning::Warning;

/// The examples of the README are tests like any other.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
