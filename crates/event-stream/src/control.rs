//! What a hub says in its stream beside the events: control events, whose type begins with `headwater.` and whose data is
//! one JSON object.

use alloc::string::String;
use core::time::Duration;

use serde::Deserialize;

use crate::Event;

/// A control event. One whose data is not as documented is an ordinary event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Control {
    /// Events are missing.
    Gap(Gap),
    /// The server ends the stream, and the client comes back.
    Closing(Closing),
    /// The credential ends soon.
    Expiring(Expiring),
    /// The topic is finished.
    End(End),
}

/// Events are missing: whatever depends on them has to be loaded again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Why: `retention`, `epoch`, `unknown`, `lagged`, `conflated`, or `oversized` when a client itself dropped an event
    /// that is larger than its limit.
    pub reason: String,
    /// The id after which events are missing; empty when there was none.
    pub requested: String,
    /// The id from which the stream goes on; empty when there is none.
    pub resumed_at: String,
    /// The last event id in force.
    pub id: String,
}

/// The server ends the stream cleanly. A client comes back by itself.
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

/// The credential ends soon. A client with a refresh hook renews the session by itself.
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

impl Control {
    /// Reads an event of a stream; `None` for an ordinary one.
    pub fn read(event: &Event<'_>) -> Option<Self> {
        let name = event.event_type.strip_prefix("headwater.")?;
        let id = event.id.into();
        Some(match name {
            "gap" => {
                let GapData { reason, requested, resumed_at } = object(event.data)?;
                Self::Gap(Gap { reason, requested, resumed_at, id })
            }
            "closing" => {
                let ClosingData { reason, reconnect_ms } = object(event.data)?;
                Self::Closing(Closing { reason, reconnect: Duration::from_millis(reconnect_ms), id })
            }
            "expiring" => {
                let ExpiringData { expires_at, session } = object(event.data)?;
                Self::Expiring(Expiring { expires_at, session, id })
            }
            "end" => {
                let EndData { reason, topic } = object(event.data)?;
                Self::End(End { reason, topic, id })
            }
            _ => return None,
        })
    }
}

impl Gap {
    /// The gap that an event leaves which a reader has dropped because of its size: between the ids in force before and
    /// after it.
    pub fn oversized(before: &str, after: &str) -> Self {
        Self { reason: "oversized".into(), requested: before.into(), resumed_at: after.into(), id: after.into() }
    }
}

fn object<'a, T: Deserialize<'a>>(data: &'a str) -> Option<T> {
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

#[cfg(test)]
mod tests {
    use super::{Control, Gap};
    use crate::{Chunk, Decoder};

    fn read(kind: &str, data: &str) -> Option<Control> {
        let stream = alloc::format!("id: 9\nevent: {kind}\ndata: {data}\n\n");
        let mut decoder = Decoder::new();
        let mut chunk = Chunk::from(stream.as_str());
        Control::read(&decoder.decode(&mut chunk).unwrap().unwrap())
    }

    #[test]
    fn what_is_as_documented_is_read_and_the_rest_is_ordinary() {
        let gap = r#"{"reason":"lagged","requested":"7","resumed_at":"9","more":1}"#;
        let [reason, requested, at] = ["lagged", "7", "9"].map(Into::into);
        let expected = Control::Gap(Gap { reason, requested, resumed_at: at, id: "9".into() });
        assert_eq!(read("headwater.gap", gap), Some(expected));
        assert!(matches!(
            read("headwater.closing", r#"{"reason":"drain","reconnect_ms":5}"#),
            Some(Control::Closing(_))
        ));
        assert!(matches!(read("headwater.end", r#" {"reason":"done","topic":"t"}"#), Some(Control::End(_))));
        for (kind, data) in [
            ("gap", gap),
            ("headwater.gap", "[\"lagged\",\"7\",\"9\"]"),
            ("headwater.gap", "{}"),
            ("headwater.closing", r#"{"reason":"drain","reconnect_ms":-5}"#),
            ("headwater.other", "{}"),
        ] {
            assert_eq!(read(kind, data), None, "{kind}: {data}");
        }
    }
}
