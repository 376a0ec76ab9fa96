//! What a subscription gives: what the stream tells a client, as types.

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
    /// The hub ends the subscription. Whoever wants to go on subscribes again after
    /// [`cursor`](super::Subscription::cursor).
    Closing(Closing),
    /// What the reader has shown ends soon ([`Read::until`](super::Read::until)).
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

/// The field that names the topic of an event.
pub(super) const TOPIC: &str = "topic";

impl Item {
    /// The item of an event of the stream. Publishers cannot use the types of control events, so that each has the data
    /// that the hub has written.
    pub(super) fn read(event: &headwater_event_stream::Event<'_>) -> Self {
        match Control::read(event) {
            Some(Control::Gap(item)) => Self::Gap(item),
            Some(Control::Closing(item)) => Self::Closing(item),
            Some(Control::Expiring(item)) => Self::Expiring(item),
            Some(Control::End(item)) => Self::End(item),
            _ => Self::Event(Event {
                event_type: event.event_type.into(),
                data: event.data.into(),
                id: event.id.into(),
                topic: event.field(TOPIC).unwrap_or_default().into(),
            }),
        }
    }
}
