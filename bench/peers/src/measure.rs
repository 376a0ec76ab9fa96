//! One measurement of one peer, which is started for it and stopped afterwards.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::peers::Peer;

/// What is done to every peer.
pub(crate) struct Shape {
    pub(crate) readers: u64,
    pub(crate) pace: Pace,
    pub(crate) seconds: u64,
}

/// How events come.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// So many a second.
    Rate(f64),
    /// So many publishers, each with its next event when the one before is answered.
    Closed(u64),
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { readers, pace, seconds } = self;
        write!(f, "{readers} readers, 1 topic, ")?;
        match pace {
            Pace::Rate(rate) => write!(f, "{rate} events/s")?,
            Pace::Closed(1) => f.write_str("1 publisher in a closed loop")?,
            Pace::Closed(publishers) => write!(f, "{publishers} publishers in closed loops")?,
        }
        write!(f, ", {PAYLOAD} bytes, {seconds} s")
    }
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
        .args(["--readers", &shape.readers.to_string()])
        .args(match shape.pace {
            Pace::Rate(rate) => vec!["--rate".to_owned(), rate.to_string()],
            Pace::Closed(publishers) => {
                vec!["--closed".to_owned(), "--publishers".to_owned(), publishers.to_string()]
            }
        })
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
