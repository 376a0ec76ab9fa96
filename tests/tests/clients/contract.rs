//! What the public SSE contract tests send and expect, from a harness that knows nothing of ours: the cases are named
//! after theirs, where they are not those of another file.

use headwater_testkit::{Request, StreamServer, TestService};
use serde_json::json;

use crate::services::{event, quick, quick_with};

scenarios!(
    method_and_headers_unless_others_are_given,
    headers_method_and_body_as_given_at_every_attempt,
    line_ends_of_every_kind_in_pieces_of_every_kind,
    a_byte_order_mark_in_pieces,
    many_events_in_one_piece,
    a_restart_is_no_error,
    a_failed_attempt_is_an_error_and_not_the_end,
    commands_and_clients_that_are_not_known,
    a_service_ends_when_it_is_told_to,
);

fn method_and_headers_unless_others_are_given(service: &TestService) {
    let server = StreamServer::start();
    let _client = service.subscribe_as_others_do(&server.url("/"), quick());
    let attempt = server.attempt();
    assert_eq!((attempt.request.method.as_str(), attempt.cursor()), ("GET", None));
    assert_eq!(attempt.request.header("accept"), Some("text/event-stream"));
    assert_eq!(attempt.request.header("cache-control"), Some("no-cache"));
    assert_eq!(attempt.request.header("authorization"), None);
}

fn headers_method_and_body_as_given_at_every_attempt(service: &TestService) {
    let methods = ["POST", "REPORT"].into_iter().filter(|method| service.can(&method.to_lowercase()));
    for method in methods {
        let server = StreamServer::start();
        let body = "{\"hello\": \"w\u{f8}rld\"}";
        let headers = json!({ "content-type": "application/json; charset=utf-8", "header-name-1": "value-1" });
        let options = quick_with(json!({ "method": method, "body": body, "headers": headers, "lastEventId": "abc" }));
        let _client = service.subscribe_as_others_do(&server.url("/"), options);
        for _ in 0..2 {
            let mut attempt = server.attempt();
            let request = &attempt.request;
            assert_eq!((request.method.as_str(), request.body.as_slice()), (method, body.as_bytes()));
            assert_eq!(request.header("content-type"), Some("application/json; charset=utf-8"));
            assert_eq!((request.header("header-name-1"), attempt.cursor()), (Some("value-1"), Some("abc")));
            attempt.open();
            attempt.hang_up();
        }
    }
    for capability in ["headers", "last-event-id", "post", "read-timeout", "restart", "headwater"] {
        assert!(service.can(capability), "{capability} in {}", service.status());
    }
}

/// Sends these pieces at the start of a stream, and checks the data of what comes.
#[track_caller]
fn decoded(service: &TestService, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>, expected: &[&str]) {
    let server = StreamServer::start();
    let mut client = service.subscribe_as_others_do(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.head(200, &["Content-Type: text/event-stream; charset=utf-8", "Cache-Control: no-cache"]);
    pieces.into_iter().for_each(|piece| attempt.write(piece));
    client.expect_data(expected);
    client.expect_no_item();
}

fn line_ends_of_every_kind_in_pieces_of_every_kind(service: &TestService) {
    let cases: [(&str, &[&str]); 6] = [
        ("data: one||", &["one"]),
        ("data: one||data: two|data: lines||", &["one", "two\nlines"]),
        ("data:|data: second|data: third||", &["\nsecond\nthird"]),
        ("data: first|data:|data: third||", &["first\n\nthird"]),
        ("data: one|||data: two||", &["one", "two"]),
        ("data: one||||data: two||", &["one", "two"]),
    ];
    for end in ["\n", "\r\n", "\r"] {
        for (text, expected) in cases {
            let bytes = text.replace('|', end).into_bytes();
            for size in [bytes.len(), 1, 2] {
                decoded(service, bytes.chunks(size), expected);
            }
        }
    }
    decoded(service, ["data: a\r", "\ndata: b\r", "\n\r\ndata: c\r", "\n", "\r", "\n"], &["a\nb", "c"]);
}

fn a_byte_order_mark_in_pieces(service: &TestService) {
    decoded(service, [&b"\xef\xbb\xbfdata: a\n\n"[..]], &["a"]);
    decoded(service, [&b"\xef\xbb"[..], b"\xbfdata: a\n\n"], &["a"]);
    decoded(service, [&b"\xef"[..], b"\xbb", b"\xbf", b"data: a\n\n"], &["a"]);
    decoded(service, [&b"\xef\xbb\xbf:comment\ndata:\n\ndata: b\ndata: c\n\n"[..]], &["", "b\nc"]);
    decoded(service, [&b"\xef\xbb\xbfdata: \xef\xbb\xbfa\n\ndata: \xef\xbb\xbfb\n\n"[..]], &["\u{feff}a", "\u{feff}b"]);
}

fn many_events_in_one_piece(service: &TestService) {
    let data: Vec<String> = (0..100).map(|n| format!("message {n}")).collect();
    let bytes: String = data.iter().map(|data| format!("data: {data}\n\n")).collect();
    decoded(service, [bytes], &data.iter().map(String::as_str).collect::<Vec<_>>());
    decoded(service, "data: \u{20ac}\u{8c46}\u{8150}\n\n".as_bytes().chunks(1), &["\u{20ac}\u{8c46}\u{8150}"]);
}

fn a_restart_is_no_error(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe_as_others_do(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write("data: Hello\n\n");
    client.expect_data(&["Hello"]);
    client.command("restart");
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write("data: Thanks\n\n");
    client.expect_data(&["Thanks"]);
}

fn a_failed_attempt_is_an_error_and_not_the_end(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe_as_others_do(&server.url("/"), quick_with(json!({ "readTimeoutMs": 300 })));
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write(event(1));
    client.expect_data(&["1"]);
    // It says nothing more.
    let error = client.item();
    assert_eq!(error["kind"], "error", "{error}");
    assert!(error["comment"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write(event(2));
    client.expect_data(&["2"]);
}

fn commands_and_clients_that_are_not_known(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    server.attempt().open();
    for command in [json!({ "command": "dance" }), json!({}), json!(7)] {
        drop(client.post(&command).expect(400));
    }
    client.stop();
    drop(client.post(&json!({ "command": "restart" })).expect(404));
    for body in ["", "7", "{\"streamUrl\": 7, \"callbackUrl\": \"x\"}", "{\"callbackUrl\": \"http://127.0.0.1:9/\"}"] {
        let request = Request::post_as("application/json", "/", body);
        drop(service.http().send(&request).expect(400));
    }
}

fn a_service_ends_when_it_is_told_to(service: &TestService) {
    let mut other = service.start_another();
    drop(other.http().send(&Request::new("DELETE", "/")).expect(204));
    assert!(other.wait().success());
    // Nothing that runs in it keeps it.
    let server = StreamServer::start();
    let other = service.start_another();
    let _client = other.subscribe(&server.url("/"), quick());
    server.attempt().open();
    assert!(other.close_input().success());
}
