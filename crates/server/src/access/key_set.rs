//! A set of keys that its issuer publishes at an address, fetched and fetched again (T22).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use headwater_access::{Algorithm, FetchPlan, Key, max_age, read_key_set};
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::sync::{Notify, watch};

use super::keyring::Keyring;
use crate::config::{AccessKey, KeySetSource};
use crate::outgoing::{Endpoint, EndpointError, Reach, Rules};

/// A set of keys at an address.
pub(super) struct KeySet {
    /// What the configuration calls it.
    id: String,
    /// The one that its keys are taken for.
    algorithm: Algorithm,
    /// Index of whose keys they are.
    issuer: usize,
    source: KeySetSource,
    endpoint: Endpoint,
    plan: Mutex<FetchPlan>,
    /// Somebody asks for a fetch before it is due.
    asked: Notify,
    /// Counts the fetches that are over.
    over: watch::Sender<u64>,
}

/// A fetch that is under way or about to begin.
pub(super) struct Fetch(watch::Receiver<u64>);

/// What came of a fetch.
struct Fetched {
    text: Bytes,
    keys: Vec<Key>,
    good_for: Option<Duration>,
}

/// How long a fetch may take, and how large a set may be (T22).
const TIME: Duration = Duration::from_secs(5);
const MOST: usize = 1 << 20;

impl KeySet {
    /// The set of this entry of the configuration.
    ///
    /// # Errors
    /// [`EndpointError`] for an address that cannot be asked.
    pub(super) fn new(key: &AccessKey, source: &KeySetSource, issuer: usize) -> Result<Self, EndpointError> {
        let reach = if source.internal { Reach::Inside } else { Reach::Public };
        let rules = Rules { reach, plain: false, ca: source.ca.clone(), time: TIME, most: MOST };
        Ok(Self {
            id: key.id.clone(),
            algorithm: key.algorithm,
            issuer,
            source: source.clone(),
            endpoint: Endpoint::new(&source.url, &rules)?,
            plan: Mutex::new(FetchPlan::new(Instant::now())),
            asked: Notify::new(),
            over: watch::Sender::new(0),
        })
    }

    /// Index of whose keys they are.
    pub(super) fn issuer(&self) -> usize {
        self.issuer
    }

    /// Whether what was fetched for the other would be the same.
    pub(super) fn is_from_the_place_of(&self, other: &Self) -> bool {
        (self.algorithm, &self.source) == (other.algorithm, &other.source)
    }

    /// Asks for a fetch. `None` when there was one a moment ago, and there is nothing to wait for.
    pub(super) fn ask(&self) -> Option<Fetch> {
        // Before the question, so that a fetch that ends right after it is not missed.
        let mut over = self.over.subscribe();
        over.mark_unchanged();
        if !self.plan().ask(Instant::now()) {
            return None;
        }
        self.asked.notify_one();
        Some(Fetch(over))
    }

    /// Fetches the set for as long as the task lives: the keys of `keyring` at `index`.
    pub(super) async fn keep_fresh(keyring: Arc<Keyring>, index: usize) {
        let Some(set) = keyring.sets().get(index) else { return };
        let mut text = None;
        loop {
            set.until_due().await;
            set.plan().begin();
            match set.fetch().await {
                Ok(fetched) => {
                    if text.as_ref() != Some(&fetched.text) {
                        match fetched.keys.len() {
                            0 => {
                                tracing::warn!(key = %set.id, algorithm = %set.algorithm, "the set at jwks_url has no key for this algorithm; no token of it is taken")
                            }
                            keys => tracing::info!(key = %set.id, keys, "keys fetched"),
                        }
                        keyring.replace(index, fetched.keys);
                        text = Some(fetched.text);
                    }
                    set.plan().succeeded(Instant::now(), fetched.good_for);
                }
                Err(cause) => {
                    tracing::warn!(key = %set.id, cause, "the set at jwks_url cannot be fetched; keys that were fetched before stay in force");
                    set.plan().failed(Instant::now());
                }
            }
            set.over.send_modify(|count| *count += 1);
        }
    }

    async fn until_due(&self) {
        loop {
            let due = self.plan().due();
            if due <= Instant::now() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(due.into()) => {}
                () = self.asked.notified() => {}
            }
        }
    }

    async fn fetch(&self) -> Result<Fetched, String> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        let answer = self.endpoint.send(Method::GET, headers, Bytes::new()).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::OK {
            // A redirect, too: where it leads was checked by nobody.
            return Err(format!("its status is {}, not 200", answer.status().as_u16()));
        }
        let good_for = answer.headers().get(CACHE_CONTROL).and_then(|field| max_age(field.to_str().ok()?));
        let text = answer.into_body();
        let keys = read_key_set(self.algorithm, &text).map_err(|error| format!("its answer {error}"))?;
        Ok(Fetched { text, keys, good_for })
    }

    fn plan(&self) -> MutexGuard<'_, FetchPlan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fetch {
    /// Waits for its end, however it went.
    pub(super) async fn over(mut self) {
        // An error is the hub on its way out.
        let _ = self.0.changed().await;
    }
}
