//! Some readers never read. The others are measured without them, then with them.

use super::Run;
use crate::BenchError;
use crate::report::RunReport;
use crate::server;
use crate::worker::message::Habit;

pub(super) fn run(run: &mut Run<'_>, share: f64) -> Result<RunReport, BenchError> {
    let readers = run.options.shape.readers;
    let slow = ((readers as f64 * share).round() as u64).clamp(1, readers - 1);
    let healthy = readers - slow;
    let mut crew = run.crew(Habit::Read, 0, healthy)?;
    crew.connect(healthy, run.bar)?;
    let mut publisher = run.publisher()?;
    run.flow(&mut crew, None, &mut publisher)?;
    let without = crew.seen()?;

    let (memory, buffers) = (run.memory()?, server::tcp_memory());
    let mut sleepers = run.crew(Habit::Ignore, healthy, slow)?;
    sleepers.connect(slow, run.bar)?;
    let flow = run.flow(&mut crew, None, &mut publisher)?;
    let (after, buffers_after) = (run.memory()?, server::tcp_memory());
    let seen = crew.seen()?;

    let mut report = RunReport::new(run.number, &seen);
    let alone = without.latency.quantile_us(0.99);
    let beside = seen.latency.quantile_us(0.99);
    report.figure("latency_p99_us_without_slow", alone);
    report.figure("latency_p99_us_with_slow", beside);
    if alone > 0.0 {
        report.figure("latency_p99_ratio", beside / alone);
    }
    report.deliveries(&seen);
    report.latency(&seen);
    report.cpu("server", flow.cpu, seen.deliveries, flow.took);
    report.memory_per_session(memory, after, slow);
    if let Some((after, before)) = buffers_after.zip(buffers) {
        report.figure("kernel_bytes_per_slow_reader", after.saturating_sub(before) as f64 / slow as f64);
    }
    Ok(report)
}
