//! Events to all readers; with few readers and many publishers also the scenario `publish`.

use super::Run;
use crate::BenchError;
use crate::report::{RunReport, per};
use crate::worker::message::Habit;

pub(super) fn run(run: &mut Run<'_>) -> Result<RunReport, BenchError> {
    let readers = run.options.shape.readers;
    let mut crew = run.crew(Habit::Read, 0, readers)?;
    let before = run.memory()?;
    let connecting = crew.connect(readers, run.bar)?;
    let after = run.memory()?;
    let flow = run.flow(&mut crew, None, &mut run.publisher()?)?;
    let seen = crew.seen()?;

    let mut report = RunReport::new(run.number, &seen);
    report.deliveries(&seen);
    report.latency(&seen);
    report.published(&flow.published, run.options.shape.measured);
    report.figure("connected_seconds", connecting.as_secs_f64());
    report.cpu("server", flow.cpu, seen.deliveries, flow.took);
    report.cpu("generator", flow.own_cpu, seen.deliveries, flow.took);
    if let Some(cpu) = flow.cpu {
        report.figure("server_cpu_us_per_event", per(cpu, flow.published.events));
    }
    report.memory_per_session(before, after, readers);
    Ok(report)
}
