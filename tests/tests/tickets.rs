//! Tickets in use: one stream at a time, for the same topics, for as long as its session is renewed (SEC-06, T3).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use headwater_testkit::{Client, Http2, Issuer, LocalHub, Request, Sse, until};
use serde_json::{Value, json};

fn hub() -> LocalHub {
    LocalHub::with(&format!("shards = 2\n{}", Issuer::config()))
}

fn token(claims: Value) -> String {
    let mut all = json!({ "headwater": { "subscribe": ["orders/**"] } });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    Issuer::token(&all)
}

/// A ticket for all orders, made with this token.
fn ticket(client: &Client, token: &str) -> String {
    let asked = Request::post("/v1/tickets", "{\"subscribe\":[\"orders/**\"]}").bearer(token);
    client.send(&asked).expect(201).json()["ticket"].as_str().unwrap().to_owned()
}

fn subscribe(topics: &str, ticket: &str) -> Request {
    Request::get(&format!("/v1/events?{topics}&ticket={ticket}"))
}

fn published(client: &Client, data: &str) -> String {
    client.send(&Request::post("/v1/topics/orders/1", data).bearer(&Issuer::admin())).expect(201).ids().remove(0)
}

fn refusal(client: &Client, request: &Request) -> (u16, String) {
    let answer = client.send(request);
    (answer.status(), answer.json()["reason"].as_str().unwrap_or("").to_owned())
}

#[track_caller]
fn gives_way(mut stream: Sse) {
    let begun = Instant::now();
    let last = stream.rest().pop().unwrap();
    assert_eq!((last.event.as_str(), last.json()["reason"].as_str()), ("headwater.closing", Some("revoked")));
    assert!(begun.elapsed() < Duration::from_secs(2), "at once");
}

#[test]
fn t3_sec_06_a_ticket_holds_one_stream_open_at_a_time() {
    let hub = hub();
    let client = hub.client();
    let http2 = Http2::connect(hub.address());
    let ada = token(json!({}));
    let (one, other) = (ticket(&client, &ada), ticket(&client, &ada));
    let mut neighbour = client.stream(&subscribe("topic=orders/1", &other));
    let mut bearer = client.stream(&Request::get("/v1/events?topic=orders/1").bearer(&ada));
    let mut current = client.stream(&subscribe("topic=orders/1", &one));
    // The newcomer wins, on whichever shard and protocol, as it may be the reconnect of one whose end was not noticed.
    for round in 0..6 {
        let request = subscribe("topic=orders/1", &one);
        let newcomer = if round % 2 == 0 { http2.stream(&request) } else { client.stream(&request) };
        gives_way(std::mem::replace(&mut current, newcomer));
    }
    drop(published(&client, "paid"));
    for stream in [&mut current, &mut neighbour, &mut bearer] {
        assert_eq!(stream.next().data, "paid");
    }
}

#[test]
fn sec_06_a_reconnect_takes_over_where_the_stream_was() {
    let hub = hub();
    let client = hub.client();
    let ticket = ticket(&client, &token(json!({})));
    let mut stream = client.stream(&subscribe("topic=orders/1", &ticket));
    let id = published(&client, "one");
    assert_eq!(stream.next().data, "one");
    drop(published(&client, "two"));
    // The first connection is still there; the client has given it up.
    let again = subscribe("topic=orders/1", &ticket).header("Last-Event-ID", &id);
    let mut resumed = client.stream(&again);
    assert_eq!(resumed.next().data, "two");
    gives_way(stream);
    drop(published(&client, "three"));
    assert_eq!(resumed.next().data, "three");
}

#[test]
fn sec_06_a_ticket_in_use_is_for_the_topics_of_its_first_stream() {
    let hub = hub();
    let client = hub.client();
    let ticket = ticket(&client, &token(json!({})));
    // What was refused was no use.
    assert_eq!(refusal(&client, &subscribe("topic=invoices/1", &ticket)), (403, "no-right-to-subscribe".to_owned()));
    let mut stream = client.stream(&subscribe("topic=orders/1&topic=orders/2/*", &ticket));
    for other in ["topic=orders/1", "topic=orders/**", "topic=orders/1&topic=orders/2/*&topic=orders/3"] {
        assert_eq!(refusal(&client, &subscribe(other, &ticket)), (401, "other-topics".to_owned()), "{other}");
    }
    let id = published(&client, "paid");
    assert_eq!(stream.next().data, "paid", "whoever was refused took nobody's place");
    // All else may differ.
    let mut same =
        client.stream(&subscribe("max_rate=5&topic=orders/2/*&topic=orders/1", &ticket).header("Last-Event-ID", &id));
    drop(published(&client, "sent"));
    assert_eq!(same.next().data, "sent");
}

#[test]
fn sec_06_sec_07_a_ticket_lasts_as_long_as_its_session_is_renewed() {
    let hub = hub();
    let client = hub.client();
    let end = Issuer::now() + 4;
    let brief = token(json!({ "exp": end }));
    let (kept, left_alone) = (ticket(&client, &brief), ticket(&client, &brief));
    drop(client.stream(&subscribe("topic=orders/1", &left_alone)));
    let mut stream = client.stream(&subscribe("topic=orders/1", &kept));
    let warning = stream.next();
    assert_eq!(warning.event, "headwater.expiring");
    let session = warning.json()["session"].as_str().unwrap().to_owned();
    let renewal = Request::post(&format!("/v1/sessions/{session}/credential"), "");
    // The new token covers what is read, and no more.
    let narrow = token(json!({ "jti": "next", "headwater": { "subscribe": ["orders/1"] } }));
    drop(client.send(&renewal.bearer(&narrow)).expect(200));
    drop(stream);
    until("the first token to end", || (Issuer::now() > end).then_some(()));
    assert_eq!(refusal(&client, &subscribe("topic=orders/1", &left_alone)), (401, "unknown-ticket".to_owned()));
    let mut again = client.stream(&subscribe("topic=orders/1", &kept));
    drop(published(&client, "still here"));
    assert_eq!(again.next().data, "still here");
    assert_eq!(refusal(&client, &subscribe("topic=orders/2", &kept)), (401, "other-topics".to_owned()));
    // It goes with the token that it lasts by.
    let what = json!({ "token": "next" }).to_string();
    drop(client.send(&Request::post("/v1/admin/revocations", what).bearer(&Issuer::admin())).expect(201));
    gives_way(again);
    assert_eq!(refusal(&client, &subscribe("topic=orders/1", &kept)), (401, "revoked".to_owned()));
}
