//! A client reads only as far as its application keeps up.

use std::time::Duration;

use headwater_testkit::{StreamServer, TestService};

use crate::services::quick;

scenarios!(a_paused_client_slows_the_server_down, many_small_events_are_bounded_too);

/// What the kernel holds on both sides of a loopback connection at most: it makes room for a client that reads.
const KERNEL: usize = 40 << 20;
/// The client's buffer.
const BUFFER: usize = 1 << 20;
/// How long nothing is taken by a client that has stopped reading.
const QUIET: Duration = Duration::from_millis(500);
/// Events that are read on afterwards, so many as fit in the time of a test.
const READ_ON: usize = 3000;

fn a_paused_client_slows_the_server_down(service: &TestService) {
    // So large that a few of them are all the memory there is.
    held_back(service, 256 << 10);
}

fn many_small_events_are_bounded_too(service: &TestService) {
    held_back(service, 100);
}

/// Offers more than the kernel and the client may hold, in events with this much data; then they are read.
fn held_back(service: &TestService, size: usize) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open_until_close();
    attempt.write("data: first\n\n");
    client.expect_data(&["first"]);
    client.command("pause");
    let filler = "x".repeat(size);
    let (mut written, mut whole) = (0, 0);
    loop {
        let events: String = (whole..whole + (BUFFER / size)).map(|n| format!("data: {n} {filler}\n\n")).collect();
        let taken = attempt.offer(events.as_bytes(), QUIET);
        written += taken;
        whole += events[..taken].matches("\n\n").count();
        if taken < events.len() {
            break;
        }
        assert!(written < KERNEL + 2 * BUFFER, "a paused client took {written} bytes");
    }
    // Nothing is lost by it.
    client.command("resume");
    for n in 0..whole.min(READ_ON) {
        let event = client.event();
        let data = event["data"].as_str().unwrap();
        assert!(data.starts_with(&format!("{n} ")) && data.len() > size, "{}", &data[..data.len().min(20)]);
    }
}
