//! How a publisher is set up.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::credentials::Credentials;
use super::event::Keys;
use super::retrying::{OnRetry, Retrying};
use super::room::Room;
use super::transport::Transport;
use super::worker::{self, BatchLimits};
use super::{Publisher, Shared};
use crate::error::{BoxError, InvalidSetting};
use crate::http::{Requests, address};
use crate::machine::Retry;
use crate::refresh::{Cause, hook};

/// Settings of a [`Publisher`], each with a default.
#[must_use]
pub struct PublisherBuilder {
    base: String,
    requests: Requests,
    retry: Retry,
    within: Duration,
    connect_timeout: Duration,
    on_retry: Option<OnRetry>,
    queue: BatchLimits,
    batch: BatchLimits,
}

/// Connections that are kept for the next request.
const MOST_IDLE: usize = 8;

impl PublisherBuilder {
    pub(super) fn new(base: String) -> Self {
        Self {
            base,
            requests: Requests::default(),
            retry: Retry::default(),
            within: Duration::from_mins(5),
            connect_timeout: Duration::from_secs(30),
            on_retry: None,
            queue: BatchLimits { events: 65_536, bytes: 16 * 1024 * 1024 },
            batch: BatchLimits { events: 1_000, bytes: 1024 * 1024 },
        }
    }

    /// Sends a header with every request. One that is given twice has the last value.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.requests.header(name, value);
        self
    }

    /// The bearer token to start with.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.requests.token = Some(token.into());
        self
    }

    /// Asks for a new bearer token when the one there is was refused. Requests that are made meanwhile wait for it. A hook
    /// that fails is asked again, after the wait of any failure.
    pub fn refresh<F, R, E>(mut self, ask: F) -> Self
    where
        F: Fn(Cause) -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.requests.refresh = Some(hook(ask));
        self
    }

    /// The waiting times between attempts, and how many failures of one request are too many. `stable` has no meaning here.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// How long one publish is tried; default 5 minutes, which is half of the time for which a hub knows an idempotency
    /// key. With more than that time an event could be stored twice.
    pub fn within(mut self, limit: Duration) -> Self {
        self.within = limit;
        self
    }

    /// Is told of every attempt that has failed in passing, before the next one. It must not block.
    pub fn on_retry(mut self, tell: impl Fn(&Retrying) + Send + Sync + 'static) -> Self {
        self.on_retry = Some(Box::new(tell));
        self
    }

    /// The longest time until there is an answer, of a stream from its end on; default 30 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How many events, and how many bytes of them, may be on their way; default 65,536 and 16 MiB. Whoever publishes
    /// beyond that waits.
    pub fn queue(mut self, events: usize, bytes: usize) -> Self {
        self.queue = BatchLimits { events, bytes };
        self
    }

    /// How many events, and how many bytes of them, share a request; default 1,000 and 1 MiB. A hub takes at most 10,000
    /// events at once, and no more bytes than its limit on bodies.
    pub fn batch(mut self, events: usize, bytes: usize) -> Self {
        self.batch = BatchLimits { events, bytes };
        self
    }

    /// Trusts these certificates (PEM) beside those of the platform.
    pub fn root_certificate(mut self, pem: &[u8]) -> Self {
        self.requests.root_certificate(pem);
        self
    }

    /// Makes requests with this client: for proxies, client certificates, or a resolver of one's own. Its limit on the
    /// whole time of a request does not apply, its other limits and its policy for redirects do.
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.requests.use_client(client);
        self
    }

    /// Makes the publisher, and starts the task that works for it.
    ///
    /// # Errors
    /// [`InvalidSetting`] when a setting cannot be used.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn open(self) -> Result<Publisher, InvalidSetting> {
        let mut base = address(&self.base)?;
        base.set_query(None);
        base.set_fragment(None);
        let transport = Arc::new(Transport {
            http: self.requests.client(MOST_IDLE)?,
            base,
            credentials: Credentials::new(self.requests.authorization()?, self.requests.refresh),
            headers: self.requests.headers,
            retry: self.retry,
            within: self.within,
            patience: self.connect_timeout,
            on_retry: self.on_retry,
        });
        let (jobs, queue) = mpsc::unbounded_channel();
        let (closed, _) = watch::channel(false);
        let working = super::unless_closed(closed.subscribe(), worker::run(queue, transport.clone(), self.batch));
        tokio::spawn(working);
        let room = Room::new(self.queue.events, self.queue.bytes);
        Ok(Publisher { shared: Arc::new(Shared { transport, jobs, room, keys: Keys::new(), closed }) })
    }
}

impl fmt::Debug for PublisherBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublisherBuilder").field("retry", &self.retry).finish_non_exhaustive()
    }
}
