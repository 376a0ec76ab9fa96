//! An example on real input: this machine's CPU, memory and network figures, once a second, through
//! a Headwater hub to a live page.
//!
//! [`machine`] reads `/proc`, [`publisher`] posts what it found to the hub, [`page`] serves a page
//! that watches `telemetry/**` on the hub with the browser's own `EventSource`. [`hub`] starts a hub
//! when none runs. The page and the publisher never speak to each other; everything goes through the
//! hub, so the page loses nothing when any of the parts is killed and started again.

#![expect(clippy::print_stdout, reason = "it is a command line program")]

mod hub;
mod machine;
mod page;
mod publisher;

use std::net::SocketAddr;
use std::process::{self, ExitCode};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use hub::OwnHub;
use machine::{KINDS, Machine};
use publisher::{Publisher, Sample};

/// Shows this machine's CPU, memory and network figures on a live page, through a Headwater hub.
#[derive(Parser)]
struct Arguments {
    /// Where the hub is. When nobody listens there, a hub is started
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    hub: SocketAddr,
    /// Where to serve the page; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7071")]
    listen: SocketAddr,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("failed to {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let stopped = until_signal().map_err(|error| format!("listen for signals: {error}"))?;
    let mut machine = Machine::new()?;
    let base = format!("http://{}", arguments.hub);
    // Dropped last, so that the hub outlives what uses it.
    let _own_hub = if hub::answers(arguments.hub) {
        println!("Hub    {base} (was running)");
        None
    } else {
        let own = OwnHub::start(arguments.hub, &stopped).map_err(|error| format!("start a hub: {error}"))?;
        println!("Hub    {base} (started here, stops with this program)");
        Some(own)
    };
    let page = page::serve(arguments.listen, &base)
        .map_err(|error| format!("serve the page on {}: {error}; try another --listen", arguments.listen))?;
    let host = machine::host();
    println!("Topics telemetry/{host}/{{{}}}", KINDS.join(","));
    println!("Page   http://{page}/");

    let publisher = Publisher::start(base);
    let run = format!("{:x}-{:x}", unix_millis(), process::id());
    let mut next = Instant::now() + INTERVAL;
    for n in 1u64.. {
        if stopped.recv_timeout(next.saturating_duration_since(Instant::now())) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        // After a pause of the whole machine the beat goes on from now instead of catching up.
        next = (next + INTERVAL).max(Instant::now());
        let at = unix_millis();
        for (kind, figures) in KINDS.into_iter().zip(machine.sample()?) {
            publisher.push(Sample {
                topic: format!("telemetry/{host}/{kind}"),
                kind,
                idempotency_key: format!("{run}-{kind}-{n}"),
                data: with_origin(figures, &host, at),
            });
        }
    }
    Ok(())
}

/// `EventSource` does not tell a page the topic of an event, so a sample says itself whose it is.
fn with_origin(mut figures: Value, host: &str, at: u64) -> String {
    figures["host"] = host.into();
    figures["at"] = at.into();
    figures.to_string()
}

/// A channel that yields at Ctrl-C or SIGTERM.
fn until_signal() -> std::io::Result<mpsc::Receiver<()>> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let (stop, stopped) = mpsc::channel();
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            // The receiver is gone only when the program is already on its way out.
            let _ = stop.send(());
        }
    });
    Ok(stopped)
}

/// Milliseconds since 1970, what `Date` in the page counts.
fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

const INTERVAL: Duration = Duration::from_secs(1);
