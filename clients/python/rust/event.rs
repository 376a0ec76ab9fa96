//! An event as Python sees it: four texts that do not change.

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

/// One event of a stream, received or to be sent: `Event(data, type="message", id="", topic=None)`.
///
/// It does not change, and can be compared, hashed, pickled and matched. `data` is any text, `type` what
/// `addEventListener` listens for, `id` the last event id in force, and `topic` the topic of a stream with several.
// The memory of events is used again, as many as one large piece of a stream brings.
#[pyclass(frozen, module = "headwater", freelist = 1024)]
pub(crate) struct Event {
    /// The data lines, joined with LF.
    #[pyo3(get)]
    pub(crate) data: Py<PyString>,
    /// `message` when the block has none.
    #[pyo3(get)]
    pub(crate) r#type: Py<PyString>,
    /// The last event id in force, empty when there is none.
    #[pyo3(get)]
    pub(crate) id: Py<PyString>,
    #[pyo3(get)]
    pub(crate) topic: Option<Py<PyString>>,
    /// The id is of this block, and not of an earlier one.
    #[pyo3(get)]
    pub(crate) has_own_id: bool,
}

#[pymethods]
impl Event {
    #[new]
    #[pyo3(signature = (data, r#type = None, id = None, topic = None))]
    fn new(
        py: Python<'_>,
        data: Py<PyString>,
        r#type: Option<Py<PyString>>,
        id: Option<Py<PyString>>,
        topic: Option<Py<PyString>>,
    ) -> Self {
        let has_own_id = id.is_some();
        let text = |value: &str| PyString::intern(py, value).unbind();
        Self {
            data,
            r#type: r#type.unwrap_or_else(|| text(headwater_event_stream::DEFAULT_TYPE)),
            id: id.unwrap_or_else(|| text("")),
            topic,
            has_own_id,
        }
    }

    #[classattr]
    fn __match_args__() -> (&'static str, &'static str, &'static str, &'static str) {
        ("data", "type", "id", "topic")
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        match other.cast::<Self>() {
            Ok(other) => {
                let equal = self.members(py)?.eq(other.get().members(py)?)?;
                Ok(equal.into_pyobject(py)?.to_owned().into_any().unbind())
            }
            Err(_) => Ok(py.NotImplemented()),
        }
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.members(py)?.hash()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let text = |value: &Py<PyString>| value.bind(py).repr().map(|text| text.to_string());
        let mut all = format!("Event({}, type={}, id={}", text(&self.data)?, text(&self.r#type)?, text(&self.id)?);
        if let Some(topic) = &self.topic {
            all.push_str(", topic=");
            all.push_str(&text(topic)?);
        }
        all.push(')');
        Ok(all)
    }

    /// Lets events be pickled and copied; whose the id is gets lost, as it matters on the connection only.
    fn __getnewargs__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.members(py)
    }
}

/// Stands in the place of an event that was larger than `max_event` and was dropped. Its id counts all the same.
///
/// `before` is the last event id in force before it, and `id` the one after it.
#[pyclass(frozen, module = "headwater")]
pub(crate) struct Oversized {
    #[pyo3(get)]
    pub(crate) before: Py<PyString>,
    #[pyo3(get)]
    pub(crate) id: Py<PyString>,
}

impl Event {
    /// What makes two events equal.
    fn members<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (&self.data, &self.r#type, &self.id, &self.topic).into_pyobject(py)
    }
}
