//! What was found, as a table in Markdown.

use std::fmt::Write as _;

use crate::measure::{Found, Shape};
use crate::peers::Peer;

/// One row per peer: medians, and ratios to the first one. Peers that could not be measured are named below.
pub(crate) fn table(peers: &[&Peer], found: &[Vec<Found>], shape: &Shape) -> String {
    let mut out = String::new();
    let runs = found.first().map_or(0, Vec::len);
    // Writing to a string does not fail.
    let _ = writeln!(out, "\n{shape}; medians of {runs} runs; × is the ratio to the first row\n");
    let _ = writeln!(
        out,
        "| hub | CPU per delivery | × | deliveries/s | latency p50 | p99 | last reader p50 | × | memory per session | faults |"
    );
    let _ = writeln!(out, "|---|---|---|---|---|---|---|---|---|---|");
    let limit = found.first();
    let mut missing = String::new();
    for (peer, runs) in peers.iter().zip(found) {
        let median = |key: &str| median(runs, key);
        let ratio = |key: &str| {
            let of = limit.and_then(|runs| self::median(runs, key)).filter(|value| *value > 0.0)?;
            median(key).map(|value| value / of)
        };
        let Some(cpu) = median("server_cpu_us_per_delivery") else {
            let why = runs.iter().find_map(|run| run.as_ref().err()).map_or("nothing was measured", String::as_str);
            let _ = writeln!(missing, "- {} ({}) is missing: {why}", peer.name, peer.note);
            continue;
        };
        let time = |key: &str| median(key).map_or("–".to_owned(), |micros| format!("{:.1} ms", micros / 1e3));
        let times = |key: &str| ratio(key).map_or("–".to_owned(), |ratio| format!("{ratio:.2}"));
        let rate = median("deliveries_per_second").map_or("–".to_owned(), |rate| format!("{:.0} k", rate / 1e3));
        let memory = median("resident_bytes_per_session").map_or("–".to_owned(), |bytes| format!("{bytes:.0} B"));
        let _ = writeln!(
            out,
            "| {} ({}) | {cpu:.2} µs | {} | {rate} | {} | {} | {} | {} | {memory} | {} |",
            peer.name,
            peer.note,
            times("server_cpu_us_per_delivery"),
            time("latency_p50_us"),
            time("latency_p99_us"),
            time("last_reader_p50_us"),
            times("last_reader_p50_us"),
            faults(runs),
        );
    }
    if !missing.is_empty() {
        let _ = write!(out, "\n{missing}");
    }
    out
}

fn median(runs: &[Found], key: &str) -> Option<f64> {
    let mut values: Vec<f64> = runs.iter().filter_map(|run| run.as_ref().ok()?[key].as_f64()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// What went wrong over all runs, and runs that gave nothing.
fn faults(runs: &[Found]) -> String {
    let mut parts = Vec::new();
    for kind in ["lost", "duplicated", "out_of_order", "damaged", "ended"] {
        let count: u64 = runs.iter().filter_map(|run| run.as_ref().ok()?["faults"][kind].as_u64()).sum();
        if count > 0 {
            parts.push(format!("{count} {}", kind.replace('_', " ")));
        }
    }
    let failed = runs.iter().filter(|run| run.is_err()).count();
    if failed > 0 {
        parts.push(format!("{failed} runs failed"));
    }
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}
