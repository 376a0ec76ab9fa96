//! What a subscription gives: what the stream tells a client, as types.

use std::time::Duration;

use serde::Deserialize;

/// An event, or one of the control events as a type of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Item {
    /// An event.
    Event(Event),
    /// Events are missing.
    Gap(Gap),
    /// The hub ends the subscription.
    Closing(Closing),
    /// What the reader has shown ends soon.
    Expiring(Expiring),
    /// A topic is finished.
    End(End),
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The type; `message` where its publisher named none.
    pub event_type: String,
    /// The data. Its line ends are all LF, as the format has it.
    pub data: String,
    /// Its id.
    pub id: String,
    /// Its topic.
    pub topic: String,
}

/// Events are missing: whatever depends on them has to be loaded again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Why: `retention`, `epoch`, `unknown`, `lagged` or `conflated`.
    pub reason: String,
    /// The id after which they are missing.
    pub requested: String,
    /// The id up to which they are missing.
    pub resumed_at: String,
}

/// The hub ends the subscription. Whoever wants to go on subscribes again after [`cursor`](super::Subscription::cursor).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closing {
    /// Why: `drain`, `lagged`, `expired`, `revoked` or `admin`.
    pub reason: String,
    /// When a client would come back.
    pub reconnect: Duration,
}

/// What the reader has shown ends soon ([`Read::until`](super::Read::until)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expiring {
    /// When, in RFC 3339.
    pub expires_at: String,
    /// The name of the session.
    pub session: String,
}

/// A topic is finished: this was its last event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// How: `done`, `error`, `cancelled`.
    pub reason: String,
    /// The topic.
    pub topic: String,
    /// The id of its end.
    pub id: String,
}

/// The field that names the topic of an event.
pub(super) const TOPIC: &str = "topic";

impl Item {
    /// The item of an event of the stream. Publishers cannot use the types of control events, so that each has the data
    /// that the hub has written.
    pub(super) fn read(event: &headwater_event_stream::Event<'_>) -> Self {
        control(event).unwrap_or_else(|| {
            Self::Event(Event {
                event_type: event.event_type.into(),
                data: event.data.into(),
                id: event.id.into(),
                topic: event.field(TOPIC).unwrap_or_default().into(),
            })
        })
    }
}

fn control(event: &headwater_event_stream::Event<'_>) -> Option<Item> {
    Some(match event.event_type.strip_prefix("headwater.")? {
        "gap" => {
            let GapData { reason, requested, resumed_at } = serde_json::from_str(event.data).ok()?;
            Item::Gap(Gap { reason, requested, resumed_at })
        }
        "closing" => {
            let ClosingData { reason, reconnect_ms } = serde_json::from_str(event.data).ok()?;
            Item::Closing(Closing { reason, reconnect: Duration::from_millis(reconnect_ms) })
        }
        "expiring" => {
            let ExpiringData { expires_at, session } = serde_json::from_str(event.data).ok()?;
            Item::Expiring(Expiring { expires_at, session })
        }
        "end" => {
            let EndData { reason, topic } = serde_json::from_str(event.data).ok()?;
            Item::End(End { reason, topic, id: event.id.into() })
        }
        _ => return None,
    })
}

#[derive(Deserialize)]
struct GapData {
    reason: String,
    requested: String,
    resumed_at: String,
}

#[derive(Deserialize)]
struct ClosingData {
    reason: String,
    reconnect_ms: u64,
}

#[derive(Deserialize)]
struct ExpiringData {
    expires_at: String,
    session: String,
}

#[derive(Deserialize)]
struct EndData {
    reason: String,
    topic: String,
}
