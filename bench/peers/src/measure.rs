//! One measurement of one peer, which is started for it and stopped afterwards.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::peers::Peer;

/// What is done to every peer.
pub(crate) struct Shape {
    pub(crate) readers: u64,
    /// Events a second.
    pub(crate) rate: f64,
    pub(crate) seconds: u64,
}

/// Figures by key, or why there are none.
pub(crate) type Found = Result<Value, String>;

/// Bytes of data of each event.
pub(crate) const PAYLOAD: u32 = 130;

/// Starts the peer, measures, stops it.
pub(crate) fn measure(peer: &Peer, hub: &Path, shape: &Shape) -> Found {
    run(peer, hub, shape).map_err(|error| error.to_string())
}

fn run(peer: &Peer, hub: &Path, shape: &Shape) -> Result<Value, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let running = (peer.start)(hub, folder.path())?;
    let pid = running.programs.first().ok_or("nothing was started")?.id().to_string();
    let output = Command::new(hub)
        .args(["bench", "fanout", "--json", "--topics", "1", "--pid", &pid])
        .args(["--readers", &shape.readers.to_string(), "--rate", &shape.rate.to_string()])
        .args(["--size", &PAYLOAD.to_string(), "--seconds", &shape.seconds.to_string(), "--warm-up", "2"])
        .args(&running.flags)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()?;
    let outcome: Value = serde_json::from_slice(&output.stdout).map_err(|_| {
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        eprintln!("{log}");
        String::from_utf8_lossy(&output.stderr).trim().to_owned()
    })?;
    let measured = &outcome["targets"][0];
    let mut figures = measured["median"].clone();
    figures["faults"] = measured["faults"].clone();
    eprintln!("  {} µs, faults: {}", figures["server_cpu_us_per_delivery"], figures["faults"]);
    Ok(figures)
}
