//! A running session that goes on with a new credential (SEC-07).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::thread;
use std::time::{Duration, Instant};

use headwater_testkit::{Answer, Client, Event, Http2, Issuer, LocalHub, Request, SlowReader, Sse, until};
use serde_json::{Value, json};

const SOON: u64 = 3;

fn token(claims: Value) -> String {
    let mut all = json!({ "headwater": { "subscribe": ["orders/**"] } });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    Issuer::token(&all)
}

fn brief() -> String {
    token(json!({ "exp": Issuer::now() + SOON }))
}

fn subscribe() -> Request {
    Request::get("/v1/events?topic=orders/*")
}

fn renew(client: &Client, session: &str, token: &str) -> Answer {
    client.send(&Request::post(&format!("/v1/sessions/{session}/credential"), "").bearer(token))
}

/// The name of the session that is told to end soon.
#[track_caller]
fn session_of(stream: &mut Sse) -> String {
    let warning = stream.next();
    assert_eq!(warning.event, "headwater.expiring");
    warning.json()["session"].as_str().unwrap().to_owned()
}

fn published(client: &Client, data: &str) {
    drop(client.send(&Request::post("/v1/topics/orders/1", data).bearer(&Issuer::admin())).expect(201));
}

#[track_caller]
fn ends_as_expired(stream: &mut Sse) {
    let last: Event = stream.rest().pop().unwrap();
    assert_eq!((last.event.as_str(), last.json()["reason"].as_str()), ("headwater.closing", Some("expired")));
}

/// Waits until the clock has passed the end that a brief token had.
fn pass(end: u64) {
    until("the old credential to end", || (Issuer::now() > end + 1).then_some(()));
}

#[test]
fn sec_07_a_renewed_stream_outlives_its_first_credential() {
    let hub = LocalHub::with(&format!("shards = 2\n{}", Issuer::config()));
    let client = hub.client();
    let http2 = Http2::connect(hub.address());
    let end = Issuer::now() + SOON;
    let mut streams = [client.stream(&subscribe().bearer(&brief())), http2.stream(&subscribe().bearer(&brief()))];
    let mut left_alone = client.stream(&subscribe().bearer(&brief()));
    drop(session_of(&mut left_alone));
    // It ends, too, and is told so anew.
    let again = token(json!({ "exp": end + 4 }));
    for stream in &mut streams {
        let session = session_of(stream);
        let answer = renew(&client, &session, &again).expect(200);
        assert!(answer.json()["expires_at"].as_str().unwrap().ends_with('Z'));
    }
    ends_as_expired(&mut left_alone);
    pass(end);
    published(&client, "still here");
    for stream in &mut streams {
        let events = stream.until(|event| event.data == "still here");
        assert_eq!(events.iter().filter(|event| event.event == "headwater.expiring").count(), 1, "{events:?}");
        ends_as_expired(stream);
    }
}

#[test]
fn sec_07_a_long_poll_in_flight_is_renewed() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let end = Issuer::now() + SOON;
    let poll = Request::get("/v1/events?topic=orders/*&wait=20").header("Accept", "application/json").bearer(&brief());
    let waiting = thread::spawn(move || client.send(&poll).expect(200).json());
    let client = hub.client();
    let list = || client.send(&Request::get("/v1/admin/sessions?subject=ada").bearer(&Issuer::admin())).json();
    until("the poll to wait", || (!list()["sessions"].as_array().unwrap().is_empty()).then_some(()));
    let session = list()["sessions"][0]["session"].as_str().unwrap().to_owned();
    drop(renew(&client, &session, &token(json!({}))).expect(200));
    pass(end);
    assert!(!waiting.is_finished(), "it holds on");
    published(&client, "late");
    assert_eq!(waiting.join().unwrap()["events"][0]["data"], "late");
}

#[test]
fn sec_07_only_the_holder_renews_and_only_with_enough() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let mut stream = client.stream(&subscribe().bearer(&brief()));
    let session = session_of(&mut stream);
    let refused = |token: &str| {
        let answer = renew(&client, &session, token);
        (answer.status(), answer.json()["reason"].as_str().unwrap_or("").to_owned())
    };
    let narrow = token(json!({ "headwater": { "subscribe": ["orders/1"] } }));
    assert_eq!(refused(&narrow), (403, "no-right-to-subscribe".into()));
    assert_eq!(refused(&token(json!({ "sub": "eve" }))), (403, "other-holder".into()));
    assert_eq!(refused(&token(json!({ "sub": null }))), (403, "other-holder".into()));
    assert_eq!(refused(&token(json!({ "iss": "https://other.example" }))), (403, "other-holder".into()));
    assert_eq!(refused(&token(json!({ "exp": Issuer::now() - 1 }))), (401, "expired".into()));
    assert_eq!(refused("x"), (401, "malformed".into()));
    let bare = client.send(&Request::post(&format!("/v1/sessions/{session}/credential"), ""));
    assert_eq!((bare.status(), bare.json()["reason"].as_str()), (401, Some("missing")));
    ends_as_expired(&mut stream);
    // One answer for a session that was, that never was, and that could not be.
    let gone = renew(&client, &session, &token(json!({}))).expect(404).text().to_owned();
    for name in ["0-ffff-7", "9-0-0", "nonsense", "..%2f.."] {
        assert_eq!(renew(&client, name, &token(json!({}))).expect(404).text(), gone, "{name}");
    }
}

#[test]
fn sec_07_a_shorter_credential_ends_a_session_sooner() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let mut stream = client.stream(&subscribe().bearer(&token(json!({}))));
    let list = client.send(&Request::get("/v1/admin/sessions?subject=ada").bearer(&Issuer::admin())).json();
    let session = list["sessions"][0]["session"].as_str().unwrap();
    drop(renew(&client, session, &brief()).expect(200));
    drop(session_of(&mut stream));
    ends_as_expired(&mut stream);
}

// The warning is for streams: an answer that is held goes on waiting for its events.
#[test]
fn a_long_poll_is_held_although_its_credential_ends_soon() {
    let hub = LocalHub::with(&Issuer::config());
    let soon = Issuer::token(&json!({ "exp": Issuer::now() + 30 }));
    let request = Request::get("/v1/events?topic=orders/1&wait=2").header("Accept", "application/json").bearer(&soon);
    let begun = Instant::now();
    let answer = hub.client().send(&request).expect(200).json();
    assert_eq!(answer["events"], json!([]));
    assert!(begun.elapsed() >= Duration::from_secs(2), "it was answered after {:?}", begun.elapsed());
}

// SEC-07, T4: nor does it help to take slowly, or not at all, what was begun before.
#[test]
fn t4_a_stalled_reader_is_gone_when_its_credential_is() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let soon = Issuer::token(&json!({ "sub": "bob", "exp": Issuer::now() + 4 }));
    let request = Request::get("/v1/events?topic=orders/1").bearer(&soon);
    let slow = SlowReader::start(hub.address(), &request, Duration::from_millis(50));
    let admin = Issuer::admin();
    let sessions = || {
        let found = client.send(&Request::get("/v1/admin/sessions?subject=bob").bearer(&admin)).expect(200).json();
        found["sessions"].as_array().unwrap().len()
    };
    until("the reader to be there", || (sessions() == 1).then_some(()));
    let data = "x".repeat(200 << 10);
    drop(client.send(&Request::post("/v1/topics/orders/1", data).bearer(&admin)).expect(201));
    until("the reader to be gone", || (sessions() == 0).then_some(()));
    assert!(slow.taken() < 200 << 10, "it has had everything");
    let figures = client.send(&Request::get("/metrics").bearer(&admin)).expect(200);
    assert!(figures.text().contains("headwater_sessions_closed_total{reason=\"expired\"} 1"), "{}", figures.text());
}
