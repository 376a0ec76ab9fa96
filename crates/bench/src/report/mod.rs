//! What a benchmark found: figures by key, per run and target, their medians and ratios.

mod figure;
mod json;
mod table;

use std::time::Duration;

pub(crate) use figure::{Figure, median};

use crate::crew::Seen;
use crate::latency::Latencies;
use crate::publisher::Published;
use crate::server::Memory;
use crate::{Faults, Options};

/// All that was found.
#[derive(Debug)]
pub struct Outcome {
    options: Options,
    /// One or two, the first being the one that was asked for.
    targets: Vec<TargetReport>,
}

/// What was found of one target.
#[derive(Debug)]
pub(crate) struct TargetReport {
    name: String,
    pub(crate) runs: Vec<RunReport>,
}

/// What one run found.
#[derive(Debug)]
pub(crate) struct RunReport {
    number: u32,
    figures: Vec<Figure>,
    pub(crate) faults: Faults,
}

impl Outcome {
    pub(crate) fn new(options: &Options, targets: Vec<TargetReport>) -> Self {
        Self { options: options.clone(), targets }
    }

    /// Whether every reader of every run got every event once, whole and in order.
    pub fn is_faultless(&self) -> bool {
        self.targets.iter().all(|target| target.faults().none())
    }

    /// As a plain table.
    pub fn table(&self) -> String {
        table::table(self)
    }

    /// As JSON.
    pub fn json(&self) -> serde_json::Value {
        json::json(self)
    }
}

impl TargetReport {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), runs: Vec::new() }
    }

    /// Faults of all runs.
    fn faults(&self) -> Faults {
        let mut all = Faults::default();
        self.runs.iter().for_each(|run| all.add(&run.faults));
        all
    }

    /// The median of each figure, in the order of the first run.
    fn medians(&self) -> Vec<Figure> {
        let keys = self.runs.first().into_iter().flat_map(|run| &run.figures).map(|figure| figure.key);
        keys.filter_map(|key| self.median(key).map(|value| Figure { key, value })).collect()
    }

    fn median(&self, key: &str) -> Option<f64> {
        median(self.runs.iter().filter_map(|run| run.value(key)).collect())
    }
}

impl RunReport {
    pub(crate) const fn new(number: u32, seen: &Seen) -> Self {
        Self { number, figures: Vec::new(), faults: seen.faults }
    }

    /// Adds a figure, which is named in [`figure::MEANINGS`].
    pub(crate) fn figure(&mut self, key: &'static str, value: f64) {
        if value.is_finite() {
            self.figures.push(Figure { key, value });
        }
    }

    pub(crate) fn deliveries(&mut self, seen: &Seen) {
        self.figure("deliveries", seen.deliveries as f64);
        self.figure("deliveries_per_second", seen.deliveries as f64 / seen.span.as_secs_f64());
        self.figure("foreign_events", seen.foreign as f64);
    }

    pub(crate) fn latency(&mut self, seen: &Seen) {
        let keys = ["latency_p50_us", "latency_p90_us", "latency_p99_us", "latency_p999_us", "latency_max_us"];
        self.quantiles(keys, &seen.latency);
        if !seen.last_reader.is_empty() {
            self.figure("last_reader_p50_us", seen.last_reader.quantile_us(0.5));
            self.figure("last_reader_max_us", seen.last_reader.max_us());
        }
    }

    pub(crate) fn connecting(&mut self, seen: &Seen) {
        let keys = ["connect_p50_us", "connect_p90_us", "connect_p99_us", "connect_p999_us", "connect_max_us"];
        self.quantiles(keys, &seen.connecting);
    }

    pub(crate) fn published(&mut self, published: &Published, measured: Duration) {
        self.figure("events_published", published.events as f64);
        self.figure("events_per_second", published.events as f64 / measured.as_secs_f64());
        let keys = ["publish_p50_us", "publish_p90_us", "publish_p99_us", "publish_p999_us", "publish_max_us"];
        self.quantiles(keys, &published.latency);
        self.figure("publishes_refused", published.refused as f64);
        self.figure("publish_queue_max", published.backlog as f64);
    }

    /// Processor time of `who`, per delivery and as a share of one processor.
    pub(crate) fn cpu(&mut self, who: &str, cpu: Option<Duration>, deliveries: u64, took: Duration) {
        let Some(cpu) = cpu else { return };
        let (each, percent) = match who {
            "server" => ("server_cpu_us_per_delivery", "server_cpu_percent"),
            _ => ("generator_cpu_us_per_delivery", "generator_cpu_percent"),
        };
        self.figure(each, per(cpu, deliveries));
        self.figure(percent, cpu.as_secs_f64() / took.as_secs_f64() * 100.0);
    }

    /// Memory that `sessions` more have cost.
    pub(crate) fn memory_per_session(&mut self, before: Option<Memory>, after: Option<Memory>, sessions: u64) {
        let Some((before, after)) = before.zip(after) else { return };
        let each = |before: u64, after: u64| (after as f64 - before as f64) / sessions.max(1) as f64;
        self.figure("resident_bytes_per_session", each(before.resident, after.resident));
        self.figure("proportional_bytes_per_session", each(before.proportional, after.proportional));
        self.figure("anonymous_bytes_per_session", each(before.anonymous, after.anonymous));
        self.figure("resident_bytes", after.resident as f64);
    }

    /// Memory that is left when those are gone who used it.
    pub(crate) fn memory_left(&mut self, before: Option<Memory>, after: Option<Memory>) {
        let Some((before, after)) = before.zip(after) else { return };
        self.figure("anonymous_bytes_before", before.anonymous as f64);
        self.figure("anonymous_bytes_left", after.anonymous as f64);
        self.figure("anonymous_left_ratio", after.anonymous as f64 / before.anonymous as f64);
    }

    /// Memory that was needed in between.
    pub(crate) fn memory_growth(&mut self, before: Option<Memory>, after: Option<Memory>) {
        let Some((before, after)) = before.zip(after) else { return };
        self.figure("resident_bytes_before", before.resident as f64);
        self.figure("resident_bytes", after.resident as f64);
    }

    fn quantiles(&mut self, keys: [&'static str; 5], latencies: &Latencies) {
        if latencies.is_empty() {
            return;
        }
        for (key, quantile) in keys.into_iter().zip([0.5, 0.9, 0.99, 0.999]) {
            self.figure(key, latencies.quantile_us(quantile));
        }
        self.figure(keys[4], latencies.max_us());
    }

    fn value(&self, key: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.key == key).map(|figure| figure.value)
    }
}

/// Microseconds of each.
pub(crate) fn per(cpu: Duration, count: u64) -> f64 {
    cpu.as_secs_f64() * 1e6 / count as f64
}
