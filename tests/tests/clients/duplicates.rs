//! What was received before is not told again, and nothing else is dropped.

use headwater_testkit::{StreamServer, TestService};
use serde_json::json;

use crate::services::{after_two, event, quick, quick_with, store};

scenarios!(
    what_was_received_before_is_dropped_after_a_reconnect,
    the_last_1024_ids_are_known,
    on_an_unbroken_connection_nothing_is_dropped,
    an_event_without_an_id_of_its_own_is_never_dropped,
    after_a_start_from_a_stored_cursor_its_event_is_dropped,
);

const KNOWN: usize = 1024;

// IDG-08
fn what_was_received_before_is_dropped_after_a_reconnect(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    for ids in [1..=3, 2..=5, 1..=6] {
        let mut attempt = server.attempt();
        attempt.open();
        attempt.write(ids.map(event).collect::<String>());
        attempt.finish();
    }
    client.expect_data(&["1", "2", "3", "4", "5", "6"]);
    server.attempt().open();
    client.expect_no_item();
}

// IDG-08, CLI-02: the set is bounded.
fn the_last_1024_ids_are_known(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write((0..=KNOWN).map(event).collect::<String>());
    attempt.finish();
    let mut attempt = server.attempt();
    attempt.open();
    // The oldest is forgotten, the one after it is not.
    attempt.write(event(1) + &event(KNOWN) + &event(0) + "data: last\n\n");
    for n in 0..=KNOWN {
        client.expect_data(&[&n.to_string()]);
    }
    client.expect_data(&["0", "last"]);
}

fn on_an_unbroken_connection_nothing_is_dropped(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write(event(1) + &event(1));
    attempt.finish();
    // Nor on a later one, where the id is new: it may be that of several events.
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write(event(1) + &event(2) + &event(2));
    attempt.finish();
    client.expect_data(&["1", "1", "2", "2"]);
}

fn an_event_without_an_id_of_its_own_is_never_dropped(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    for _ in 0..2 {
        let mut attempt = server.attempt();
        attempt.open();
        attempt.write(event(1) + "data: a\n\nid\ndata: b\n\n");
        attempt.finish();
    }
    client.expect_data(&["1", "a", "b", "a", "b"]);
}

fn after_a_start_from_a_stored_cursor_its_event_is_dropped(service: &TestService) {
    let server = StreamServer::start();
    let options = quick_with(json!({ "store": store() }));
    let (mut first, mut attempt) = after_two(service, &server, &options);
    first.hold();
    attempt.write("data: x\n\n");
    first.expect_data(&["x"]);
    first.stop();
    let mut second = service.subscribe(&server.url("/"), options);
    let mut attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some("2"));
    attempt.open();
    // A server that does not stop at the cursor, but at the one before.
    attempt.write(event(2) + &event(3));
    second.expect_data(&["3"]);
}
