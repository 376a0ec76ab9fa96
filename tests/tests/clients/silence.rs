//! A connection that brings no byte is not believed.

use std::time::{Duration, Instant};

use headwater_testkit::{StreamServer, TestService, until};
use serde_json::json;

use crate::services::{event, quick, quick_with};

scenarios!(
    after_two_and_a_half_heartbeats_of_silence_it_reconnects,
    the_caller_may_set_the_limit,
    any_byte_is_a_sign_of_life,
    without_a_heartbeat_silence_is_believed,
    the_time_of_a_busy_application_does_not_count,
);

/// The shortest heartbeat that the header can tell.
const HEARTBEAT: Duration = Duration::from_secs(1);

fn after_two_and_a_half_heartbeats_of_silence_it_reconnects(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open_with(&["Headwater-Heartbeat: 1"]);
    attempt.write(event(1));
    let last = Instant::now();
    client.expect_data(&["1"]);
    assert_eq!(client.until_state("waiting")["reason"], "silent");
    let next = server.attempt();
    assert_eq!(next.cursor(), Some("1"));
    assert!(next.arrived - last > HEARTBEAT * 5 / 2 - Duration::from_millis(5));
    // The dead connection is let go.
    attempt.until_left();
}

fn the_caller_may_set_the_limit(service: &TestService) {
    let limit = Duration::from_millis(300);
    let server = StreamServer::start();
    let options = quick_with(json!({ "readTimeoutMs": limit.as_millis() as u64 }));
    let mut client = service.subscribe(&server.url("/"), options);
    // Whether the server tells a heartbeat or not.
    for fields in [&[][..], &["Headwater-Heartbeat: 3600"]] {
        let mut attempt = server.attempt();
        let before = Instant::now();
        attempt.open_with(fields);
        assert_eq!(client.until_state("waiting")["reason"], "silent");
        assert!(attempt.until_left() - before > limit - Duration::from_millis(5));
    }
}

fn any_byte_is_a_sign_of_life(service: &TestService) {
    let limit = Duration::from_millis(600);
    let server = StreamServer::start();
    let options = quick_with(json!({ "readTimeoutMs": limit.as_millis() as u64 }));
    let mut client = service.subscribe(&server.url("/"), options);
    let mut attempt = server.attempt();
    attempt.open();
    client.until_state("open");
    // A comment and an event, in single bytes with pauses that are well below the limit, and longer than it in all.
    let (opened, mut bytes) = (Instant::now(), b": \n\ndata: alive\n\n".iter().cycle());
    while opened.elapsed() < 3 * limit {
        attempt.write([*bytes.next().unwrap()]);
        let written = Instant::now();
        until("a third of the limit", || (written.elapsed() > limit / 12).then_some(()));
    }
    client.expect_data(&["alive"]);
    server.expect_no_attempt();
}

fn without_a_heartbeat_silence_is_believed(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    client.until_state("open");
    // A header that says nothing is none.
    let opened = Instant::now();
    until("some silence", || (opened.elapsed() > HEARTBEAT).then_some(()));
    attempt.write(event(1));
    client.expect_data(&["1"]);
    server.expect_no_attempt();
}

fn the_time_of_a_busy_application_does_not_count(service: &TestService) {
    let events: Vec<String> = (1..2000).map(|n| format!("id: {n}\ndata: {n} {}\n\n", "x".repeat(20_000))).collect();
    let bytes = events.concat();
    let limit = Duration::from_millis(500);
    let server = StreamServer::start();
    let options = quick_with(json!({ "readTimeoutMs": limit.as_millis() as u64 }));
    let mut client = service.subscribe(&server.url("/"), options);
    let mut attempt = server.attempt();
    attempt.open_until_close();
    attempt.write(event(0));
    client.expect_data(&["0"]);
    client.command("pause");
    // So much that it has to stop reading.
    let taken = attempt.offer(bytes.as_bytes(), 3 * limit);
    assert!(taken < bytes.len(), "a client that is paused took all {taken} bytes");
    client.command("resume");
    attempt.write(&bytes[taken..]);
    for n in 1..2000 {
        let event = client.event();
        assert_eq!(event["id"], n.to_string());
    }
    server.expect_no_attempt();
}
