//! How long a client waits between attempts.
//!
//! What a client says of its delays is held against the rule, and that it keeps to them against the clock: not before.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use headwater_testkit::{StreamServer, TestService};
use serde_json::{Value, json};

use crate::services::{closed, delay_ms, quick, quick_with};

scenarios!(
    the_random_part_grows_up_to_its_limit,
    without_options_the_first_wait_is_below_a_second,
    a_fixed_retry_is_a_floor_and_does_not_gather_a_herd,
    the_last_retry_counts_from_its_line_on,
    the_largest_floor_counts,
    a_floor_is_at_most_an_hour,
    a_stable_stream_forgets_failures,
    a_short_stream_does_not,
    at_the_limit_of_failures_it_closes,
);

/// Lets attempts fail and returns the delays in milliseconds, each checked to lie in the range for its failure, which
/// counts from 1, and to be kept.
#[track_caller]
fn delays(
    service: &TestService,
    options: Value,
    count: u32,
    range: impl Fn(u32) -> RangeInclusive<f64>,
    fail: impl Fn(headwater_testkit::Attempt),
) -> Vec<f64> {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), options);
    let mut attempt = server.attempt();
    let mut delays = Vec::new();
    for n in 1..=count {
        let failed = Instant::now();
        fail(attempt);
        attempt = server.attempt();
        let waiting = client.until_state("waiting");
        let delay = delay_ms(&waiting);
        assert_eq!(waiting["failures"], n, "{waiting}");
        assert!(range(n).contains(&delay), "{waiting} is not within {:?}", range(n));
        // A timer of milliseconds may go off within the last one.
        let least = Duration::from_secs_f64(delay / 1000.0).saturating_sub(Duration::from_millis(2));
        assert!(attempt.arrived - failed >= least, "{waiting}, and back after {:?}", attempt.arrived - failed);
        delays.push(delay);
    }
    delays
}

/// The spread among these. Delays that are told in whole milliseconds are alike now and then, but not all of them.
fn spread(delays: &[f64]) -> f64 {
    let (least, most) = delays.iter().fold((f64::MAX, 0.0_f64), |(least, most), d| (least.min(*d), most.max(*d)));
    most - least
}

// CLI-01: full jitter under a limit that doubles.
fn the_random_part_grows_up_to_its_limit(service: &TestService) {
    let options = json!({ "initialDelayMs": 10, "maxDelayMs": 80 });
    let range = |n: u32| 0.0..=f64::from(10 << (n - 1).min(3));
    let delays = delays(service, options, 24, range, |attempt| attempt.answer(503, &[], ""));
    // Of twenty that are drawn from 0 to 80, one is above 40 but for one run in a million.
    assert!(delays.iter().any(|delay| *delay > 40.0) && spread(&delays) > 10.0, "{delays:?}");
}

fn without_options_the_first_wait_is_below_a_second(service: &TestService) {
    let delays: Vec<f64> = (0..8)
        .map(|_| {
            let server = StreamServer::start();
            let mut client = service.subscribe(&server.url("/"), json!({}));
            server.attempt().answer(503, &[], "");
            delay_ms(&client.until_state("waiting"))
        })
        .collect();
    assert!(delays.iter().all(|delay| *delay <= 1000.0), "{delays:?}");
    // Eight that are drawn from 0 to 1000 are above 100 and apart, but for one run in ten million.
    assert!(delays.iter().any(|delay| *delay > 100.0) && spread(&delays) > 10.0, "{delays:?}");
}

// IDG: a herd is spread even by a server that sends a fixed `retry`.
fn a_fixed_retry_is_a_floor_and_does_not_gather_a_herd(service: &TestService) {
    let options = json!({ "initialDelayMs": 50, "maxDelayMs": 50 });
    let delays = delays(
        service,
        options,
        12,
        |_| 30.0..=80.0,
        |mut attempt| {
            attempt.open();
            attempt.write("retry: 30\n\n");
            attempt.finish();
        },
    );
    assert!(spread(&delays) > 5.0, "{delays:?}");
}

fn the_last_retry_counts_from_its_line_on(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    // Of no block, of one that is not whole, and one that is none.
    for (written, delay) in
        [("retry: 5\nretry: 40\n\n", 40.0), ("data: x\nretry: 20\n", 20.0), ("retry: soon\n\n", 20.0)]
    {
        let mut attempt = server.attempt();
        attempt.open();
        attempt.write(written);
        attempt.finish();
        assert_eq!(delay_ms(&client.until_state("waiting")), delay, "{written:?}");
    }
    // It is in force until there is another, whatever becomes of the attempts.
    server.attempt().answer(503, &[], "");
    assert_eq!(delay_ms(&client.until_state("waiting")), 20.0);
}

fn the_largest_floor_counts(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let closing =
        |ms: u32| format!("event: headwater.closing\ndata: {{\"reason\":\"drain\",\"reconnect_ms\":{ms}}}\n\n");
    for (written, delay) in [
        (format!("retry: 20\n\n{}", closing(60)), 60.0),
        (format!("retry: 50\n\n{}", closing(10)), 50.0),
        // What one closing event asked for is over with it.
        ("retry: 30\n\n".to_owned(), 30.0),
    ] {
        let mut attempt = server.attempt();
        attempt.open();
        attempt.write(&written);
        attempt.finish();
        assert_eq!(delay_ms(&client.until_state("waiting")), delay, "{written:?}");
    }
    for (retry_after, delay) in [("1", 1000.0), ("0", 30.0)] {
        server.attempt().answer(503, &[&format!("Retry-After: {retry_after}")], "");
        assert_eq!(delay_ms(&client.until_state("waiting")), delay, "{retry_after}");
    }
    server.attempt().answer(503, &[], "");
    assert_eq!(delay_ms(&client.until_state("waiting")), 30.0);
}

fn a_floor_is_at_most_an_hour(service: &TestService) {
    let hour = 3_600_000.0;
    for written in [
        "retry: 3600001\n\n",
        "retry: 99999999999999999999999999\n\n",
        "event: headwater.closing\ndata: {\"reason\":\"drain\",\"reconnect_ms\":9007199254740991}\n\n",
    ] {
        let server = StreamServer::start();
        let mut client = service.subscribe(&server.url("/"), json!({ "initialDelayMs": 1000 }));
        let mut attempt = server.attempt();
        attempt.open();
        attempt.write(written);
        attempt.finish();
        let delay = delay_ms(&client.until_state("waiting"));
        assert!((hour..=hour + 1000.0).contains(&delay), "{written:?}: {delay}");
    }
}

fn a_stable_stream_forgets_failures(service: &TestService) {
    let stable = Duration::from_millis(300);
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick_with(json!({ "stableMs": stable.as_millis() as u64 })));
    for failures in [1, 2] {
        server.attempt().answer(503, &[], "");
        assert_eq!(client.until_state("waiting")["failures"], failures);
    }
    let mut attempt = server.attempt();
    attempt.open();
    client.until_state("open");
    let opened = Instant::now();
    while opened.elapsed() <= stable {
        attempt.write("data: x\n\n");
        client.expect_data(&["x"]);
    }
    attempt.finish();
    // The end of the stream is the first failure anew.
    assert_eq!(client.until_state("waiting")["failures"], 1);
}

fn a_short_stream_does_not(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    for failures in 1..=4 {
        let mut attempt = server.attempt();
        attempt.open();
        client.until_state("open");
        attempt.write("data: x\n\n");
        client.expect_data(&["x"]);
        attempt.finish();
        assert_eq!(client.until_state("waiting")["failures"], failures);
    }
}

fn at_the_limit_of_failures_it_closes(service: &TestService) {
    let mut server = StreamServer::start();
    let options = json!({ "initialDelayMs": 20, "maxDelayMs": 20, "maxFailures": 3 });
    let mut client = service.subscribe(&server.url("/"), options);
    server.attempt().answer(503, &[], "");
    let attempt = server.attempt();
    server.refuse();
    attempt.reset();
    for failures in [1, 2] {
        assert_eq!(client.until_state("waiting")["failures"], failures);
    }
    assert_eq!(closed(&mut client).0, "exhausted");
    client.expect_no_item();
}
