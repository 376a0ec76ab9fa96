//! A load that goes on whatever happens to the hub, and the question afterwards whether everything was right.
//!
//! [`Publisher`]s send events unlike all others and note what was acknowledged, [`Reader`]s resume from their last id
//! and note what they saw, and [`History`] holds both against what the log holds in the end.

mod history;
mod publisher;
mod reader;

pub use history::{Batch, History, MARKER};
pub use publisher::Publisher;
pub use reader::Reader;
