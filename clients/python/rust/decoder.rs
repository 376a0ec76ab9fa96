//! Bytes in, a list of events out.

use headwater_event_stream as format;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView, PyString};

use crate::event::{Event, Oversized};

/// Decodes an event stream that arrives in pieces of any size, exactly as the HTML standard says.
///
/// No bytes raise an exception: what is not UTF-8 becomes U+FFFD, and what is no event is passed over. Events of more
/// than `max_event` bytes are dropped; `last_event_id` is in force before the first event that has an id.
#[pyclass(module = "headwater")]
pub(crate) struct Decoder {
    decoder: format::Decoder,
    /// The string objects that the latest event had: the next one often has the same.
    texts: Texts,
    /// Events that were dropped.
    oversized: usize,
    /// The id in force before the event that is being dropped.
    refused: Option<String>,
}

#[pymethods]
impl Decoder {
    #[new]
    #[pyo3(signature = (*, max_event = 1 << 20, last_event_id = ""))]
    fn new(max_event: usize, last_event_id: &str) -> Self {
        // A line may be the whole event and its field name, as `data: `.
        let decoder = format::Decoder::builder()
            .max_event(max_event)
            .max_line(max_event.saturating_add(LONGEST_NAME))
            .last_event_id(last_event_id)
            .capture("topic")
            .build();
        Self { decoder, texts: Texts::default(), oversized: 0, refused: None }
    }

    /// Takes the next bytes, `bytes` or another contiguous buffer, and returns the events that they complete.
    fn push<'py>(&mut self, py: Python<'py>, data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let Self { decoder, texts, oversized, refused } = self;
        let events = PyList::empty(py);
        // The stable interface of Python 3.10 lends the bytes of `bytes` only; of others a copy is taken.
        let copy;
        let bytes = match data.cast_exact::<PyBytes>() {
            Ok(bytes) => bytes.as_bytes(),
            Err(_) => {
                copy = view(data)?.call_method0("tobytes")?.cast_into::<PyBytes>()?;
                copy.as_bytes()
            }
        };
        let mut chunk = format::Chunk::new(bytes);
        loop {
            if let Some(before) = refused.as_deref() {
                if !decoder.skip_refused(&mut chunk) {
                    return Ok(events);
                }
                let text = |id: &str| PyString::new(py, id).unbind();
                events.append(Oversized { before: text(before), id: text(decoder.last_event_id()) })?;
                *refused = None;
            }
            match decoder.decode(&mut chunk) {
                Ok(Some(event)) => events.append(Bound::new(py, texts.event(py, &event))?)?,
                Ok(None) => return Ok(events),
                Err(_) => {
                    *oversized += 1;
                    *refused = Some(decoder.last_event_id().into());
                }
            }
        }
    }

    /// Makes ready for another stream, as after a reconnect: drops what is incomplete, keeps the id.
    fn reset(&mut self) {
        self.decoder.reset();
        self.refused = None;
    }

    /// The last event id in force: what to send as `Last-Event-ID`; empty when there is none.
    #[getter]
    fn last_event_id(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// The latest reconnection time in milliseconds, `None` when the server sent none.
    #[getter]
    fn retry(&self) -> Option<u64> {
        self.decoder.retry().map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    /// How many events were larger than `max_event` and were dropped, the one included that is being dropped.
    #[getter]
    const fn oversized(&self) -> usize {
        self.oversized
    }

    /// Whether the stream, if it ended here, would lose the beginning of an event.
    #[getter]
    fn has_pending(&self) -> bool {
        self.decoder.has_pending()
    }
}

/// A view of any buffer.
fn view<'py>(data: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyMemoryView>> {
    PyMemoryView::from(data).map_err(|error| match data.get_type().name() {
        Ok(name) => PyTypeError::new_err(format!("a piece of the stream is of the type {name}; give bytes")),
        Err(_) => error,
    })
}

/// Strings that are likely to come again.
#[derive(Default)]
struct Texts {
    r#type: Repeated,
    id: Repeated,
    topic: Repeated,
}

impl Texts {
    fn event(&mut self, py: Python<'_>, event: &format::Event<'_>) -> Event {
        let id = if event.has_own_id() { self.id.fresh(py, event.id) } else { self.id.get(py, event.id) };
        Event {
            data: PyString::new(py, event.data).unbind(),
            r#type: self.r#type.get(py, event.event_type),
            id,
            // The one field that is captured.
            topic: event.fields().next().map(|(_, topic)| self.topic.get(py, topic)),
            has_own_id: event.has_own_id(),
        }
    }
}

/// The latest value of a field.
#[derive(Default)]
struct Repeated {
    text: String,
    object: Option<Py<PyString>>,
}

impl Repeated {
    /// The object for `text`: the one of last time, if it is the same.
    fn get(&mut self, py: Python<'_>, text: &str) -> Py<PyString> {
        match &self.object {
            Some(object) if self.text == text => object.clone_ref(py),
            _ => self.fresh(py, text),
        }
    }

    /// A new object for `text`, kept for next time.
    fn fresh(&mut self, py: Python<'_>, text: &str) -> Py<PyString> {
        let object = PyString::new(py, text).unbind();
        self.text.clear();
        self.text.push_str(text);
        self.object = Some(object.clone_ref(py));
        object
    }
}

/// What may stand before the value of a line: its name, the colon and a space.
const LONGEST_NAME: usize = 16;
