//! Decoders side by side on 50 MB of 120-byte events in chunks of 16 KiB, all in one run.

mod cpu;

use std::time::Duration;

use cpu::CpuTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use headwater_bench_decoder::{DECODERS, headwater_strict, hub, line_scan, line_visit, lines, plain};

const BYTES: usize = 50_000_000;

fn decoders(criterion: &mut Criterion<CpuTime>) {
    for (shape, stream) in
        [("id and data", plain(BYTES)), ("as the hub sends", hub(BYTES)), ("four lines", lines(BYTES))]
    {
        let mut group = criterion.benchmark_group(format!("decode/{shape}"));
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
        for (name, decode) in DECODERS {
            group.bench_function(name, |bencher| bencher.iter(|| decode(&stream)));
        }
        group.bench_function("headwater, strict and with topic", |bencher| bencher.iter(|| headwater_strict(&stream)));
        group.bench_function("memchr line scan", |bencher| bencher.iter(|| line_scan(&stream)));
        group.bench_function("memchr line visit", |bencher| bencher.iter(|| line_visit(&stream)));
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = decoders
}
criterion_main!(benches);
