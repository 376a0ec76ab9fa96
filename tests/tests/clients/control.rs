//! Control events arrive as items of their own kind.

use headwater_testkit::{StreamServer, TestService};
use serde_json::{Value, json};

use crate::services::{event, quick, quick_with};

scenarios!(
    a_gap_is_told_and_moves_the_cursor,
    a_closing_is_told_and_waited_for,
    an_expired_or_revoked_stream_asks_the_hook_before_it_comes_back,
    an_expiring_credential_is_renewed_without_a_reconnect,
    elsewhere_an_expiring_credential_is_only_told,
    an_end_is_told,
    what_is_not_as_documented_is_an_ordinary_event,
);

fn control(name: &str, data: &Value) -> String {
    format!("event: headwater.{name}\ndata: {data}\n\n")
}

// IDG-08: a gap is exposed.
fn a_gap_is_told_and_moves_the_cursor(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick_with(json!({ "lastEventId": "1-a" })));
    let mut attempt = server.attempt();
    attempt.open();
    let gap = json!({ "reason": "retention", "requested": "1-a", "resumed_at": "50-a" });
    attempt.write(format!("id: 50-a\n{}", control("gap", &gap)));
    assert_eq!(client.of_kind("gap"), gap);
    attempt.write(control("gap", &gap));
    assert_eq!(client.of_kind("gap"), gap);
    attempt.finish();
    assert_eq!(server.attempt().cursor(), Some("50-a"));
}

fn a_closing_is_told_and_waited_for(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    let closing = json!({ "reason": "drain", "reconnect_ms": 70 });
    attempt.write(event(1) + &control("closing", &closing));
    attempt.finish();
    client.expect_data(&["1"]);
    assert_eq!(client.of_kind("closing"), closing);
    let waiting = client.until_state("waiting");
    assert_eq!((&waiting["reason"], &waiting["delay_ms"]), (&json!("closing"), &json!(70)), "{waiting}");
    let mut attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some("1"));
    // What was said of one stream is not said of the next.
    attempt.open();
    attempt.finish();
    assert_eq!(client.until_state("waiting")["reason"], "ended");
}

/// Takes what the hook is asked about a stream, and answers with this token.
#[track_caller]
fn refresh(hook: &StreamServer, token: &str) {
    let attempt = hook.attempt();
    let asked: Value = serde_json::from_slice(&attempt.request.body).unwrap();
    assert_eq!(asked["status"], 0, "{asked}");
    attempt.answer_json(&json!({ "token": token }));
}

fn an_expired_or_revoked_stream_asks_the_hook_before_it_comes_back(service: &TestService) {
    for reason in ["expired", "revoked"] {
        let (server, hook) = (StreamServer::start(), StreamServer::start());
        let options = quick_with(json!({ "token": "old", "refreshUrl": hook.url("/") }));
        let mut client = service.subscribe(&server.url("/"), options);
        let mut attempt = server.attempt();
        assert_eq!(attempt.request.header("authorization"), Some("Bearer old"));
        attempt.open();
        attempt.write(event(1) + &control("closing", &json!({ "reason": reason, "reconnect_ms": 0 })));
        attempt.finish();
        refresh(&hook, "new");
        let mut attempt = server.attempt();
        assert_eq!((attempt.request.header("authorization"), attempt.cursor()), (Some("Bearer new"), Some("1")));
        // After another reason it is not asked.
        attempt.open();
        attempt.write(control("closing", &json!({ "reason": "max_age", "reconnect_ms": 0 })));
        attempt.finish();
        assert_eq!(server.attempt().request.header("authorization"), Some("Bearer new"));
        hook.expect_no_attempt();
        drop(client.item());
    }
}

fn an_expiring_credential_is_renewed_without_a_reconnect(service: &TestService) {
    let (server, hook) = (StreamServer::start(), StreamServer::start());
    let options = quick_with(json!({ "token": "old", "refreshUrl": hook.url("/") }));
    let mut client = service.subscribe(&server.url("/hub/v1/events?topic=a"), options);
    let mut attempt = server.attempt();
    attempt.open();
    let expiring = json!({ "expires_at": "2026-01-01T00:00:00Z", "session": "s/7" });
    attempt.write(control("expiring", &expiring));
    assert_eq!(client.of_kind("expiring"), expiring);
    refresh(&hook, "new");
    let renewal = server.attempt();
    let asked =
        (renewal.request.method.as_str(), renewal.request.target.as_str(), renewal.request.header("authorization"));
    assert_eq!(asked, ("POST", "/hub/v1/sessions/s%2F7/credential", Some("Bearer new")));
    renewal.answer_json(&json!({ "expires_at": "2026-01-01T01:00:00Z" }));
    attempt.write(event(1));
    client.expect_data(&["1"]);
    // The new one is there for the next attempt, too.
    attempt.finish();
    assert_eq!(server.attempt().request.header("authorization"), Some("Bearer new"));
    hook.expect_no_attempt();
}

fn elsewhere_an_expiring_credential_is_only_told(service: &TestService) {
    let (server, hook) = (StreamServer::start(), StreamServer::start());
    let with_hook = quick_with(json!({ "token": "old", "refreshUrl": hook.url("/") }));
    let expiring = json!({ "expires_at": "2026-01-01T00:00:00Z", "session": "s7" });
    for (path, options) in [("/events", with_hook), ("/v1/events", quick())] {
        let mut client = service.subscribe(&server.url(path), options);
        let mut attempt = server.attempt();
        attempt.open();
        attempt.write(control("expiring", &expiring) + &event(1));
        assert_eq!(client.of_kind("expiring"), expiring);
        client.expect_data(&["1"]);
        // Before its connection ends, as it would come back.
        drop(client);
    }
    server.expect_no_attempt();
    hook.expect_no_attempt();
}

fn an_end_is_told(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    for reason in ["done", "error", "cancelled"] {
        let end = json!({ "reason": reason, "topic": "job/7" });
        attempt.write(control("end", &end));
        assert_eq!(client.of_kind("end"), end);
    }
}

fn what_is_not_as_documented_is_an_ordinary_event(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    for (name, data) in [
        ("gap", "no JSON"),
        ("gap", "{}"),
        ("gap", "[\"retention\",\"1-a\",\"2-a\"]"),
        ("gap", "{\"reason\":1,\"requested\":\"1-a\",\"resumed_at\":\"2-a\"}"),
        ("closing", "{\"reason\":\"drain\"}"),
        ("closing", "{\"reason\":\"drain\",\"reconnect_ms\":\"70\"}"),
        ("closing", "{\"reason\":\"drain\",\"reconnect_ms\":-1}"),
        ("closing", "null"),
        ("expiring", "{\"session\":\"s7\"}"),
        ("end", "{\"reason\":\"done\"}"),
        ("end", "\"done\""),
        ("unheard", "{\"reason\":\"done\"}"),
        ("", "{}"),
    ] {
        attempt.write(format!("event: headwater.{name}\ndata: {data}\n\n"));
        let event = client.event();
        assert_eq!((&event["type"], &event["data"]), (&json!(format!("headwater.{name}")), &json!(data)));
    }
    // And a member more does no harm.
    attempt.write(control("end", &json!({ "reason": "done", "topic": "a", "since": 7 })));
    assert_eq!(client.of_kind("end"), json!({ "reason": "done", "topic": "a" }));
}
