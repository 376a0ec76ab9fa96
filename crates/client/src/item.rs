//! What the application receives.

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
    /// The server ends the stream, and the client comes back.
    Closing(Closing),
    /// The credential ends soon.
    Expiring(Expiring),
    /// The topic is finished.
    End(End),
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// The type; `message` where the server named none.
    pub event_type: String,
    /// The data.
    pub data: String,
    /// The last event id in force; empty when there was none yet.
    pub id: String,
    /// The topic, from servers that send it.
    pub topic: Option<String>,
}

/// Events are missing: whatever depends on them has to be loaded again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Why: `retention`, `epoch`, `unknown`, `lagged`, `conflated`, or `oversized` when the client itself dropped an
    /// event that is larger than its limit.
    pub reason: String,
    /// The id after which events are missing; empty when there was none.
    pub requested: String,
    /// The id from which the stream goes on; empty when there is none.
    pub resumed_at: String,
    /// The last event id in force.
    pub id: String,
}

/// The server ends the stream cleanly, and the client comes back by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Closing {
    /// Why: `drain`, `max_age`, `lagged`, `expired`, `revoked`, `admin`.
    pub reason: String,
    /// The least time until the client comes back.
    pub reconnect: Duration,
    /// The last event id in force.
    pub id: String,
}

/// The credential ends soon. With a refresh hook the client renews the session by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expiring {
    /// When, in RFC 3339.
    pub expires_at: String,
    /// The name of the session at the hub.
    pub session: String,
    /// The last event id in force.
    pub id: String,
}

/// The topic is finished: this was its last event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// How: `done`, `error`, `cancelled`.
    pub reason: String,
    /// The topic.
    pub topic: String,
    /// The last event id in force.
    pub id: String,
}

impl Item {
    /// The last event id in force: the cursor of whoever has handled this item.
    pub fn id(&self) -> &str {
        match self {
            Self::Event(item) => &item.id,
            Self::Gap(item) => &item.id,
            Self::Closing(item) => &item.id,
            Self::Expiring(item) => &item.id,
            Self::End(item) => &item.id,
        }
    }

    /// The item of a decoded event. A control event whose data is not as documented is an ordinary one.
    pub(crate) fn read(event: &headwater_event_stream::Event<'_>) -> Self {
        control(event).unwrap_or_else(|| {
            Self::Event(Event {
                event_type: event.event_type.into(),
                data: event.data.into(),
                id: event.id.into(),
                topic: event.field(TOPIC).map(Into::into),
            })
        })
    }

    /// An event was dropped because of its size. The ids are those in force before and after it.
    pub(crate) fn oversized(before: String, after: &str) -> Self {
        Self::Gap(Gap { reason: "oversized".into(), requested: before, resumed_at: after.into(), id: after.into() })
    }
}

/// The field that names the topic of an event.
pub(crate) const TOPIC: &str = "topic";

fn control(event: &headwater_event_stream::Event<'_>) -> Option<Item> {
    let name = event.event_type.strip_prefix("headwater.")?;
    let id = event.id.to_owned();
    Some(match name {
        "gap" => {
            let GapData { reason, requested, resumed_at } = read(event.data)?;
            Item::Gap(Gap { reason, requested, resumed_at, id })
        }
        "closing" => {
            let ClosingData { reason, reconnect_ms } = read(event.data)?;
            Item::Closing(Closing { reason, reconnect: Duration::from_millis(reconnect_ms), id })
        }
        "expiring" => {
            let ExpiringData { expires_at, session } = read(event.data)?;
            Item::Expiring(Expiring { expires_at, session, id })
        }
        "end" => {
            let EndData { reason, topic } = read(event.data)?;
            Item::End(End { reason, topic, id })
        }
        _ => return None,
    })
}

fn read<'a, T: Deserialize<'a>>(data: &'a str) -> Option<T> {
    // An array would do for a struct as well, but is not what is documented.
    data.trim_start().starts_with('{').then(|| serde_json::from_str(data).ok()).flatten()
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
