//! Credentials that are taken back: on running streams, on new requests, and after a restart.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::time::{Duration, Instant};

use headwater_testkit::{Client, Http2, Hub, Issuer, LocalHub, Request, Sse, until};
use serde_json::{Value, json};

fn token(id: &str, subject: &str) -> String {
    Issuer::token(&json!({ "jti": id, "sub": subject, "headwater": { "subscribe": ["orders/**"] } }))
}

fn subscribe() -> Request {
    Request::get("/v1/events?topic=orders/*")
}

fn revoke(client: &Client, what: &Value) -> Value {
    let request = Request::post("/v1/admin/revocations", what.to_string()).bearer(&Issuer::admin());
    client.send(&request).expect(201).json()
}

fn reason(client: &Client, token: &str) -> (u16, String) {
    let answer = client.send(&Request::post("/v1/tickets", "{\"subscribe\":[\"orders/1\"]}").bearer(token));
    (answer.status(), answer.json()["reason"].as_str().unwrap_or("").to_owned())
}

fn revoked() -> (u16, String) {
    (401, "revoked".to_owned())
}

#[track_caller]
fn ends_as_revoked(mut stream: Sse) {
    let begun = Instant::now();
    let last = stream.rest().pop().unwrap();
    assert_eq!((last.event.as_str(), last.json()["reason"].as_str()), ("headwater.closing", Some("revoked")));
    assert!(begun.elapsed() < Duration::from_secs(2), "within two seconds");
}

#[test]
fn t4_sec_07_a_revoked_token_loses_its_streams_and_opens_nothing_more() {
    let hub = LocalHub::with(&format!("shards = 2\n{}", Issuer::config()));
    let client = hub.client();
    let (ada, eve) = (token("t-1", "ada"), token("t-2", "eve"));
    let plain = client.stream(&subscribe().bearer(&ada));
    let http2 = Http2::connect(hub.address());
    let multiplexed = http2.stream(&subscribe().bearer(&ada));
    let mut other = client.stream(&subscribe().bearer(&eve));
    let ticket = |token: &str| {
        let asked = Request::post("/v1/tickets", "{\"subscribe\":[\"orders/1\"]}").bearer(token);
        client.send(&asked).expect(201).json()["ticket"].as_str().unwrap().to_owned()
    };
    let (used, unused) = (ticket(&ada), ticket(&ada));
    let by_ticket = |ticket: &str| Request::get(&format!("/v1/events?topic=orders/1&ticket={ticket}"));
    let ticketed = client.stream(&by_ticket(&used));

    let made = revoke(&client, &json!({ "token": "t-1" }));
    assert_eq!(made["token"], "t-1");
    // At once, although the token has been verified before.
    assert_eq!(reason(&client, &ada), revoked());
    for stream in [plain, multiplexed, ticketed] {
        ends_as_revoked(stream);
    }
    for ticket in [&used, &unused] {
        assert_eq!(client.send(&by_ticket(ticket)).json()["reason"], "revoked");
    }
    drop(client.send(&Request::post("/v1/topics/orders/1", "x").bearer(&Issuer::admin())).expect(201));
    assert_eq!(other.next().data, "x", "others go on");
    let metrics = client.send(&Request::get("/metrics").bearer(&Issuer::admin())).text().to_owned();
    assert!(metrics.contains("headwater_sessions_closed_total{reason=\"revoked\"} 3"), "{metrics}");
    assert!(metrics.contains("headwater_access_refused_total{reason=\"revoked\"} 3"), "{metrics}");

    let id = made["id"].as_str().unwrap();
    let take_back = Request::new("DELETE", &format!("/v1/admin/revocations/{id}")).bearer(&Issuer::admin());
    assert_eq!(client.send(&take_back).status(), 204);
    assert_eq!(client.send(&take_back).status(), 404);
    assert_eq!(reason(&client, &ada).0, 201);
}

#[test]
fn t4_by_subject_by_time_and_by_session() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let aged = |subject: &str, seconds: u64| {
        Issuer::token(&json!({ "sub": subject, "iat": Issuer::now() - seconds, "jti": format!("{subject}-{seconds}") }))
    };
    let (old, new) = (aged("ada", 100), aged("ada", 1));
    revoke(&client, &json!({ "subject": "ada", "issued_before": Issuer::now() - 50 }));
    assert_eq!((reason(&client, &old), reason(&client, &new).0), (revoked(), 201));
    assert_eq!(reason(&client, &aged("eve", 100)).0, 201);
    revoke(&client, &json!({ "subject": "ada", "issuer": "https://other.example" }));
    assert_eq!(reason(&client, &new).0, 201);
    revoke(&client, &json!({ "subject": "ada" }));
    assert_eq!(reason(&client, &new), revoked());

    let session = |subject: &str| {
        let path = format!("/v1/admin/sessions?subject={subject}");
        let found = client.send(&Request::get(&path).bearer(&Issuer::admin())).expect(200).json();
        found["sessions"][0]["session"].as_str().map(str::to_owned)
    };
    let stream = client.stream(&subscribe().bearer(&aged("eve", 1)));
    let made = revoke(&client, &json!({ "session": session("eve").unwrap() }));
    assert_eq!(made["token"], "eve-1");
    ends_as_revoked(stream);
    assert_eq!(reason(&client, &aged("eve", 2)).0, 201, "another token of the same subject");
    assert_eq!(reason(&client, &aged("eve", 1)), revoked());

    revoke(&client, &json!({ "issued_before": Issuer::now() - 500 }));
    assert_eq!(reason(&client, &aged("bob", 1000)), revoked());
    assert_eq!(reason(&client, &aged("bob", 10)).0, 201);
}

#[test]
fn what_cannot_be_revoked_is_said() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let send =
        |body: &str| client.send(&Request::post("/v1/admin/revocations", body).bearer(&Issuer::admin())).status();
    for wrong in [
        "",
        "{}",
        "[]",
        "{\"issuer\":\"i\"}",
        "{\"token\":\"\"}",
        "{\"token\":1}",
        "{\"token\":\"t\",\"session\":\"0-0-0\"}",
        "{\"token\":\"t\",\"until\":1}",
        "{\"token\":\"t\",\"expires_at\":1}",
        "{\"issued_before\":\"yesterday\"}",
    ] {
        assert_eq!(send(wrong), 400, "{wrong}");
    }
    assert_eq!(send("{\"session\":\"0-0-0\"}"), 404);
    drop(client.events("topic=public/x"));
    let _anonymous = client.events("topic=public/x");
    let found = client.send(&Request::get("/v1/admin/sessions?topic=public/x").bearer(&Issuer::admin())).json();
    let name = found["sessions"][0]["session"].as_str().unwrap().to_owned();
    assert_eq!(send(&json!({ "session": name }).to_string()), 409);
    assert_eq!(send("{\"token\":\"t\",\"expires_at\":\"2999-01-01T00:00:00Z\"}"), 201);
    let rounded = revoke(&client, &json!({ "issued_before": "2001-01-01T00:00:00.5Z" }));
    assert_eq!(rounded["issued_before"], "2001-01-01T00:00:01Z", "a token of that second may be older");
    // Only for administrators.
    let request = Request::post("/v1/admin/revocations", "{\"token\":\"t\"}");
    assert_eq!(client.send(&request).status(), 401);
    assert_eq!(client.send(&request.bearer(&token("x", "ada"))).status(), 403);
}

#[test]
fn t4_a_restart_forgets_no_revocation() {
    let mut hub = Hub::builder().config(&Issuer::config()).start();
    let (ada, eve) = (token("t-1", "ada"), token("t-2", "eve"));
    let kept = revoke(&hub.client(), &json!({ "token": "t-1" }));
    let back = revoke(&hub.client(), &json!({ "token": "t-2" }));
    let path = format!("/v1/admin/revocations/{}", back["id"].as_str().unwrap());
    drop(hub.client().send(&Request::new("DELETE", &path).bearer(&Issuer::admin())).expect(204));
    hub.kill();
    hub.restart();
    assert_eq!(reason(&hub.client(), &ada), revoked());
    assert_eq!(reason(&hub.client(), &eve).0, 201);
    let listed = hub.client().send(&Request::get("/v1/admin/revocations").bearer(&Issuer::admin())).expect(200).json();
    assert_eq!(listed, json!({ "revocations": [kept], "next": null }));
    hub.reload(&Issuer::config());
    hub.logged("configuration reloaded");
    assert_eq!(reason(&hub.client(), &ada), revoked());
    // A hub that cannot know what was revoked does not start.
    let file = hub.data().join("revocations.checkpoint");
    let content = fs::read_to_string(&file).unwrap().replace("t-1", "t-3");
    hub.terminate();
    fs::write(&file, content).unwrap();
    let folder = hub.data();
    let output = hub.run(&["serve", "--listen", "127.0.0.1:0", "--data", folder.to_str().unwrap()]);
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("revocations") && message.contains("damaged"), "{message}");
}

#[test]
fn t4_one_that_takes_nothing_is_cut_off() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let http2 = Http2::connect(hub.address());
    let (_head, _stalled) = http2.open(&subscribe().bearer(&token("t-1", "ada")));
    let mut publisher = client.publisher();
    // More than the windows and the buffers between take.
    let data = "x".repeat(200 << 10);
    for _ in 0..100 {
        drop(publisher.send(&Request::post("/v1/topics/orders/1", data.clone()).bearer(&Issuer::admin())).expect(201));
    }
    let count = || {
        let found = client.send(&Request::get("/v1/admin/sessions?subject=ada").bearer(&Issuer::admin())).json();
        found["sessions"].as_array().unwrap().len()
    };
    assert_eq!(count(), 1);
    let begun = Instant::now();
    revoke(&client, &json!({ "token": "t-1" }));
    until("the stalled session to be gone", || (count() == 0).then_some(()));
    assert!(begun.elapsed() < Duration::from_secs(4));
}

// Milliseconds for seconds, or a wrong year, must not lock everybody out.
#[test]
fn a_time_that_is_to_come_revokes_nothing() {
    let hub = LocalHub::with(&Issuer::config());
    let client = hub.client();
    let admin = Issuer::admin();
    for before in [json!(Issuer::now() * 1000), json!(Issuer::now() + 3600), json!("2090-01-01T00:00:00Z")] {
        for what in [json!({ "issued_before": before }), json!({ "issued_before": before, "subject": "ada" })] {
            let request = Request::post("/v1/admin/revocations", what.to_string()).bearer(&admin);
            assert_eq!(client.send(&request).status(), 400, "{what}");
        }
    }
    let listed = client.send(&Request::get("/v1/admin/revocations").bearer(&admin)).expect(200).json();
    assert_eq!(listed["revocations"], json!([]));
    revoke(&client, &json!({ "issued_before": Issuer::now() - 10 }));
    drop(client.send(&Request::get("/v1/admin/revocations").bearer(&admin)).expect(200));
}
