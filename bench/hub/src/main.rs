//! Measures a real hub over loopback: durable publishing, replay, cold start, memory.
//!
//! The binary to measure is named by `HEADWATER_BIN`. Every figure that depends on the disk stands beside the disk's
//! own figure from the same run. `BENCH_EVENTS` and `BENCH_MANY` (thousands of events of the replay and the memory
//! run) make a short run possible.

mod disk;
mod http;
mod hub;
mod load;
mod publish;

use std::time::{Duration, Instant};

use hub::Hub;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let events = thousands("BENCH_EVENTS", 1_000);
    let many = thousands("BENCH_MANY", 10_000);

    println!("## Durable publishing (one event of 130 bytes per request, HTTP/1.1 keep-alive)\n");
    println!("| publishers | events/s | p50 | p99 | p50 / bare fdatasync p50 |\n|---|---|---|---|---|");
    for publishers in [1, 16, 256] {
        let hub = Hub::start(&[])?;
        let bare = disk::fdatasync(hub.folder(), Duration::from_secs(2))?;
        let figures = runtime.block_on(publish::closed_loop(hub.address(), publishers, Duration::from_secs(5)))?;
        println!(
            "| {publishers} | {:.0} | {} | {} | {:.2} |",
            figures.rate,
            micros(figures.p50),
            micros(figures.p99),
            figures.p50.as_secs_f64() / bare.p50.as_secs_f64()
        );
        eprintln!(
            "bare fdatasync of 4 KiB in the same folder: {:.0}/s, p50 {}, p99 {}",
            bare.rate,
            micros(bare.p50),
            micros(bare.p99)
        );
        hub.stop()?;
    }

    println!("\n## Cold start to the first 200\n");
    let hub = Hub::start(&[])?;
    println!("- empty log: {} ms", hub.started_in().as_millis());
    println!("- memory with nobody connected: {:.1} MB", hub.resident_mb());

    println!("\n## Replay\n");
    let topics = ["replay/one"];
    runtime.block_on(load::fill(hub.address(), events, |_| topics[0].to_owned()))?;
    let started = Instant::now();
    let replayed = runtime.block_on(load::replay(hub.address(), topics[0], events))?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "- {events} events to one reader: {:.1} MB in {seconds:.2} s, {:.0} MB/s, {:.0} events/s",
        replayed as f64 / 1e6,
        replayed as f64 / 1e6 / seconds,
        events as f64 / seconds
    );
    let hub = hub.restart()?;
    println!("- cold start with {events} events: {} ms", hub.started_in().as_millis());
    hub.stop()?;

    println!("\n## Memory\n");
    let hub = Hub::start(&[])?;
    runtime.block_on(load::fill(hub.address(), many, |n| format!("many/{}", n % 100_000)))?;
    println!("- after publishing {many} events on 100,000 topics: {:.0} MB resident", hub.resident_mb());
    let hub = hub.restart()?;
    println!(
        "- after a restart with them: {:.0} MB resident, first 200 after {} ms",
        hub.resident_mb(),
        hub.started_in().as_millis()
    );
    hub.stop()?;
    Ok(())
}

fn thousands(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default) * 1000
}

fn micros(time: Duration) -> String {
    format!("{} µs", time.as_micros())
}
