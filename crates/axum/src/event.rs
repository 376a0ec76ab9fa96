//! What a producer yields.

use headwater_event_stream::{Encoder, EventId, EventType, Field, InvalidField, Message};
use serde::Serialize;

use crate::BoxError;

/// One event: its data and, if wanted, a type, an id and a topic.
///
/// ```
/// use headwater_axum::{Event, TypeRef};
///
/// const PAID: TypeRef<'static> = TypeRef::from_static("order.paid");
/// let event = Event::json(&[1, 2])?.event_type(PAID).id(1042);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    id: Option<EventId>,
    /// `None` means `message`.
    event_type: Option<EventType>,
    /// One line: it was checked as the value of a field.
    topic: Option<Box<str>>,
    data: String,
}

impl Event {
    /// An event with this data, of type `message`. The receiver gets every line end of the data as LF.
    pub fn new(data: impl Into<String>) -> Self {
        Self { id: None, event_type: None, topic: None, data: data.into() }
    }

    /// An event whose data is this value as JSON, on one line.
    ///
    /// # Errors
    /// When the value cannot be JSON, such as a map whose keys are no texts.
    pub fn json(value: &(impl Serialize + ?Sized)) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self::new)
    }

    /// Names the event: a client that reconnects sends the last name it got as `Last-Event-ID`. A number, an
    /// [`EventId`] or an [`IdText`](crate::IdText).
    #[must_use]
    pub fn id(mut self, id: impl Into<EventId>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Gives the event a type: a [`TypeRef`](crate::TypeRef) for one known when the program is written, an [`EventType`]
    /// for any other. Types that begin with `headwater.` are those of control events; a server that invents some confuses
    /// its clients.
    #[must_use]
    pub fn event_type(mut self, event_type: impl Into<EventType>) -> Self {
        self.event_type = Some(event_type.into());
        self
    }

    /// Says what the event is about, in a field that Headwater's clients read and `EventSource` ignores.
    ///
    /// # Errors
    /// [`InvalidField`] when the topic holds CR, LF or NUL.
    pub fn topic(mut self, topic: &str) -> Result<Self, InvalidField> {
        Field::new(TOPIC, topic)?;
        self.topic = Some(topic.into());
        Ok(self)
    }

    /// Writes the event as a block of the stream.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        // Checked when it was set.
        let topic = self.topic.as_deref().and_then(|topic| Field::new(TOPIC, topic).ok());
        let mut message = Message::new(&self.data).fields(topic.as_slice());
        if let Some(id) = &self.id {
            message = message.id(id);
        }
        if let Some(event_type) = &self.event_type {
            message = message.event_type(event_type);
        }
        Encoder::new(out).event(&message);
    }

    pub(crate) fn into_topic(self) -> Option<Box<str>> {
        self.topic
    }
}

/// What a stream may yield to become an event stream: an [`Event`], a text, or a `Result` of one of them, whose error
/// ends the stream.
pub trait IntoEvent {
    /// The event.
    ///
    /// # Errors
    /// What ends the stream.
    fn into_event(self) -> Result<Event, BoxError>;
}

impl IntoEvent for Event {
    fn into_event(self) -> Result<Event, BoxError> {
        Ok(self)
    }
}

impl IntoEvent for String {
    fn into_event(self) -> Result<Event, BoxError> {
        Ok(Event::new(self))
    }
}

impl IntoEvent for &str {
    fn into_event(self) -> Result<Event, BoxError> {
        Ok(Event::new(self))
    }
}

impl<T: IntoEvent, E: Into<BoxError>> IntoEvent for Result<T, E> {
    fn into_event(self) -> Result<Event, BoxError> {
        self.map_err(Into::into).and_then(IntoEvent::into_event)
    }
}

const TOPIC: &str = "topic";
