//! What the hub tells about itself.

mod counters;
mod metrics;
mod refusals;
mod stats;

pub(crate) use counters::{Counter, Counters};
pub(crate) use metrics::render;
pub(crate) use stats::publish_stats;
