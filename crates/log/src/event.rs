//! Events: as given to the log, and as the log keeps them.

use headwater_event_stream::EventType;

use crate::Topic;

/// Microseconds since the Unix epoch, from the log's clock when it took the event. Informative: it may go back when
/// the clock does; order is the sequence alone.
pub type Timestamp = u64;

/// How a topic ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Everything was sent.
    Done,
    /// The producer failed.
    Error,
    /// The producer was told to stop.
    Cancelled,
}

/// One event to append. Checked by its types and by whoever made it: the texts hold no control
/// characters that their type or the contract forbids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Where it belongs.
    pub topic: Topic,
    /// `None` means `message`.
    pub event_type: Option<EventType>,
    /// The conflation key chosen by the publisher.
    pub key: Option<Box<str>>,
    /// A second append of the same topic and idempotency key inside the window stores nothing.
    pub idempotency_key: Option<Box<str>>,
    /// The payload; empty for an end record.
    pub data: Box<str>,
    /// Set on the record that finishes its topic; such a record carries nothing else.
    pub end: Option<EndReason>,
}

/// One event as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its sequence number.
    pub seq: u64,
    /// When the log took it.
    pub time: Timestamp,
    /// Where it belongs.
    pub topic: Topic,
    /// `None` means `message`.
    pub event_type: Option<EventType>,
    /// The conflation key chosen by the publisher.
    pub key: Option<Box<str>>,
    /// The payload; empty for an end record.
    pub data: Box<str>,
    /// Set on the record that finished its topic.
    pub end: Option<EndReason>,
}

impl EndReason {
    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}
