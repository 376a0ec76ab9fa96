//! What the application publishes.

use headwater_hub::Wire;
use headwater_log::{EndReason, Receipt, Topic};
use serde::Serialize;

use super::Refusal;
use crate::api::problem::Problem;
use crate::flow::publish::{check, publishable};
use crate::hub;

/// An event to publish: data and, if wanted, a type and keys.
///
/// ```
/// use headwater_server::embedded::NewEvent;
///
/// let event = NewEvent::json(&[1, 2])?.event_type("order.paid").idempotency_key("order-42-paid");
/// # let _ = event;
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    data: String,
    event_type: String,
    key: String,
    idempotency_key: String,
}

/// What became of a published event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// The id it has in the log: readers after it are those who have had it.
    pub id: String,
    /// Its idempotency key was known: this is the event that was stored first, and nothing was added.
    pub duplicate: bool,
}

impl NewEvent {
    /// An event with this data, of type `message`.
    pub fn new(data: impl Into<String>) -> Self {
        Self { data: data.into(), event_type: String::new(), key: String::new(), idempotency_key: String::new() }
    }

    /// An event whose data is this value as JSON, on one line.
    ///
    /// # Errors
    /// When the value cannot be JSON, such as a map whose keys are no texts.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self::new)
    }

    /// The type, at most 512 bytes without control characters. Those that begin with `headwater.` are the hub's own.
    #[must_use]
    pub fn event_type(mut self, event_type: impl Into<String>) -> Self {
        self.event_type = event_type.into();
        self
    }

    /// What the event is about within its topic: where readers conflate, only the newest of a key is kept for them.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Stored once however often it is published with this key, within the window of the settings.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.idempotency_key = key.into();
        self
    }

    /// The event as the log takes it.
    pub(super) fn check(self, topic: &str, hub: &hub::Hub) -> Result<headwater_log::NewEvent, Problem> {
        let event = headwater_log::NewEvent {
            topic: topic_of(topic)?,
            event_type: check::event_type(&self.event_type)?,
            key: check::label("key", &self.key)?,
            idempotency_key: check::label("idempotency_key", &self.idempotency_key)?,
            data: self.data.into(),
            end: None,
        };
        check::size(hub, &event)?;
        Ok(event)
    }
}

impl Stored {
    pub(super) fn of(wire: Wire, receipt: Receipt) -> Self {
        Self { id: wire.position(receipt.seq).to_string(), duplicate: receipt.duplicate }
    }
}

impl From<String> for NewEvent {
    fn from(data: String) -> Self {
        Self::new(data)
    }
}

impl From<&str> for NewEvent {
    fn from(data: &str) -> Self {
        Self::new(data)
    }
}

/// The record that finishes a topic.
pub(super) fn end(topic: &str, how: EndReason) -> Result<headwater_log::NewEvent, Refusal> {
    Ok(check::end_record(&topic_of(topic)?, how, None))
}

fn topic_of(name: &str) -> Result<Topic, Problem> {
    publishable(Topic::new(name).map_err(|error| Problem::topic("topic", name, error))?)
}
