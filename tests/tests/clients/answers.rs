//! What an answer means.

use std::time::{Duration, SystemTime};

use headwater_testkit::{StreamServer, Subscriber, TestService};
use serde_json::{Value, json};

use crate::services::{closed, delay_ms, event, quick, quick_with, with};

scenarios!(
    an_event_stream_is_open_with_any_parameter,
    another_media_type_closes,
    no_content_closes_as_finished,
    redirects_are_followed,
    credentials_do_not_go_to_another_origin,
    passing_refusals_are_tried_again,
    retry_after_is_waited_for,
    retry_after_is_seconds_or_a_date_up_to_an_hour,
    a_refused_credential_is_refreshed_at_once,
    a_credential_refused_right_after_a_refresh_closes,
    a_hook_that_fails_is_asked_again,
    without_a_hook_a_refused_credential_closes,
    anything_else_closes_with_what_the_problem_says,
    without_a_connection_it_is_tried_again,
    without_a_head_in_time_it_is_tried_again,
    an_end_before_the_head_is_tried_again,
    a_clean_end_and_a_broken_connection_are_told_apart,
    a_stream_outlives_the_connect_limit,
);

fn an_event_stream_is_open_with_any_parameter(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    for media in ["text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream;charset=UTF-8"] {
        let mut attempt = server.attempt();
        attempt.head(200, &[&format!("Content-Type: {media}")]);
        attempt.write(event(media));
        client.until_state("open");
        client.expect_data(&[media]);
    }
}

fn another_media_type_closes(service: &TestService) {
    for field in [Some("Content-Type: text/html; charset=utf-8"), Some("Content-Type: text/event-stream-2"), None] {
        let server = StreamServer::start();
        let mut client = service.subscribe(&server.url("/"), quick());
        server.attempt().answer(200, &field.into_iter().collect::<Vec<_>>(), "data: x\n\n");
        let (reason, message) = closed(&mut client);
        assert_eq!(reason, "wrong_type");
        if let Some((_, media)) = field.and_then(|field| field.split_once(' ')) {
            let media = media.split(';').next().unwrap();
            assert!(message.as_ref().unwrap().contains(media), "{message:?}");
        }
        server.expect_no_attempt();
    }
}

fn no_content_closes_as_finished(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write(event(1));
    attempt.finish();
    server.attempt().answer(204, &[], "");
    client.expect_data(&["1"]);
    assert_eq!(closed(&mut client), ("finished".to_owned(), None));
    client.expect_no_item();
    server.expect_no_attempt();
}

fn redirects_are_followed(service: &TestService) {
    for status in [301, 302, 307, 308] {
        let server = StreamServer::start();
        let options = quick_with(json!({ "lastEventId": "7", "token": "secret" }));
        let mut client = service.subscribe(&server.url("/from"), options);
        let attempt = server.attempt();
        assert_eq!(attempt.request.target, "/from");
        attempt.answer(status, &["Location: /to?x=y"], "");
        let mut attempt = server.attempt();
        assert_eq!((attempt.request.target.as_str(), attempt.cursor()), ("/to?x=y", Some("7")), "{status}");
        assert_eq!(attempt.request.header("authorization"), Some("Bearer secret"), "{status}");
        attempt.open();
        attempt.write(event(8));
        client.expect_data(&["8"]);
    }
    // These two keep method and body.
    for status in [307, 308] {
        let server = StreamServer::start();
        let _client = service.subscribe(&server.url("/from"), quick_with(json!({ "method": "POST", "body": "asked" })));
        server.attempt().answer(status, &["Location: /to"], "");
        let request = server.attempt().request;
        assert_eq!((request.method.as_str(), request.body.as_slice()), ("POST", &b"asked"[..]), "{status}");
    }
}

fn credentials_do_not_go_to_another_origin(service: &TestService) {
    let by_token = json!({ "token": "secret" });
    let by_header = json!({ "headers": { "authorization": "Bearer secret", "cookie": "a=secret" } });
    for options in [by_token, by_header] {
        // Servers of its own: the client before may come back once more before it is stopped.
        let (own, other) = (StreamServer::start(), StreamServer::start());
        let mut client = service.subscribe(&own.url("/"), quick_with(options));
        let attempt = own.attempt();
        assert_eq!(attempt.request.header("authorization"), Some("Bearer secret"));
        attempt.answer(307, &[&format!("Location: {}", other.url("/away"))], "");
        let mut attempt = other.attempt();
        assert!(!format!("{:?}", attempt.request).contains("secret"), "{:?}", attempt.request);
        attempt.open();
        attempt.write(event(1));
        client.expect_data(&["1"]);
    }
}

fn passing_refusals_are_tried_again(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick_with(json!({ "lastEventId": "7" })));
    let statuses = [408, 425, 429, 500, 501, 502, 503, 504, 599];
    for (status, failures) in statuses.into_iter().zip(1..) {
        let attempt = server.attempt();
        assert_eq!(attempt.cursor(), Some("7"));
        attempt.answer(status, &["Content-Type: text/html"], "<h1>No</h1>");
        let waiting = client.until_state("waiting");
        assert_eq!((&waiting["reason"], &waiting["status"]), (&json!("refused"), &json!(status)), "{waiting}");
        assert_eq!(waiting["failures"], failures, "{waiting}");
    }
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write(event(8));
    client.expect_data(&["8"]);
}

fn retry_after_is_waited_for(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let attempt = server.attempt();
    let before = std::time::Instant::now();
    attempt.answer(503, &["Retry-After: 1"], "");
    assert_eq!(delay_ms(&client.until_state("waiting")), 1000.0);
    // A timer of milliseconds may go off within the last one.
    assert!(server.attempt().arrived - before > Duration::from_millis(998));
}

fn retry_after_is_seconds_or_a_date_up_to_an_hour(service: &TestService) {
    let from_now = |seconds| SystemTime::now() + Duration::from_secs(seconds);
    let date = |seconds| httpdate::fmt_http_date(from_now(seconds));
    for (value, least, most) in [
        ("120".to_owned(), 120.0, 120.0),
        ("0".to_owned(), 0.0, 0.0),
        // A date has whole seconds, and it takes time until it is read.
        (date(120), 60.0, 120.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), 0.0, 0.0),
        ("7200".to_owned(), 3600.0, 3600.0),
        (date(7200), 3600.0, 3600.0),
        ("99999999999999999999".to_owned(), 3600.0, 3600.0),
        ("soon".to_owned(), 0.0, 0.0),
        ("-5".to_owned(), 0.0, 0.0),
    ] {
        let server = StreamServer::start();
        let mut client = service.subscribe(&server.url("/"), quick());
        server.attempt().answer(429, &[&format!("Retry-After: {value}")], "");
        let delay = delay_ms(&client.until_state("waiting")) / 1000.0;
        assert!((least..=most).contains(&delay), "{value}: {delay} s");
    }
}

/// Options with a hook at this server, and times so long that whatever is waited for is seen.
fn with_hook(hook: &StreamServer) -> Value {
    json!({ "token": "old", "refreshUrl": hook.url("/hook"), "initialDelayMs": 3_600_000, "maxDelayMs": 3_600_000 })
}

/// Takes what the hook is asked, and answers with this token.
#[track_caller]
fn refresh(hook: &StreamServer, status: u16, token: &str) {
    let attempt = hook.attempt();
    let asked: Value = serde_json::from_slice(&attempt.request.body).unwrap();
    assert_eq!((attempt.request.method.as_str(), &asked["status"]), ("POST", &json!(status)), "{asked}");
    attempt.answer_json(&json!({ "token": token }));
}

fn a_refused_credential_is_refreshed_at_once(service: &TestService) {
    for status in [401, 403] {
        let (server, hook) = (StreamServer::start(), StreamServer::start());
        let mut client = service.subscribe(&server.url("/"), with_hook(&hook));
        // Again after a stream was open: the token has grown old once more.
        for (before, after) in [("old", "new"), ("new", "newer")] {
            let attempt = server.attempt();
            assert_eq!(attempt.request.header("authorization"), Some(format!("Bearer {before}").as_str()));
            attempt.answer(status, &[], "");
            refresh(&hook, status, after);
            let mut attempt = server.attempt();
            assert_eq!(attempt.request.header("authorization"), Some(format!("Bearer {after}").as_str()));
            attempt.open();
            attempt.write(event(after));
            client.expect_data(&[after]);
            client.command("restart");
        }
    }
}

fn a_credential_refused_right_after_a_refresh_closes(service: &TestService) {
    for (first, second) in [(401, 401), (401, 403), (403, 401)] {
        let (server, hook) = (StreamServer::start(), StreamServer::start());
        let mut client = service.subscribe(&server.url("/"), with_hook(&hook));
        server.attempt().answer(first, &[], "");
        refresh(&hook, first, "new");
        server.attempt().answer(second, &[], "");
        assert_eq!(closed(&mut client).0, "unauthorized");
        server.expect_no_attempt();
        hook.expect_no_attempt();
    }
}

fn a_hook_that_fails_is_asked_again(service: &TestService) {
    for status in [401, 403] {
        let (server, hook) = (StreamServer::start(), StreamServer::start());
        let options = quick_with(json!({ "token": "old", "refreshUrl": hook.url("/hook") }));
        let mut client = service.subscribe(&server.url("/"), options);
        for failures in 1..=2 {
            server.attempt().answer(status, &[], "");
            hook.attempt().answer(500, &[], "");
            let waiting = client.until_state("waiting");
            let told = (&waiting["reason"], &waiting["status"], &waiting["failures"]);
            assert_eq!(told, (&json!("refused"), &json!(status), &json!(failures)), "{waiting}");
        }
        server.attempt().answer(status, &[], "");
        refresh(&hook, status, "new");
        let mut attempt = server.attempt();
        assert_eq!(attempt.request.header("authorization"), Some("Bearer new"));
        attempt.open();
        client.until_state("open");
    }
}

fn without_a_hook_a_refused_credential_closes(service: &TestService) {
    for status in [401, 403] {
        let server = StreamServer::start();
        let mut client = service.subscribe(&server.url("/"), quick());
        server.attempt().answer(status, &[], "");
        assert_eq!(closed(&mut client).0, "unauthorized");
        server.expect_no_attempt();
    }
}

fn anything_else_closes_with_what_the_problem_says(service: &TestService) {
    for status in [201, 206, 300, 304, 400, 404, 405, 406, 410, 418, 451] {
        let server = StreamServer::start();
        let mut client = service.subscribe(&server.url("/"), quick());
        let problem = json!({ "title": "Gone away", "detail": "the topic was never there" });
        server.attempt().answer(status, &["Content-Type: application/problem+json"], &problem.to_string());
        let (reason, message) = closed(&mut client);
        let message = message.unwrap();
        assert_eq!(reason, "rejected", "{status}");
        assert!(message.contains(&status.to_string()), "{message}");
        // Problem documents are for errors.
        assert!(status < 400 || message.contains("the topic was never there"), "{status}: {message}");
        server.expect_no_attempt();
    }
    // A body that says nothing is no reason to fail in another way.
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    server.attempt().answer(404, &["Content-Type: application/problem+json"], "{\"title\": \"cut of");
    let (reason, message) = closed(&mut client);
    assert!(reason == "rejected" && message.unwrap().contains("404"));
}

fn without_a_connection_it_is_tried_again(service: &TestService) {
    let mut server = StreamServer::start();
    server.refuse();
    let options = json!({ "initialDelayMs": 50, "maxDelayMs": 50, "lastEventId": "7" });
    let mut client = service.subscribe(&server.url("/"), options);
    assert_eq!(client.until_state("waiting")["reason"], "unreachable");
    server.accept();
    comes_back(&server, &mut client);
}

fn without_a_head_in_time_it_is_tried_again(service: &TestService) {
    let server = StreamServer::start();
    let options = quick_with(json!({ "connectTimeoutMs": 200, "lastEventId": "7" }));
    let mut client = service.subscribe(&server.url("/"), options);
    // One is silent, the other does not come to an end.
    let silent = server.attempt();
    assert_eq!(client.until_state("waiting")["reason"], "timeout");
    silent.until_left();
    let mut slow = server.attempt();
    slow.write_raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/ev");
    assert_eq!(client.until_state("waiting")["reason"], "timeout");
    slow.until_left();
    comes_back(&server, &mut client);
}

fn an_end_before_the_head_is_tried_again(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick_with(json!({ "lastEventId": "7" })));
    server.attempt().hang_up();
    assert_eq!(client.until_state("waiting")["reason"], "unreachable");
    server.attempt().reset();
    assert_eq!(client.until_state("waiting")["reason"], "unreachable");
    let mut attempt = server.attempt();
    attempt.write_raw(b"this is not HTTP\r\n\r\n");
    attempt.hang_up();
    assert_eq!(client.until_state("waiting")["reason"], "unreachable");
    comes_back(&server, &mut client);
}

/// The client asks again from its cursor, and is served.
#[track_caller]
fn comes_back(server: &StreamServer, client: &mut Subscriber) {
    let mut attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some("7"));
    attempt.open();
    attempt.write(event(8));
    client.expect_data(&["8"]);
}

fn a_clean_end_and_a_broken_connection_are_told_apart(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick_with(json!({ "lastEventId": "7" })));
    let mut attempt = server.attempt();
    attempt.open();
    attempt.finish();
    assert_eq!(client.until_state("waiting")["reason"], "ended");
    let mut attempt = server.attempt();
    attempt.open_until_close();
    attempt.write(": \n");
    attempt.finish();
    assert_eq!(client.until_state("waiting")["reason"], "ended");
    // In the middle of a chunk, between two, and with a reset.
    let mut attempt = server.attempt();
    attempt.open_to_break();
    attempt.write_raw(b"40\r\ndata: half");
    attempt.hang_up();
    assert_eq!(client.until_state("waiting")["reason"], "broken");
    let mut attempt = server.attempt();
    attempt.open_to_break();
    attempt.write(": \n");
    attempt.hang_up();
    assert_eq!(client.until_state("waiting")["reason"], "broken");
    let mut attempt = server.attempt();
    attempt.open_to_break();
    client.until_state("open");
    attempt.reset();
    assert_eq!(client.until_state("waiting")["reason"], "broken");
    comes_back(&server, &mut client);
}

// CLI-03: no limit on the whole time of a stream.
fn a_stream_outlives_the_connect_limit(service: &TestService) {
    let limit = Duration::from_millis(200);
    let server = StreamServer::start();
    let options = with(quick(), json!({ "connectTimeoutMs": limit.as_millis() as u64 }));
    let mut client = service.subscribe(&server.url("/"), options);
    let mut attempt = server.attempt();
    attempt.open();
    for n in 0.. {
        attempt.write(event(n));
        client.expect_data(&[&n.to_string()]);
        if attempt.arrived.elapsed() > 5 * limit {
            break;
        }
    }
    server.expect_no_attempt();
}
