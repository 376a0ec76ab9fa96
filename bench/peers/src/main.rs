//! Measures Headwater beside what one would otherwise take, all in one run with `headwater bench fanout`: nginx with nchan,
//! Pushpin, the crate `durable-streams`, axum's `Sse` over a broadcast channel, and, as the limit, a bare send loop.
//!
//! `HEADWATER_BIN` names the hub, which is also the load generator. `DURABLE_STREAMS_BIN` names that server; without it, or
//! without the Debian packages, a peer is reported as missing. `BENCH_SECONDS` is the length of one measurement, `BENCH_RUNS`
//! how many there are of each, `BENCH_PEERS` picks some by name, `BENCH_READERS` the numbers of readers.
//!
//! The bare loop and the axum server are this program too, started again with an argument.

mod bare;
mod measure;
mod peers;
mod process;
mod sse;
mod table;

use std::error::Error;
use std::path::PathBuf;

use measure::{Pace, Shape, measure};
use peers::{PEERS, Peer};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [part, port] = &arguments[..] {
        let port = port.parse()?;
        return match part.as_str() {
            "bare" => Ok(bare::serve(port)?),
            "sse" => Ok(sse::serve(port)?),
            "origin" => Ok(sse::serve_origin(port)?),
            _ => Err(format!("`{part}` is nothing to serve").into()),
        };
    }
    let hub = std::env::var_os("HEADWATER_BIN")
        .map_or_else(|| PathBuf::from("../../target/release/headwater"), PathBuf::from);
    let runs = number("BENCH_RUNS", 3);
    let chosen = std::env::var("BENCH_PEERS").ok();
    let peers: Vec<&Peer> = PEERS
        .iter()
        .filter(|peer| chosen.as_ref().is_none_or(|names| names.split(',').any(|name| name == peer.name)))
        .collect();
    let readers = std::env::var("BENCH_READERS").unwrap_or_else(|_| "1000,10000".to_owned());
    let readers = readers.split(',').map(str::parse::<u64>).collect::<Result<Vec<_>, _>>()?;
    // As many deliveries a second whatever the number of readers.
    let paced = readers.iter().map(|readers| (*readers, Pace::Rate(50_000.0 / *readers as f64)));
    let closed = [1, 16].map(|publishers| (1000, Pace::Closed(publishers)));
    for (readers, pace) in paced.chain(closed) {
        let shape = Shape { readers, pace, seconds: number("BENCH_SECONDS", 5) };
        let mut found: Vec<Vec<measure::Found>> = peers.iter().map(|_| Vec::new()).collect();
        for run in 1..=runs {
            for (peer, found) in peers.iter().zip(&mut found) {
                eprintln!("{shape}, run {run} of {runs}: {}", peer.name);
                found.push(measure(peer, &hub, &shape));
            }
        }
        println!("{}", table::table(&peers, &found, &shape));
    }
    Ok(())
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
