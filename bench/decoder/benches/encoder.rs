//! The encoder on the events the hub sends, into a buffer that is used again.

mod cpu;

use std::hint::black_box;
use std::time::Duration;

use cpu::CpuTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use headwater_event_stream::{Encoder, Field, IdText, Message, TypeRef};

fn encoder(criterion: &mut Criterion<CpuTime>) {
    let long = "x".repeat(16 * 1024);
    let tokens = "a line of some forty bytes, as text has it\n".repeat(24);
    let mut group = criterion.benchmark_group("encode");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for (name, data) in
        [("one line of 60 bytes", &long[..60]), ("one line of 16 KiB", &long), ("25 lines of 43 bytes", &tokens)]
    {
        let fields = [Field::new("topic", "orders/1042").expect("valid")];
        let id = IdText::new("10000042-6f3a").expect("valid");
        let message = Message::new(data).id(&id).event_type(TypeRef::from_static("order.paid")).fields(&fields);
        group.throughput(Throughput::Bytes(message.encoded_len() as u64));
        group.bench_function(name, |bencher| {
            let mut out = Vec::new();
            bencher.iter(|| {
                out.clear();
                Encoder::new(&mut out).event(black_box(&message));
                black_box(&out);
            });
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("an id on the stack", |bencher| {
        bencher.iter(|| IdText::new(format_args!("{}-{:04x}", black_box(10_000_042_u64), black_box(0x6f3a))));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = encoder
}
criterion_main!(benches);
