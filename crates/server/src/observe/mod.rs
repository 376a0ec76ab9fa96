//! What the hub tells about itself.

mod access_log;
mod counters;
mod latency;
mod log_figures;
mod metrics;
mod own_topic;
mod refusals;
mod sampling;
mod stats;

pub(crate) use access_log::{AccessLog, Record, What};
pub(crate) use counters::{Counter, Counters};
pub(crate) use log_figures::publish_log;
pub(crate) use metrics::render;
pub(crate) use sampling::publish_sessions;
pub(crate) use stats::publish_stats;
