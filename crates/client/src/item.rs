//! What the application receives.

use headwater_event_stream::control::Control;
pub use headwater_event_stream::control::{Closing, End, Expiring, Gap};

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

    /// The item of a decoded event.
    pub(crate) fn read(event: &headwater_event_stream::Event<'_>) -> Self {
        match Control::read(event) {
            Some(Control::Gap(item)) => Self::Gap(item),
            Some(Control::Closing(item)) => Self::Closing(item),
            Some(Control::Expiring(item)) => Self::Expiring(item),
            Some(Control::End(item)) => Self::End(item),
            // Also what another version of the format may know.
            _ => Self::Event(Event {
                event_type: event.event_type.into(),
                data: event.data.into(),
                id: event.id.into(),
                topic: event.field(TOPIC).map(Into::into),
            }),
        }
    }
}

/// The field that names the topic of an event.
pub(crate) const TOPIC: &str = "topic";
