//! All readers drop, miss events, and resume at once.

use std::time::Duration;

use super::Run;
use crate::BenchError;
use crate::clock;
use crate::crew::{GRACE, since};
use crate::publisher::Until;
use crate::report::RunReport;
use crate::worker::message::Habit;

pub(super) fn run(run: &mut Run<'_>, backlog: u64) -> Result<RunReport, BenchError> {
    let readers = run.options.shape.readers;
    let pace = run.options.scenario.pace();
    let mut crew = run.crew(Habit::Read, 0, readers)?;
    crew.connect(readers, run.bar)?;
    // Everybody has an id to resume after, whatever the target says in its first bytes.
    let mut publisher = run.publisher()?;
    publisher.run(pace, Until::Count(1))?;
    crew.catch_up(publisher.counts(), GRACE, run.bar)?;
    crew.drop_all()?;
    run.bar.begin("publishing what is missed", 0);
    publisher.run(pace, Until::Count(backlog))?;
    crew.reset()?;
    let memory = run.memory()?;

    let (cpu, started) = (run.cpu()?, clock::now());
    run.bar.begin("resuming", readers);
    let resumed = crew.resume(run.bar)?;
    let caught_up = crew.catch_up(publisher.counts(), LONGEST_STORM, run.bar)?;
    let took = since(clock::now(), started);
    let used = run.cpu()?.zip(cpu).map(|(after, before)| after.saturating_sub(before));
    let seen = crew.seen()?;

    let mut report = RunReport::new(run.number, &seen);
    report.figure("resumed_seconds", since(resumed, started).as_secs_f64());
    if let Some(caught_up) = caught_up {
        report.figure("caught_up_seconds", since(caught_up.max(resumed), started).as_secs_f64());
    }
    report.deliveries(&seen);
    report.connecting(&seen);
    report.cpu("server", used, seen.deliveries, took);
    report.memory_growth(memory, run.memory()?);
    Ok(report)
}

/// How long a storm may take to be over.
const LONGEST_STORM: Duration = Duration::from_secs(120);
