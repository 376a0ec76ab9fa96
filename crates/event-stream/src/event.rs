//! A decoded event, borrowed from the decoder and the bytes it was fed.

use core::fmt;

use crate::decoder::Capture;

/// One dispatched event. It borrows from the decoder and from the slice it was found in; copy what must outlive them.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Event<'a> {
    /// The type: the last `event` field of the block, `message` when there is none or it is empty.
    pub event_type: &'a str,
    /// The data lines of the block, joined with LF.
    pub data: &'a str,
    /// The last event id in force: of this block, else of an earlier one, empty when there was none.
    pub id: &'a str,
    pub(crate) own_id: bool,
    pub(crate) captures: &'a [Capture],
    /// What captures that were not copied point into.
    pub(crate) text: &'a str,
}

impl<'a> Event<'a> {
    /// Whether the block has an `id` field that counts, an empty one included. If not, `id` is that of an earlier block, and
    /// says nothing of whether this event was received before.
    pub const fn has_own_id(&self) -> bool {
        self.own_id
    }

    /// The value of a captured field of this block, the last one if there were several. `None` when the block has no
    /// such field, or the decoder was not told to capture it.
    pub fn field(&self, name: &str) -> Option<&'a str> {
        self.fields().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The captured fields this block has, in the order they were named to the decoder.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let Self { captures, text, .. } = *self;
        captures.iter().filter_map(move |capture| Some((capture.name(), capture.value.get(text)?)))
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut event = f.debug_struct("Event");
        event.field("event_type", &self.event_type).field("data", &self.data).field("id", &self.id);
        for (name, value) in self.fields() {
            event.field(name, &value);
        }
        event.finish()
    }
}

impl PartialEq for Event<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.event_type == other.event_type
            && self.data == other.data
            && self.id == other.id
            && self.fields().eq(other.fields())
    }
}

impl Eq for Event<'_> {}
