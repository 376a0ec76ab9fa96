//! One event to encode: what may stand in a block, in types that cannot hold anything else.

use super::{FIELD, lines};
use crate::{Field, IdRef, TypeRef};

/// An event to encode: its data, and what else its block carries.
///
/// ```
/// use headwater_event_stream::{Encoder, Field, IdText, Message, TypeRef};
///
/// let id = IdText::new("1042-6f3a")?;
/// let topic = [Field::new("topic", "orders/42")?];
/// let message = Message::new("{\"total\": 12}").id(&id).event_type(TypeRef::from_static("order.paid")).fields(&topic);
///
/// let mut out = Vec::new();
/// Encoder::new(&mut out).event(&message);
/// assert_eq!(out, b"id: 1042-6f3a\nevent: order.paid\ntopic: orders/42\ndata: {\"total\": 12}\n\n");
/// assert_eq!(out.len(), message.encoded_len());
/// # Ok::<(), headwater_event_stream::InvalidField>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    pub(super) id: Option<IdRef<'a>>,
    /// `None` for `message`, whose field is left out.
    pub(super) event_type: Option<TypeRef<'a>>,
    pub(super) fields: &'a [Field<'a>],
    pub(super) data: &'a str,
}

impl<'a> Message<'a> {
    /// An event of type `message` without an id. Every text can be data; see [`Encoder::event`](crate::Encoder::event)
    /// for what becomes of its line breaks.
    pub const fn new(data: &'a str) -> Self {
        Self { id: None, event_type: None, fields: &[], data }
    }

    /// The id: the cursor of the receiver from this event on.
    #[must_use]
    pub fn id(mut self, id: impl Into<IdRef<'a>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The type. `message` is the default and takes no bytes.
    #[must_use]
    pub fn event_type(mut self, event_type: impl Into<TypeRef<'a>>) -> Self {
        self.event_type = Some(event_type.into()).filter(|text| text.as_str() != crate::DEFAULT_TYPE);
        self
    }

    /// More fields, in this order, between the type and the data.
    #[must_use]
    pub const fn fields(mut self, fields: &'a [Field<'a>]) -> Self {
        self.fields = fields;
        self
    }

    /// Exactly how many bytes the encoder will write. Reads the data once, looking for line ends.
    pub fn encoded_len(&self) -> usize {
        let data: usize = lines(self.data).map(|line| line_len("data", line)).sum();
        self.head_len() + data + 1
    }

    /// The bytes before the first data line.
    pub(super) fn head_len(&self) -> usize {
        let id = self.id.map_or(0, |id| line_len("id", id.as_str()));
        let event_type = self.event_type.map_or(0, |text| line_len("event", text.as_str()));
        let fields: usize = self.fields.iter().map(|field| line_len(field.name(), field.value())).sum();
        id + event_type + fields
    }
}

fn line_len(name: &str, value: &str) -> usize {
    name.len() + FIELD.len() + value.len() + 1
}
