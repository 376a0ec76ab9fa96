//! A hub inside an application: the same log, sessions and limits, without a process of their own.
//!
//! A [`Hub`] runs on threads of its own beside the application's runtime. It publishes what handlers and background tasks
//! give it, answers requests of the application's own routes with event streams, and is read inside the process:
//!
//! ```
//! use axum::extract::State;
//! use axum::response::Response;
//! use axum::routing::{get, post};
//! use headwater_server::config::{Settings, Storage};
//! use headwater_server::embedded::{Hub, Item, Read, Refusal};
//! use http::request::Parts;
//!
//! async fn say(State(hub): State<Hub>, text: String) -> Result<String, Refusal> {
//!     Ok(hub.publish("chat", text).await?.id)
//! }
//!
//! async fn events(State(hub): State<Hub>, request: Parts) -> Result<Response, Refusal> {
//!     Ok(hub.respond(Read::topics(["chat"])?.asked_by(&request)?).await)
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let settings = Settings { storage: Storage::Disk(folder.path().into()), shards: 1, ..Settings::default() };
//! let hub = Hub::open(settings)?;
//! let app: axum::Router =
//!     axum::Router::new().route("/say", post(say)).route("/events", get(events)).with_state(hub.clone());
//! # let _ = app;
//!
//! let mut chat = hub.subscribe(Read::topics(["chat"])?).await?;
//! hub.publish("chat", "Hello").await?;
//! let Some(Item::Event(event)) = chat.next().await else { panic!("an event") };
//! assert_eq!((event.topic.as_str(), event.data.as_str()), ("chat", "Hello"));
//!
//! hub.drain();
//! hub.stopped().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is the same as with a hub of its own
//!
//! A stream of [`Hub::respond`] is, byte for byte, what the hub's own socket would carry: first bytes that set the cursor,
//! heartbeats, gaps, `headwater.closing` when the hub stops, 204 when everything asked for is finished. Its session is
//! listed among the others, counts for the limits, and is a cursor without a queue: at most 16 KiB are on their way to
//! its reader beside what the application's server holds.
//!
//! # What is up to the application
//!
//! Who may read what: [`Read::topics`] is what the application says, [`Read::request`] what the client asks for, held
//! against what the application allows. `[access]` of the settings, and everything about addresses, cookies and pages, is a
//! matter of the hub's own socket, which there is only with [`Hub::listen`]. So are CORS headers: put a layer on the route.
//!
//! The hub raises the process's soft limit of open files to the hard one, and writes its access log to standard error
//! unless `access_log` of the settings says otherwise.

mod carry;
mod item;
mod new_event;
mod read;
mod refusal;
mod subscription;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::response::{IntoResponse, Response};
use tokio::sync::watch;

pub(crate) use carry::{MOST_WAITING, Order, serve};
pub use headwater_log::EndReason;
pub use item::{Closing, End, Event, Expiring, Gap, Item};
pub use new_event::{NewEvent, Stored};
pub use read::{Read, Since};
pub use refusal::Refusal;
pub use subscription::Subscription;

use crate::access::Caller;
use crate::config::Settings;
use crate::edge::connection::Phase;
use crate::flow::publish::Context;
use crate::{ReloadError, Server, StartError};

/// A hub in this process. Clones are the same hub. With the last one it stops at once, without a drain and without the answers
/// that are under way. That blocks for the moment that its threads and its log need to end, so that the folder is free again;
/// what was acknowledged is stored. To end in good order, [`drain`](Hub::drain) and wait for [`stopped`](Hub::stopped).
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    server: Server,
    /// Where it listens, if it does.
    address: Option<SocketAddr>,
    phase: watch::Receiver<Phase>,
    caller: Caller,
    /// Which shard has the next session.
    turn: AtomicUsize,
}

impl Hub {
    /// Opens the log and starts the hub's threads, without a socket of its own: `listen` and `tls` of the settings are not
    /// used. Blocks while the log is read.
    ///
    /// # Errors
    /// [`StartError`], among others when another process has the folder of the log.
    pub fn open(settings: Settings) -> Result<Self, StartError> {
        Server::launch(settings, false).map(|server| Self::of(server, false))
    }

    /// The same with the hub's own socket beside the application's: for publishers in other processes, for the dashboard
    /// and the metrics. Who may use it is a matter of `[access]`.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn listen(settings: Settings) -> Result<Self, StartError> {
        Server::launch(settings, true).map(|server| Self::of(server, true))
    }

    fn of(server: Server, listens: bool) -> Self {
        Self(Arc::new(Inner {
            address: listens.then(|| server.local_addr()),
            phase: server.phase(),
            caller: Caller::everybody(),
            turn: AtomicUsize::new(0),
            server,
        }))
    }

    /// Where the hub itself listens, if it does.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.address
    }

    /// Publishes an event: a text, or a [`NewEvent`]. Ends when it is stored as its class demands; after that no crash
    /// takes it back. When the wait is dropped it may be stored or not.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing was stored.
    pub async fn publish(&self, topic: &str, event: impl Into<NewEvent>) -> Result<Stored, Refusal> {
        let stored = self.publish_all([(topic, event)]).await?;
        // As many as were given.
        stored.into_iter().next().ok_or_else(Refusal::nothing)
    }

    /// Publishes events, each with its topic, all or none, one after the other in the log. At most 10,000.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing was stored.
    pub async fn publish_all<T, E>(&self, events: impl IntoIterator<Item = (T, E)>) -> Result<Vec<Stored>, Refusal>
    where
        T: AsRef<str>,
        E: Into<NewEvent>,
    {
        let hub = self.0.server.hub();
        let events = events.into_iter().map(|(topic, event)| event.into().check(topic.as_ref(), hub));
        let events = events.collect::<Result<Vec<_>, _>>()?;
        let receipts = self.context().publish(events).await?;
        Ok(receipts.iter().map(|receipt| Stored::of(hub.wire, *receipt)).collect())
    }

    /// Finishes a topic: its readers are told, and it takes no more events.
    ///
    /// # Errors
    /// [`Refusal`], among others when it is finished already.
    pub async fn finish(&self, topic: &str, how: EndReason) -> Result<Stored, Refusal> {
        let receipts = self.context().publish(vec![new_event::end(topic, how)?]).await?;
        let wire = self.0.server.hub().wire;
        receipts.first().map(|receipt| Stored::of(wire, *receipt)).ok_or_else(Refusal::nothing)
    }

    /// Reads inside the process. The session lives as long as the [`Subscription`].
    ///
    /// # Errors
    /// [`Refusal`], among others when the hub stops or has as many sessions as it takes.
    pub async fn subscribe(&self, read: Read) -> Result<Subscription, Refusal> {
        let answer = self.order(read, true).await?;
        Ok(Subscription::of(answer))
    }

    /// Answers a request with a stream, or whatever else the hub would answer it: a long poll when the client accepts
    /// nothing but `application/json`, 204 when all is finished, a refusal. The session ends with the response's body.
    pub async fn respond(&self, read: Read) -> Response {
        match self.order(read, false).await {
            Ok(answer) => answer.into_response(),
            Err(refusal) => refusal.into_response(),
        }
    }

    /// Puts what can be changed at run time in force; see [`Server::reload`].
    ///
    /// # Errors
    /// [`ReloadError`]; then nothing was changed.
    pub fn reload(&self, settings: &Settings) -> Result<(), ReloadError> {
        self.0.server.reload(settings)
    }

    /// Begins to stop: no new sessions, and every stream is ended with `headwater.closing`, spread over `drain` of the
    /// settings, at least 200 a second. Publishing goes on meanwhile. Call it when the application's server begins its
    /// own graceful shutdown, which waits for these streams. A second call ends everything at once.
    pub fn drain(&self) {
        self.0.server.drain();
    }

    /// Waits until the hub has stopped and its log is closed, so that another process may open it. Does not stop it:
    /// that is [`drain`](Self::drain).
    ///
    /// # Errors
    /// When a thread of the hub failed.
    pub async fn stopped(&self) -> io::Result<()> {
        // Only then are its threads waited for: that takes a bounded time, so that neither the hub nor the runtime is held
        // when nobody waits any more. Without a sender the hub has stopped.
        let _ = self.0.phase.clone().wait_for(|phase| *phase >= Phase::Stopping).await;
        let hub = self.clone();
        tokio::task::spawn_blocking(move || hub.0.server.wait())
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Has one of the shards open a session.
    async fn order(&self, read: Read, in_process: bool) -> Result<carry::Answer, Refusal> {
        let (order, answer) = Order::new(read, in_process);
        let desks = self.0.server.desks();
        let turn = self.0.turn.fetch_add(1, Ordering::Relaxed);
        // Without its threads the hub is stopping, or has stopped.
        if desks[turn % desks.len()].send(order).await.is_err() {
            return Err(Refusal::stopped());
        }
        answer.await.unwrap_or_else(|_| Err(Refusal::stopped()))
    }

    fn context(&self) -> Context<'_> {
        let hub = self.0.server.hub();
        let (phase, caller) = (&self.0.phase, &self.0.caller);
        Context { hub, counters: &hub.counters[0], phase, caller, party: None }
    }
}
