//! Readers to whom nothing happens: what they cost in memory, what their heartbeats cost, whether one event reaches them
//! all the same, and whether the memory comes back.

use super::Run;
use crate::BenchError;
use crate::crew::GRACE;
use crate::publisher::Until;
use crate::report::RunReport;
use crate::worker::message::Habit;

pub(super) fn run(run: &mut Run<'_>, from: u64) -> Result<RunReport, BenchError> {
    let readers = run.options.shape.readers;
    let mut crew = run.crew(Habit::Read, 0, readers)?;
    let alone = run.memory()?;
    crew.connect(from, run.bar)?;
    let before = run.memory()?;
    crew.connect(readers, run.bar)?;
    let after = run.memory()?;

    let (cpu, end, started) = (run.cpu()?, run.end(), std::time::Instant::now());
    run.bar.begin("silence, in seconds", run.options.shape.measured.as_secs());
    crew.wait(end, |_| run.bar.set(started.elapsed().as_secs()))?;
    let silent = started.elapsed();
    let used = run.cpu()?.zip(cpu).map(|(after, before)| after.saturating_sub(before));

    let mut publisher = run.publisher()?;
    let published = publisher.run(run.options.scenario.pace(), Until::Count(1))?;
    crew.catch_up(publisher.counts(), GRACE, run.bar)?;
    let seen = crew.seen()?;
    crew.drop_all()?;
    let left = run.memory_at_rest()?;

    let mut report = RunReport::new(run.number, &seen);
    report.memory_per_session(before, after, readers - from.min(readers - 1));
    if let Some(used) = used {
        report.figure("server_cpu_percent", used.as_secs_f64() / silent.as_secs_f64() * 100.0);
    }
    report.figure("events_published", published.events as f64);
    report.latency(&seen);
    report.memory_left(alone, left);
    Ok(report)
}
