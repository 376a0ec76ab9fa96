//! What is published, and what comes back.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// An event to publish: data and, if wanted, a type, a key and an idempotency key.
///
/// ```
/// use headwater_client::NewEvent;
///
/// let text = NewEvent::new("100 %");
/// let json = NewEvent::json(&[1, 2, 3])?.event_type("order.paid").key("42");
/// # let _ = (text, json);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[must_use]
pub struct NewEvent {
    data: String,
    #[serde(rename = "event", skip_serializing_if = "Option::is_none")]
    event_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    idempotency_key: Option<String>,
}

impl NewEvent {
    /// An event of the type `message` with this text.
    pub fn new(data: impl Into<String>) -> Self {
        Self { data: data.into(), ..Self::default() }
    }

    /// The same with the JSON of a value.
    ///
    /// # Errors
    /// When the value has no JSON.
    pub fn json(value: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self::new)
    }

    /// Its type, at most 512 bytes; `headwater.` at the beginning is the hub's own.
    pub fn event_type(mut self, name: impl Into<String>) -> Self {
        self.event_type = Some(name.into());
        self
    }

    /// Its key, at most 512 bytes: of events with the same topic and key, those who ask for less get only the newest.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Of events with the same topic and idempotency key a hub stores the first only, as long as it knows the key (10
    /// minutes by default). Without it every event has a key of its own, so that nothing is stored twice when a request
    /// has to be made again; one of the application's also holds when the application itself repeats the event.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// As the hub reads it.
    pub(super) fn written(mut self, topic: &str, keys: &Keys) -> String {
        #[derive(Serialize)]
        struct Written<'a> {
            topic: &'a str,
            #[serde(flatten)]
            event: &'a NewEvent,
        }
        self.idempotency_key.get_or_insert_with(|| keys.next());
        // Texts always have JSON.
        serde_json::to_string(&Written { topic, event: &self }).unwrap_or_default()
    }
}

impl From<&str> for NewEvent {
    fn from(data: &str) -> Self {
        Self::new(data)
    }
}

impl From<String> for NewEvent {
    fn from(data: String) -> Self {
        Self::new(data)
    }
}

/// An event that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// Its id: a reader that resumes with it gets what comes after it.
    pub id: String,
}

/// The events of a streaming publish that are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredStream {
    /// Their ids, in order; of more than 65,536 the newest.
    pub ids: Vec<String>,
    /// How many events were stored before those.
    pub omitted: u64,
}

/// How a topic ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Final {
    /// All is there.
    Done,
    /// Something failed.
    Error,
    /// Somebody did not want the rest.
    Cancelled,
}

impl Final {
    /// The word of the interface: `done`, `error`, `cancelled`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Makes idempotency keys that nobody else makes, and nobody else can guess.
#[derive(Debug)]
pub(super) struct Keys {
    /// 128 random bits: the hasher is keyed by the system.
    prefix: String,
    made: AtomicU64,
}

impl Keys {
    pub(super) fn new() -> Self {
        let random = RandomState::new();
        let prefix = format!("{:016x}{:016x}", random.hash_one(0), random.hash_one(1));
        Self { prefix, made: AtomicU64::new(0) }
    }

    pub(super) fn next(&self) -> String {
        format!("{}-{}", self.prefix, self.made.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_with_what_it_has_and_a_key_of_its_own() {
        let keys = Keys::new();
        let plain = NewEvent::new("a\n\"b\"").written("t/1", &keys);
        let key = format!("{}-0", keys.prefix);
        assert_eq!(plain, format!(r#"{{"topic":"t/1","data":"a\n\"b\"","idempotency_key":"{key}"}}"#));
        let full = NewEvent::json(&[1]).unwrap().event_type("x").key("k").idempotency_key("i").written("t", &keys);
        assert_eq!(full, r#"{"topic":"t","data":"[1]","event":"x","key":"k","idempotency_key":"i"}"#);
        assert_ne!(keys.next(), Keys::new().next());
    }
}
