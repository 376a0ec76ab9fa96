//! The decoder of `headwater-event-stream` as a Python class, and the event it makes. Nothing else: connections, waiting
//! and resuming are written in Python, on top of it.
//!
//! An event costs the objects that Python gets to see and no more: its data and its id. Types and topics that repeat, and
//! ids that stay in force, are the same string object every time.

mod decoder;
mod event;

use pyo3::prelude::*;

#[pymodule]
fn _decoder(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<decoder::Decoder>()?;
    module.add_class::<event::Event>()?;
    module.add_class::<event::Oversized>()
}
