//! How a subscription is set up.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use reqwest::Url;

use super::attempt::Attempt;
use super::handle::Shared;
use super::saver::Saver;
use super::{Io, Subscription};
use crate::error::{BoxError, InvalidSetting};
use crate::http::{Requests, address};
use crate::machine::{Core, Retry, Settings};
use crate::refresh::{Cause, hook};
use crate::state::{OnState, State};
use crate::store::Store;
use crate::warning::{OnWarning, Warning};

/// Settings of a [`Subscription`], each with a default.
#[must_use]
pub struct Builder {
    address: String,
    /// Pairs to add to the query.
    query: Vec<(&'static str, String)>,
    method: Method,
    body: Option<Bytes>,
    requests: Requests,
    last_event_id: Option<String>,
    store: Option<Arc<dyn Store>>,
    store_key: Option<String>,
    on_state: Option<OnState>,
    on_warning: OnWarning,
    settings: Settings,
}

impl Builder {
    pub(super) fn new(address: String) -> Self {
        Self {
            address,
            query: Vec::new(),
            method: Method::GET,
            body: None,
            requests: Requests::default(),
            last_event_id: None,
            store: None,
            store_key: None,
            on_state: None,
            on_warning: OnWarning(None),
            settings: Settings {
                retry: Retry::default(),
                connect_timeout: Duration::from_secs(30),
                heartbeat: None,
                max_event: 1 << 20,
                dedupe: true,
                can_refresh: false,
                seed: fastrand::u64(..),
            },
        }
    }

    pub(super) fn hub<T: AsRef<str>>(base: &str, topics: impl IntoIterator<Item = T>) -> Self {
        let mut builder = Self::new(format!("{}/v1/events", base.trim_end_matches('/')));
        builder.query.extend(topics.into_iter().map(|topic| ("topic", topic.as_ref().to_owned())));
        builder
    }

    /// Where to start without an id, on a hub: `latest` (its default), `earliest`, a time in RFC 3339, or an age such as
    /// `90s`, `10m`, `2h`.
    pub fn since(mut self, since: impl Into<String>) -> Self {
        self.query.push(("since", since.into()));
        self
    }

    /// Sends a header with every attempt. One that is given twice has the last value.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.requests.header(name, value);
        self
    }

    /// The bearer token to start with.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.requests.token = Some(token.into());
        self
    }

    /// The method; default `GET`.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Sends a body with every attempt, and makes it a `POST`. Its type is a matter of [`header`](Self::header).
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        if self.method == Method::GET {
            self.method = Method::POST;
        }
        self
    }

    /// Starts after this id, whatever a store says.
    pub fn last_event_id(mut self, id: impl Into<String>) -> Self {
        self.last_event_id = Some(id.into());
        self
    }

    /// Goes on after the last id that was handled by a subscription with the same store and key, and stores what is
    /// handled.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// The key for the store; default: the address without user, `ticket`, cursor and fragment.
    pub fn store_key(mut self, key: impl Into<String>) -> Self {
        self.store_key = Some(key.into());
        self
    }

    /// Asks for a new bearer token when the one there is was refused, has ended, or ends soon. Whoever answers too late
    /// is waited for.
    ///
    /// ```
    /// use headwater_client::Subscription;
    ///
    /// async fn log_in() -> std::io::Result<String> {
    ///     tokio::fs::read_to_string("token").await
    /// }
    ///
    /// let builder = Subscription::hub("https://hub.example", ["orders/*"]).refresh(|_cause| log_in());
    /// ```
    pub fn refresh<F, R, E>(mut self, ask: F) -> Self
    where
        F: Fn(Cause) -> R + Send + Sync + 'static,
        R: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.requests.refresh = Some(hook(ask));
        self
    }

    /// Tells every change of state, on the task that reads.
    pub fn on_state(mut self, tell: impl FnMut(&State) + Send + 'static) -> Self {
        self.on_state = Some(Box::new(tell));
        self
    }

    /// Tells what fails without stopping the stream. Without it, that is logged with `tracing`.
    pub fn on_warning(mut self, tell: impl Fn(&Warning) + Send + Sync + 'static) -> Self {
        self.on_warning = OnWarning(Some(Box::new(tell)));
        self
    }

    /// The waiting times between attempts, and how many failures in a row are too many.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.settings.retry = retry;
        self
    }

    /// The longest time until there is the head of an answer; default 30 s.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.settings.connect_timeout = limit;
        self
    }

    /// How often the server sends a byte at least, instead of what its `Headwater-Heartbeat` header says. A stream that
    /// is silent for 2.5 times as long is dead. Default: none, and without the header the client waits for ever.
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.settings.heartbeat = Some(heartbeat);
        self
    }

    /// The largest event, in bytes of its values together; default 1 MiB. A larger one becomes a
    /// [`Gap`](crate::Gap) with the reason `oversized`.
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.settings.max_event = bytes;
        self
    }

    /// Whether events that come again after a reconnect are dropped; default `true`.
    pub fn dedupe(mut self, dedupe: bool) -> Self {
        self.settings.dedupe = dedupe;
        self
    }

    /// Trusts these certificates (PEM) beside those of the platform.
    pub fn root_certificate(mut self, pem: &[u8]) -> Self {
        self.requests.root_certificate(pem);
        self
    }

    /// Makes requests with this client: for proxies, client certificates, or a resolver of one's own. Its limit on the
    /// whole time of a request does not apply, its other limits and its policy for redirects do. Default: a client without
    /// limits, and with a connection of its own for every attempt.
    pub fn client(mut self, client: reqwest::Client) -> Self {
        self.requests.use_client(client);
        self
    }

    /// Makes the subscription. It connects when it is first polled.
    ///
    /// # Errors
    /// [`InvalidSetting`] when a setting cannot be used.
    ///
    /// # Panics
    /// Outside of a tokio runtime, when there is a store.
    pub fn open(self) -> Result<Subscription, InvalidSetting> {
        let mut address = address(&self.address)?;
        for (name, value) in &self.query {
            address.query_pairs_mut().append_pair(name, value);
        }
        let mut core = Core::new(Settings { can_refresh: self.requests.refresh.is_some(), ..self.settings });
        let on_warning = Arc::new(self.on_warning);
        let key = self.store_key.unwrap_or_else(|| key(&address));
        let io = match (&self.last_event_id, &self.store) {
            (Some(id), _) => {
                core.resume(id, false);
                Io::Idle
            }
            (None, Some(store)) => {
                let (store, key) = (store.clone(), key.clone());
                Io::Loading(Box::pin(async move { store.load(&key).await }))
            }
            (None, None) => Io::Idle,
        };
        Ok(Subscription {
            core,
            attempt: Attempt {
                // An attempt never takes over a connection, which may be as dead as the one before.
                http: self.requests.client(0)?,
                method: self.method,
                address,
                headers: self.requests.headers.clone(),
                body: self.body,
            },
            io,
            token: self.requests.authorization()?,
            refresh: self.requests.refresh,
            renewal: None,
            saver: self.store.map(|store| Saver::start(store, key, on_warning.clone())),
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            shared: Arc::new(Shared::new()),
            on_state: self.on_state,
            on_warning,
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The address without what must not be kept and what changes.
fn key(address: &Url) -> String {
    const LEFT_OUT: [&str; 4] = ["ticket", "last_event_id", "lastEventId", "lastEventID"];
    let mut key = address.clone();
    // Both work on every http address.
    let _ = key.set_username("");
    let _ = key.set_password(None);
    key.set_fragment(None);
    let kept: Vec<_> = address.query_pairs().filter(|(name, _)| !LEFT_OUT.contains(&&**name)).collect();
    key.set_query(None);
    if !kept.is_empty() {
        key.query_pairs_mut().extend_pairs(kept);
    }
    key.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_no_credentials_and_no_cursor() {
        let key = |address: &str| key(&Url::parse(address).unwrap());
        assert_eq!(
            key("https://me:secret@hub.example/v1/events?topic=a%2Fb&ticket=secret&since=2h&lastEventId=7#x"),
            "https://hub.example/v1/events?topic=a%2Fb&since=2h"
        );
        assert_eq!(key("http://hub.example/events?last_event_id=7"), "http://hub.example/events");
    }
}
