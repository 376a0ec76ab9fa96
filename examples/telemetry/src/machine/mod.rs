//! What the machine does right now, read from `/proc`: CPU, memory, network.
//!
//! The submodules turn text into figures and know no files, so their tests run on text from real
//! machines. Rates need two readings: a [`Machine`] remembers the one before.

mod cpu;
mod memory;
mod network;

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The figures that are published, one topic each. Also their event types.
pub(crate) const KINDS: [&str; 3] = ["cpu", "memory", "network"];

/// Reads `/proc` again and again and turns the counters there into rates.
pub(crate) struct Machine {
    /// The reading before: what rates are compared with.
    last: Reading,
}

/// Failed to read or understand a file below `/proc`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcError {
    /// The file cannot be read.
    #[error("read {path}: {source}; this example needs Linux")]
    Read {
        /// The file.
        path: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The file does not look as on any Linux known here.
    #[error("find the figures in {0}")]
    Shape(&'static str),
}

struct Reading {
    at: Instant,
    cpu: cpu::Times,
    network: network::Counters,
}

impl Machine {
    /// Takes the first reading.
    pub(crate) fn new() -> Result<Self, ProcError> {
        Ok(Self { last: Reading::take()? })
    }

    /// The figures since the call before, in the order of [`KINDS`].
    pub(crate) fn sample(&mut self) -> Result<[Value; 3], ProcError> {
        let memory = memory::parse(&read(MEMINFO)?).ok_or(ProcError::Shape(MEMINFO))?;
        let next = Reading::take()?;
        let elapsed = next.at.duration_since(self.last.at);
        let figures = [
            json!({ "busy": next.cpu.busy_since(&self.last.cpu), "cores": next.cpu.cores_busy_since(&self.last.cpu) }),
            json!({ "total": memory.total, "used": memory.used() }),
            json!({
                "received": per_second(self.last.network.received, next.network.received, elapsed),
                "sent": per_second(self.last.network.sent, next.network.sent, elapsed),
            }),
        ];
        self.last = next;
        Ok(figures)
    }
}

impl Reading {
    fn take() -> Result<Self, ProcError> {
        Ok(Self {
            at: Instant::now(),
            cpu: cpu::parse(&read(STAT)?).ok_or(ProcError::Shape(STAT))?,
            network: network::parse(&read(NET_DEV)?).ok_or(ProcError::Shape(NET_DEV))?,
        })
    }
}

/// The machine's name as one segment of a topic.
pub(crate) fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    segment(name.trim())
}

/// Keeps what needs no escaping in an address; a topic has no empty and no dotted segment.
fn segment(name: &str) -> String {
    let kept: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).collect();
    if kept.trim_matches('.').is_empty() { "machine".to_owned() } else { kept }
}

/// Counters that went back belong to a device that came new: nothing can be said about that moment.
fn per_second(before: u64, after: u64, elapsed: Duration) -> f64 {
    let seconds = elapsed.as_secs_f64();
    if seconds > 0.0 { after.saturating_sub(before) as f64 / seconds } else { 0.0 }
}

fn read(path: &'static str) -> Result<String, ProcError> {
    fs::read_to_string(path).map_err(|source| ProcError::Read { path, source })
}

const STAT: &str = "/proc/stat";
const MEMINFO: &str = "/proc/meminfo";
const NET_DEV: &str = "/proc/net/dev";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_and_never_negative() {
        assert_eq!(per_second(1_000, 3_000, Duration::from_millis(500)), 4_000.0);
        assert_eq!(per_second(3_000, 1_000, Duration::from_secs(1)), 0.0);
        assert_eq!(per_second(1, 2, Duration::ZERO), 0.0);
    }

    #[test]
    fn a_host_name_becomes_one_segment_of_a_topic() {
        assert_eq!(segment("web-1.example"), "web-1.example");
        assert_eq!(segment("a/b c"), "a-b-c");
        assert_eq!(segment(".."), "machine");
        assert_eq!(segment(""), "machine");
    }

    #[test]
    fn this_machine_can_be_sampled() {
        let mut machine = Machine::new().unwrap();
        let [cpu, memory, network] = machine.sample().unwrap();
        assert!((0.0..=1.0).contains(&cpu["busy"].as_f64().unwrap()));
        assert!(memory["used"].as_u64().unwrap() <= memory["total"].as_u64().unwrap());
        assert!(network["received"].as_f64().unwrap() >= 0.0);
    }
}
