//! Topics on which the hub tells about itself, as long as somebody reads them.

use headwater_log::{InvalidTopic, NewEvent, Topic};
use serde_json::Value;

use crate::hub::Hub;

/// One of the hub's own topics.
pub(super) struct OwnTopic(Topic);

impl OwnTopic {
    /// The topic of this name.
    pub(super) fn new(name: &str) -> Result<Self, InvalidTopic> {
        Topic::new(name).map(Self)
    }

    /// Whether anybody reads it.
    pub(super) async fn is_read(&self, hub: &Hub) -> bool {
        hub.sessions() > 0 && hub.readers(std::slice::from_ref(&self.0)).await != [0]
    }

    /// Publishes an event. Nobody waits for it: a full or failed disk is told by `/readyz` and `/metrics`, and the next
    /// event comes soon.
    pub(super) fn publish(&self, hub: &Hub, data: &Value) {
        let event = NewEvent {
            topic: self.0.clone(),
            event_type: None,
            key: None,
            idempotency_key: None,
            data: data.to_string().into(),
            end: None,
        };
        hub.engine.append(vec![event], Box::new(|_| ()));
    }
}
