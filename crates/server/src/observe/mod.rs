//! What the hub tells about itself.

mod access_log;
mod counters;
mod metrics;
mod refusals;
mod stats;

pub(crate) use access_log::{AccessLog, Record, What};
pub(crate) use counters::{Counter, Counters};
pub(crate) use metrics::render;
pub(crate) use stats::publish_stats;
