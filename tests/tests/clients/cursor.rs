//! Where a stream goes on.

use headwater_testkit::{StreamServer, TestService};
use serde_json::json;

use crate::services::{event, quick, quick_with, store};

scenarios!(
    without_a_cursor_none_is_sent,
    the_cursor_of_the_caller_wins_over_the_store,
    an_id_counts_at_the_end_of_its_block,
    an_id_without_data_counts,
    an_empty_id_is_no_cursor,
    a_cursor_is_sent_as_it_came,
    what_waits_in_the_buffer_is_not_asked_for_again,
);

fn without_a_cursor_none_is_sent(service: &TestService) {
    let server = StreamServer::start();
    let _client = service.subscribe(&server.url("/s?a=b"), quick());
    for _ in 0..2 {
        let mut attempt = server.attempt();
        assert_eq!((attempt.cursor(), attempt.request.target.as_str()), (None, "/s?a=b"));
        attempt.open();
        attempt.write("data: without an id\n\n");
        attempt.finish();
    }
}

fn the_cursor_of_the_caller_wins_over_the_store(service: &TestService) {
    let server = StreamServer::start();
    let store = store();
    let mut first = service.subscribe(&server.url("/"), quick_with(json!({ "store": store, "lastEventId": "1" })));
    let mut attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some("1"));
    attempt.open();
    // The first is handled when the second is asked for.
    attempt.write(event(2) + &event(3));
    first.expect_data(&["2", "3"]);
    first.stop();
    let mut second = service.subscribe(&server.url("/"), quick_with(json!({ "store": store, "lastEventId": "1" })));
    let attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some("1"));
    second.stop();
    let _third = service.subscribe(&server.url("/"), quick_with(json!({ "store": store })));
    let stored = server.attempt();
    assert!(matches!(stored.cursor(), Some("2" | "3")), "{:?}", stored.request);
}

// Also FMT-03: an incomplete last block counts for nothing.
fn an_id_counts_at_the_end_of_its_block(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write("id: 1\ndata: whole\n\nid: 2\ndata: half\n");
    attempt.finish();
    let mut attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some("1"));
    attempt.open();
    // The half block is not joined with what comes on another connection, and the id in force is.
    attempt.write("data: other\n\n");
    assert_eq!(client.event()["data"], "whole");
    let other = client.event();
    assert_eq!((&other["data"], &other["id"]), (&json!("other"), &json!("1")));
}

fn an_id_without_data_counts(service: &TestService) {
    let server = StreamServer::start();
    let _client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write("id: 5\n\n");
    attempt.hang_up();
    assert_eq!(server.attempt().cursor(), Some("5"));
}

fn an_empty_id_is_no_cursor(service: &TestService) {
    let server = StreamServer::start();
    let _client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write("id: 1\ndata: a\n\nid\ndata: b\n\n");
    attempt.finish();
    assert_eq!(server.attempt().cursor(), None);
}

fn a_cursor_is_sent_as_it_came(service: &TestService) {
    let server = StreamServer::start();
    let _client = service.subscribe(&server.url("/"), quick());
    let ids = ["1042-6f3a", "\"quoted\", and more; =", "f\u{f8}\u{1f30a}"];
    for (id, before) in ids.iter().zip([None, Some(ids[0]), Some(ids[1])]) {
        let mut attempt = server.attempt();
        assert_eq!(attempt.cursor(), before);
        attempt.open();
        attempt.write(event(id));
        attempt.finish();
    }
    let mut attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some(ids[2]));
    // What no header can carry goes where it can.
    attempt.open();
    attempt.write(event("\u{1}&\u{7f}"));
    attempt.finish();
    let attempt = server.attempt();
    assert_eq!((attempt.cursor(), attempt.query_cursor()), (None, Some("%01%26%7F")), "{:?}", attempt.request);
}

fn what_waits_in_the_buffer_is_not_asked_for_again(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    client.command("pause");
    attempt.write((1..=20).map(event).collect::<String>());
    attempt.finish();
    client.command("resume");
    // Whether it has read ahead or not: the end comes behind all of them.
    let mut attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some("20"));
    attempt.open();
    attempt.write(event(21));
    let expected: Vec<String> = (1..=21).map(|n| n.to_string()).collect();
    client.expect_data(&expected.iter().map(String::as_str).collect::<Vec<_>>());
}
