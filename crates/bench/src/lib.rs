//! A load generator for event streams that checks what it measures.
//!
//! [`run`] takes [`Options`], drives a hub, and gives an [`Outcome`] with figures, which can be shown as a table or as JSON.
//! Every event carries the number of its run, its place in its row and the moment it was due; every reader checks that it
//! gets each one once, whole and in order ([`Faults`]).
//!
//! # How it is built
//!
//! The process that measures publishes from one thread. Readers live in processes of their own, which are the same
//! program started again to call [`worker`]: one thread and one event loop each, with raw sockets and one shared buffer, so
//! that as little as possible of the machine is taken from the hub. They get orders and send figures as lines of JSON over
//! their standard streams.
//!
//! # What it refuses
//!
//! * Targets on other machines, unless told so ([`Options::remote`]).
//! * TLS and HTTP/2: it is about what a hub does, not about what a client can.
//! * To run without an end: everything is bounded in time and number.
//!
//! Figures of the hub's process come from `/proc`, so they need Linux; everything else does not.

mod clock;
mod crew;
mod descriptors;
mod error;
mod http;
mod latency;
mod layout;
mod options;
mod oracle;
mod payload;
mod progress;
mod publisher;
mod report;
mod scenario;
mod server;
mod target;
mod template;
mod worker;

pub use error::BenchError;
pub use options::{LONGEST, Options, Pace, Scenario, Shape, TargetOptions};
pub use oracle::Faults;
pub use report::Outcome;
pub use worker::worker;

use progress::Bar;
use report::TargetReport;
use target::Target;

/// Runs a benchmark to its end: every run of every target, targets taking turns.
///
/// # Errors
/// [`BenchError`], a sentence each. Faults that readers found are no error but part of the [`Outcome`].
pub fn run(options: &Options) -> Result<Outcome, BenchError> {
    options.check()?;
    let mut targets = vec![Target::new(&options.target, "", options.remote)?];
    if let Some(against) = &options.against {
        targets.push(Target::new(against, "against-", options.remote)?);
    }
    targets.iter().try_for_each(|target| target.check(options.layout()))?;
    let mut reports: Vec<TargetReport> = targets.iter().map(|target| TargetReport::new(&target.name)).collect();
    for run in 1..=options.runs {
        for (target, report) in targets.iter().zip(&mut reports) {
            let bar = Bar::new(format!("{} run {run} of {}", target.name, options.runs));
            report.runs.push(scenario::run(options, target, &bar)?);
        }
    }
    Ok(Outcome::new(options, reports))
}
