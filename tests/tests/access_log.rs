//! The access log: a line for every session and publish, and nothing in it that was secret or that a terminal obeys.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use headwater_access::{Algorithm, SigningKey};
use headwater_testkit::peer::Connection;
use headwater_testkit::{Hub, Request, until};
use serde_json::{Value, json};

const SECRET: &str = "an inline secret of forty-two random bytes";

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))).collect()
}

fn token(subject: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let rights = json!({ "subscribe": ["**"], "publish": ["**"], "admin": true });
    let claims = json!({ "sub": subject, "exp": now + 3600, "headwater": rights });
    let key = SigningKey::new(Some("main"), Algorithm::Hs256, SECRET.as_bytes()).unwrap();
    key.sign_claims(&claims).unwrap()
}

// OBS-02, T18, SEC-06
#[test]
fn t18_every_session_and_publish_has_a_line_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let config = format!(
        "access_log = {file:?}\nlog = \"debug\"\n[access]\nkeys = [{{ id = \"main\", algorithm = \"HS256\", secret = \"{SECRET}\" }}]\n"
    );
    let mut hub = Hub::builder().config(&config).start();
    let address = hub.address();
    let subject = "ada\r\n\u{1b}[31mred";
    let token = token(subject);
    let bearer = format!("Bearer {token}");
    let planted = "PLANTED-aGVsbG8";
    let fields = [
        ("authorization", bearer.as_str()),
        ("user-agent", planted),
        ("referer", planted),
        ("x-forwarded-for", planted),
        ("cookie", planted),
        ("idempotency-key", planted),
        ("last-event-id", planted),
    ];
    let ask = |method: &str, target: &str, fields: &[(&str, &str)], body: &str| {
        Connection::open(address).unwrap().request(method, target, fields, body.as_bytes()).unwrap()
    };
    let id = ask("POST", &format!("/v1/topics/a?key={planted}"), &fields, planted).id();
    ask("GET", &format!("/v1/events?topic=a&ticket={planted}"), &[], "");
    ask("GET", &format!("/v1/events?topic=a&token={planted}"), &[("authorization", &format!("{bearer}x"))], "");
    ask("GET", &format!("/{planted}?{planted}"), &fields, "");
    ask("POST", &format!("/v1/topics/%0d%0a{planted}"), &fields, "x");
    ask("POST", "/v1/events", &fields, &json!([{ "topic": "b", "data": planted }]).to_string());
    drop(Connection::open(address).unwrap().subscribe(&format!("?topic=a&topic=c/*&x={planted}"), &fields).unwrap());
    let found = until("the lines", || {
        let lines = lines(&file);
        lines.iter().any(|line| line["reason"] == "client").then_some(lines)
    });
    let publish = &found[0];
    assert_eq!(
        (&publish["kind"], &publish["topic"], &publish["status"]),
        (&json!("publish"), &json!("a"), &json!(201))
    );
    assert_eq!((&publish["last_id"], &publish["address"]), (&json!(id), &json!("127.0.0.1")));
    assert_eq!(publish["subject"], "ada\\u{d}\\u{a}\\u{1b}[31mred");
    let refused: Vec<_> = found.iter().filter(|line| line["status"] == 401).collect();
    assert!(refused.len() == 2 && refused.iter().all(|line| line["reason"] == "unauthorized"), "{found:#?}");
    let session = found.iter().find(|line| line["reason"] == "client").unwrap();
    assert_eq!((&session["kind"], &session["topics"]), (&json!("session"), &json!(["a", "c/*"])));
    assert!(session["bytes"].as_u64().unwrap() > 0 && session["last_id"].is_string(), "{session}");

    // Everything that the hub has written.
    let metrics = ask("GET", "/metrics", &[("authorization", &bearer)], "").text().to_owned();
    let written = format!("{}\n{}\n{metrics}", fs::read_to_string(&file).unwrap(), hub.log().join("\n"));
    for secret in [planted, &token, token.rsplit('.').next().unwrap(), SECRET] {
        assert!(!written.contains(secret), "{secret} was written: {written}");
    }
    assert!(!written.contains("\u{1b}[31mred") && !written.contains('\r'), "{written}");

    // A reload lets go of a file that was moved away.
    fs::rename(&file, folder.path().join("access.log.1")).unwrap();
    hub.reload(&config);
    hub.logged("configuration reloaded");
    ask("POST", "/v1/topics/a", &[("authorization", &bearer)], "x");
    until("a line in the new file", || (lines(&file).len() == 1).then_some(()));
}

// OBS-02: who is refused can ask as often as they like, and fills nobody's disk
#[test]
fn refusals_have_so_many_lines_and_take_none_from_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("access.log");
    let hub = Hub::builder().config(&format!("access_log = {file:?}")).start();
    let refused = Request::post("/v1/topics/$hub/mine", "x").bytes("localhost");
    let mut connection = hub.client().connect();
    let (started, mut sent) = (Instant::now(), 0);
    let omitted = until("refusals without a line", || {
        connection.write(refused.repeat(100));
        (0..100).for_each(|_| assert_eq!(connection.answer().status(), 403));
        sent += 100;
        Some(hub.client().metric("headwater_access_log_omitted_total")).filter(|omitted| *omitted > 0.0)
    });
    let id = hub.client().publish("a", "x");
    drop(hub.client().events("topic=a"));
    let found = until("the lines of the others", || {
        let lines = lines(&file);
        lines.iter().any(|line| line["kind"] == "session").then_some(lines)
    });
    let most = 200.0 + 100.0 * started.elapsed().as_secs_f64();
    let lines = found.iter().filter(|line| line["status"] == 403).count();
    assert!(lines as f64 <= most && lines as f64 + omitted == f64::from(sent), "{lines} + {omitted} of {sent}");
    assert!(found.iter().any(|line| line["last_id"] == id.as_str()), "a publish has a turn of its own");
    let told: f64 = found.iter().filter_map(|line| line["omitted"].as_f64()).sum();
    assert_eq!(told, omitted, "the log says what is not in it");
}
