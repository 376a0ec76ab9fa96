//! Readers come, get the head of their stream, and go; a tenth stays and has to get every event.

use super::Run;
use crate::BenchError;
use crate::report::{RunReport, per};
use crate::worker::message::Habit;

pub(super) fn run(run: &mut Run<'_>) -> Result<RunReport, BenchError> {
    let readers = run.options.shape.readers;
    let staying = (readers / 10).max(1);
    let mut crew = run.crew(Habit::Read, 0, staying)?;
    crew.connect(staying, run.bar)?;
    let before = run.memory()?;
    let mut guests = run.crew(Habit::ComeAndGo, staying, readers - staying)?;
    guests.connect(readers - staying, run.bar)?;
    let mut publisher = run.publisher()?;
    let flow = run.flow(&mut crew, Some(&mut guests), &mut publisher)?;
    let passing = guests.seen()?;
    drop(guests);
    let (seen, after) = (crew.seen()?, run.memory_at_rest()?);

    let mut report = RunReport::new(run.number, &seen);
    report.faults.add(&passing.faults);
    let connections = passing.connecting.count();
    report.figure("connections", connections as f64);
    report.figure("connections_per_second", connections as f64 / flow.took.as_secs_f64());
    report.connecting(&passing);
    if let Some(cpu) = flow.cpu {
        report.figure("server_cpu_us_per_connection", per(cpu, connections));
    }
    report.latency(&seen);
    report.memory_left(before, after);
    Ok(report)
}
