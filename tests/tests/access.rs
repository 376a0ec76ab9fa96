//! Access control on real sockets: who is let in, who is told what, and when a stream ends.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{SystemTime, UNIX_EPOCH};

use headwater_access::{Algorithm, SigningKey};
use headwater_testkit::{Answer, Hub, LocalHub, Request};
use serde_json::{Value, json};

const SECRET: &str = "an inline secret of forty-two random bytes";
const ORIGIN: &str = "https://app.example";

fn config() -> String {
    format!(
        "[access]\naudience = \"https://hub.example\"\nhosts = [\"hub.example\"]\norigins = [\"{ORIGIN}\"]\n\
         anonymous = {{ subscribe = [\"public/**\"] }}\n\
         [[access.keys]]\nid = \"main\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n"
    )
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A token of these rights that lasts for so many seconds.
fn token_for(rights: Value, seconds: u64) -> String {
    signed(json!({ "sub": "ada", "aud": "https://hub.example", "exp": now() + seconds, "headwater": rights }))
}

fn token(rights: Value) -> String {
    token_for(rights, 3600)
}

fn signed(claims: Value) -> String {
    SigningKey::new(Some("main"), Algorithm::Hs256, SECRET.as_bytes()).unwrap().sign_claims(&claims).unwrap()
}

fn bearer(request: Request, token: &str) -> Request {
    request.header("Authorization", format!("Bearer {token}"))
}

fn admin() -> String {
    token(json!({ "subscribe": ["**"], "publish": ["**"], "admin": true }))
}

/// The status and the reason for machines of a refusal.
#[track_caller]
fn refusal(answer: &Answer) -> (u16, String) {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{:?}", answer.head);
    for (name, value) in [("cache-control", "no-store"), ("x-content-type-options", "nosniff"), ("vary", "Origin")] {
        assert_eq!(answer.header(name), Some(value), "T8, SEC-03");
    }
    (answer.status(), answer.json()["reason"].as_str().unwrap_or("").to_owned())
}

fn missing() -> (u16, String) {
    (401, "missing".to_owned())
}

fn forbidden(right: &str) -> (u16, String) {
    (403, format!("no-right-to-{right}"))
}

#[test]
fn sec_04_nothing_is_done_without_the_right_to_it() {
    let hub = LocalHub::with(&config());
    let client = hub.client();
    let requests = |topic: &str| {
        let batch = json!([{ "topic": topic, "data": 1 }]).to_string();
        [
            ("subscribe", Request::get(&format!("/v1/events?topic={topic}"))),
            ("subscribe", Request::get(&format!("/v1/events?topic={topic}")).header("Accept", "application/x-ndjson")),
            ("subscribe", Request::get(&format!("/v1/events?topic={topic}")).header("Accept", "application/json")),
            ("subscribe", Request::get(&format!("/v1/events?topic={topic}/**"))),
            ("subscribe", Request::get(&format!("/v1/topics/{topic}"))),
            ("publish", Request::post(&format!("/v1/topics/{topic}"), "x")),
            ("publish", Request::post_as("application/x-ndjson", &format!("/v1/topics/{topic}"), "1\n")),
            ("publish", Request::post_as("text/event-stream", &format!("/v1/topics/{topic}"), "data: x\n\n")),
            ("publish", Request::post_as("application/json", "/v1/events", batch.clone())),
            ("publish", Request::post_as("application/x-ndjson", "/v1/events", batch[1..batch.len() - 1].to_owned())),
            ("admin", Request::new("DELETE", &format!("/v1/topics/{topic}"))),
            ("admin", Request::get("/v1/topics")),
            ("admin", Request::get("/metrics")),
        ]
    };
    drop(client.send(&bearer(Request::post("/v1/topics/orders/1", "stored"), &admin())).expect(201));
    let other = token(json!({ "subscribe": ["invoices/**", "orders"], "publish": ["invoices/*"] }));
    // T15: the same answer for a topic that is there and for one that is not.
    for topic in ["orders/1", "orders/none"] {
        for (right, request) in requests(topic) {
            assert_eq!(refusal(&client.send(&request)), missing(), "{request:?}");
            assert_eq!(refusal(&client.send(&bearer(request.clone(), &other))), forbidden(right), "{request:?}");
        }
    }
    let stored = client.send(&bearer(Request::get("/v1/topics/orders/1"), &admin())).expect(200).json();
    assert_eq!(stored["events"], 1, "what was refused left nothing behind");
}

#[test]
fn sec_05_a_bearer_may_do_what_its_claim_says() {
    let hub = LocalHub::with(&config());
    let client = hub.client();
    let ada = token(json!({ "subscribe": ["orders/**"], "publish": ["orders/*"] }));
    let mut stream = client.stream(&bearer(Request::get("/v1/events?topic=orders/*"), &ada));
    drop(client.send(&bearer(Request::post("/v1/topics/orders/42", "paid"), &ada)).expect(201));
    assert_eq!(stream.next().data, "paid");
    drop(client.send(&bearer(Request::get("/v1/topics/orders/42"), &ada)).expect(200));
    // All or none.
    let batch = json!([{ "topic": "orders/1", "data": 1 }, { "topic": "invoices/1", "data": 1 }]).to_string();
    let answer = client.send(&bearer(Request::post_as("application/json", "/v1/events", batch), &ada));
    assert_eq!(refusal(&answer), forbidden("publish"));
    assert_eq!(answer.json()["field"], "[1].topic");
    assert_eq!(client.send(&bearer(Request::get("/v1/topics/orders/1"), &ada)).status(), 404);
    // The hub's own topics are the administrator's.
    let own = Request::get("/v1/events?topic=$hub/stats");
    let all = token(json!({ "subscribe": ["**", "$hub/**"] }));
    for patterns in [&ada, &all] {
        let answer = client.send(&bearer(own.clone(), patterns));
        assert_eq!(refusal(&answer), forbidden("admin"));
        assert!(answer.text().contains("no pattern gives it"), "{}", answer.text());
    }
    drop(client.stream(&bearer(own, &admin())));
}

#[test]
fn anonymous_rights_are_those_of_the_configuration() {
    let hub = LocalHub::with(&config());
    let client = hub.client();
    let mut stream = client.events("topic=public/news");
    drop(client.send(&bearer(Request::post("/v1/topics/public/news", "for all"), &admin())).expect(201));
    assert_eq!(stream.next().data, "for all");
    assert_eq!(refusal(&client.send(&Request::get("/v1/events?topic=**"))), missing());
    assert_eq!(refusal(&client.send(&Request::post("/v1/topics/public/news", "x"))), missing());
    let page = client.send(&Request::get("/")).expect(200);
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"), "SEC-13");
    for path in ["/healthz", "/readyz"] {
        drop(client.send(&Request::get(path)).expect(200));
    }
}

#[test]
fn every_bad_credential_has_its_reason_and_a_challenge() {
    let hub = LocalHub::with(&config());
    let rights = json!({ "subscribe": ["**"] });
    let good = json!({ "aud": "https://hub.example", "exp": now() + 600, "headwater": rights });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signed(claims)
    };
    let other = SigningKey::new(Some("main"), Algorithm::Hs256, &[7; 32]).unwrap().sign_claims(&good).unwrap();
    let unknown =
        SigningKey::new(Some("old"), Algorithm::Hs256, SECRET.as_bytes()).unwrap().sign_claims(&good).unwrap();
    // {"alg":"none"}
    let none = format!("eyJhbGciOiJub25lIn0.{}.", signed(good.clone()).split('.').nth(1).unwrap());
    for (token, reason) in [
        (with("exp", json!(now() - 1)), "expired"),
        (with("exp", json!(null)), "no-expiry"),
        (with("nbf", json!(now() + 300)), "not-yet-valid"),
        (with("iat", json!(now() + 300)), "issued-in-future"),
        (with("aud", json!("https://other.example")), "wrong-audience"),
        (with("headwater", json!({ "subscribe": "**" })), "bad-rights"),
        (other, "bad-signature"),
        (unknown, "unknown-key"),
        (none, "unsupported-algorithm"),
        ("x".to_owned(), "malformed"),
    ] {
        // Not even what everybody may do: a client that sends a credential wants to know that it does not hold.
        for request in [Request::get("/v1/events?topic=public/x"), Request::post("/v1/topics/a", "x")] {
            let answer = hub.client().send(&bearer(request, &token));
            assert_eq!(refusal(&answer), (401, reason.to_owned()));
            assert!(answer.header("www-authenticate").unwrap().contains("invalid_token"));
            assert!(!answer.text().contains(&token) || token.len() == 1);
        }
    }
}

#[test]
fn t1_a_cookie_subscribes_from_pages_of_ours_and_does_nothing_else() {
    let hub = LocalHub::with(&config());
    let client = hub.client();
    let jar = |name: &str| format!("theme=dark; {name}={}", admin());
    let subscribe = || Request::get("/v1/events?topic=orders/*").header("Cookie", jar("__Host-headwater"));
    drop(client.stream(&subscribe().header("Origin", ORIGIN)));
    drop(client.stream(&subscribe().header("Sec-Fetch-Site", "same-origin")));
    let plain = Request::get("/v1/events?topic=orders/*").header("Cookie", jar("headwater"));
    drop(client.stream(&plain.clone().header("Sec-Fetch-Site", "same-origin")));
    // Its name without the prefix counts on loopback only.
    let named = plain.header("Host", "hub.example").header("Sec-Fetch-Site", "same-origin");
    assert_eq!(refusal(&client.send(&named)), missing());
    for site in ["same-site", "none"] {
        let answer = client.send(&subscribe().header("Sec-Fetch-Site", site));
        assert_eq!(refusal(&answer), (403, "foreign-cookie".to_owned()));
    }
    assert_eq!(refusal(&client.send(&subscribe())), (403, "foreign-cookie".to_owned()));
    for origin in ["https://evil.example", "null", "https://app.example.evil.example", "http://app.example"] {
        assert_eq!(client.send(&subscribe().header("Origin", origin)).status(), 403, "{origin}");
    }
    for request in [
        Request::post("/v1/topics/orders/1", "x"),
        Request::new("DELETE", "/v1/topics/orders/1"),
        Request::get("/v1/topics"),
        Request::post("/v1/tickets", "{\"subscribe\":[\"a\"]}"),
    ] {
        let request = request.header("Cookie", jar("__Host-headwater")).header("Origin", ORIGIN);
        assert_eq!(refusal(&client.send(&request)), missing(), "{request:?}");
    }
}

#[test]
fn t2_sec_08_cors_names_exact_origins() {
    let hub = LocalHub::with(&config());
    let client = hub.client();
    let public = || Request::get("/v1/events?topic=public/x");
    let answer = client.send(&bearer(Request::post("/v1/topics/a", "x"), "x").header("Origin", ORIGIN));
    assert_eq!(refusal(&answer).0, 401);
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN), "a page can read why");
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let preflight = Request::new("OPTIONS", "/v1/events").header("Origin", ORIGIN);
    let answer = client.send(&preflight.header("Access-Control-Request-Method", "GET")).expect(204);
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("Last-Event-ID") && allowed.contains("Authorization"), "SEC-09");
    for origin in ["http://localhost:5173", "https://APP.example", "https://app.example:444", "null", "*"] {
        let answer = client.send(&public().header("Origin", origin));
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (403, None), "{origin}");
    }
    // Pages of any origin: never with credentials.
    let open = LocalHub::with(&config().replace(ORIGIN, "*"));
    let answer = open.client().send(&Request::post("/v1/topics/a", "x").header("Origin", "https://any.example"));
    assert_eq!(refusal(&answer), missing());
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let cookie = Request::get("/v1/events?topic=a").header("Cookie", format!("headwater={}", admin()));
    assert_eq!(open.client().send(&cookie.header("Origin", "https://any.example")).status(), 403);
}

#[test]
fn t9_only_names_of_the_hub_are_answered() {
    let hub = LocalHub::with(&config());
    let send = |host: &str| hub.client().send(&Request::get("/healthz").header("Host", host)).status();
    for host in ["hub.example", "HUB.example:443", "localhost", "127.0.0.1:1", "[::1]", "10.1.2.3"] {
        assert_eq!(send(host), 200, "{host}");
    }
    for host in ["evil.example", "hub.example.evil.example", "xhub.example", "127.0.0.1.evil.example"] {
        assert_eq!(send(host), 403, "{host}");
    }
}

#[test]
fn t4_sec_07_a_stream_ends_with_its_credential() {
    let hub = LocalHub::with(&config());
    let client = hub.client();
    let rights = json!({ "subscribe": ["orders/**"] });
    let expires = now() + 2;
    let brief = signed(json!({ "aud": "https://hub.example", "exp": expires, "headwater": rights }));
    let mut stream = client.stream(&bearer(Request::get("/v1/events?topic=orders/*"), &brief));
    let warning = stream.next();
    assert_eq!(warning.event, "headwater.expiring");
    assert!(warning.json()["expires_at"].as_str().unwrap().ends_with('Z'));
    assert!(!warning.json()["session"].as_str().unwrap().is_empty());
    let closing = stream.next();
    assert_eq!((closing.event.as_str(), closing.json()["reason"].as_str()), ("headwater.closing", Some("expired")));
    assert!(stream.next_or_end().is_none());
    assert!((expires..=expires + 1).contains(&now()), "within a second of its end");
    let again = bearer(Request::get("/v1/events?topic=orders/*"), &brief).header("Last-Event-ID", &warning.id);
    assert_eq!(refusal(&client.send(&again)), (401, "expired".to_owned()), "checked again on resume");
}

#[test]
fn sec_15_a_resume_shows_what_the_caller_may_see_now() {
    let hub = LocalHub::with(&config());
    let client = hub.client();
    let first = client.send(&bearer(Request::post("/v1/topics/orders/1", "one"), &admin())).expect(201).ids().remove(0);
    drop(client.send(&bearer(Request::post("/v1/topics/invoices/1", "two"), &admin())).expect(201));
    drop(client.send(&bearer(Request::post("/v1/topics/orders/2", "three"), &admin())).expect(201));
    let less = token(json!({ "subscribe": ["orders/*"] }));
    let resume =
        |topics: &str| bearer(Request::get(&format!("/v1/events?{topics}")), &less).header("Last-Event-ID", &first);
    assert_eq!(refusal(&client.send(&resume("topic=orders/*&topic=invoices/*"))), forbidden("subscribe"));
    assert_eq!(refusal(&client.send(&resume("topic=**"))), forbidden("subscribe"));
    assert_eq!(client.stream(&resume("topic=orders/*")).next().data, "three");
}

#[test]
fn t3_sec_06_a_ticket_opens_a_stream_and_its_reconnects() {
    let hub = LocalHub::with(&config());
    let client = hub.client();
    let ada = token_for(json!({ "subscribe": ["orders/**"] }), 600);
    let ask = |body: &str| client.send(&bearer(Request::post("/v1/tickets", body), &ada));
    assert_eq!(refusal(&client.send(&Request::post("/v1/tickets", "{\"subscribe\":[\"public/x\"]}"))), missing());
    assert_eq!(refusal(&ask("{\"subscribe\":[\"**\"]}")), forbidden("subscribe"));
    for wrong in [
        "",
        "[]",
        "[[\"orders/1\"],30]",
        "{\"subscribe\":[]}",
        "{\"subscribe\":[\"a//b\"]}",
        "{\"subscribe\":[\"orders/1\"],\"ttl\":61}",
    ] {
        assert_eq!(ask(wrong).status(), 400, "{wrong}");
    }
    let answer = ask("{\"subscribe\":[\"orders/42\"],\"ttl\":30}").expect(201).json();
    let ticket = answer["ticket"].as_str().unwrap();
    assert!(answer["expires_at"].as_str().unwrap().ends_with('Z'));
    let target = format!("/v1/events?topic=orders/42&ticket={ticket}");
    let mut stream = client.stream(&Request::get(&target));
    let id = client.send(&bearer(Request::post("/v1/topics/orders/42", "paid"), &admin())).expect(201).ids().remove(0);
    assert_eq!(stream.next().data, "paid");
    drop(stream);
    // EventSource comes back to the same address.
    let mut stream = client.stream(&Request::get(&target).header("Last-Event-ID", &id));
    drop(client.send(&bearer(Request::post("/v1/topics/orders/42", "sent"), &admin())).expect(201));
    assert_eq!(stream.next().data, "sent");
    // It opens its own topic, and only streams.
    let other = Request::get(&format!("/v1/events?topic=orders/1&ticket={ticket}"));
    assert_eq!(refusal(&client.send(&other)), forbidden("subscribe"));
    assert_eq!(refusal(&client.send(&Request::post(&format!("/v1/topics/orders/42?ticket={ticket}"), "x"))), missing());
    let wrong = Request::get("/v1/events?topic=orders/42&ticket=guess");
    assert_eq!(refusal(&client.send(&wrong)), (401, "unknown-ticket".to_owned()));
}

#[test]
fn credentials_appear_in_no_log_and_no_figure() {
    let mut hub = Hub::builder().config(&format!("log = \"debug\"\n{}", config())).start();
    let client = hub.client();
    let (token, bad) = (admin(), token(json!({ "subscribe": 1 })));
    let asked = Request::post("/v1/tickets", "{\"subscribe\":[\"a\"]}");
    let ticket = client.send(&bearer(asked, &token)).expect(201).json()["ticket"].as_str().unwrap().to_owned();
    drop(client.stream(&Request::get(&format!("/v1/events?topic=a&ticket={ticket}"))));
    drop(client.send(&bearer(Request::post("/v1/topics/a", "x"), &token)).expect(201));
    assert_eq!(client.send(&bearer(Request::get("/v1/events?topic=a"), &bad)).status(), 401);
    let figures = client.send(&bearer(Request::get("/metrics"), &token)).expect(200);
    assert!(hub.terminate().success());
    let said = hub.log().join("\n") + figures.text();
    for secret in [&token, &bad, &ticket, SECRET] {
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn a_token_of_the_command_line_opens_the_hub() {
    let hub = Hub::builder().config(&config()).start();
    std::fs::write(hub.config_file().with_file_name("key"), format!("{SECRET}\n")).unwrap();
    let arguments = ["token", "new", "--key-file", "key", "--audience", "https://hub.example", "--publish", "orders/*"];
    let made = hub.run(&arguments);
    let token = String::from_utf8(made.stdout).unwrap();
    let publish = |topic: &str| hub.client().send(&bearer(Request::post(topic, "x"), token.trim()));
    assert_eq!(publish("/v1/topics/orders/1").status(), 201);
    assert_eq!(refusal(&publish("/v1/topics/invoices/1")), forbidden("publish"));
    let ends_after = |ttl: &str| {
        let made = hub.run(&["token", "new", "--key-file", "key", "--ttl", ttl]);
        let token = String::from_utf8(made.stdout).unwrap();
        let grant = headwater_access::inspect(token.trim()).unwrap().claims;
        let claims: Value = serde_json::from_str(&grant.to_string()).unwrap();
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap()
    };
    assert_eq!((ends_after("8h"), ends_after("90")), (28_800, 90));
    let wrong = hub.run(&["token", "new", "--key-file", "key", "--ttl", "8 hours"]);
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert!(!wrong.status.success() && said.contains("the units are"), "{said}");
}

#[test]
fn a_reload_changes_who_may_do_what() {
    let mut hub = Hub::builder().config(&config()).start();
    let mut stream = hub.client().stream(&bearer(Request::get("/v1/events?topic=a"), &admin()));
    let asked = bearer(Request::post("/v1/tickets", "{\"subscribe\":[\"a\"]}"), &admin());
    let ticket = hub.client().send(&asked).expect(201).json()["ticket"].as_str().unwrap().to_owned();
    drop(hub.client().stream(&Request::get(&format!("/v1/events?topic=a&ticket={ticket}"))));
    hub.reload(&config().replace(SECRET, "another secret of more than thirty-two bytes"));
    hub.logged("configuration reloaded");
    let answer = hub.client().send(&bearer(Request::post("/v1/topics/a", "x"), &admin()));
    assert_eq!(refusal(&answer), (401, "bad-signature".to_owned()));
    let again = Request::get(&format!("/v1/events?topic=a&ticket={ticket}"));
    assert_eq!(refusal(&hub.client().send(&again)), (401, "unknown-ticket".to_owned()), "a ticket goes with its token");
    // A file that was cut off opens the hub to nobody.
    hub.reload("");
    hub.logged("[access] is missing");
    assert_eq!(refusal(&hub.client().send(&Request::post("/v1/topics/a", "x"))), missing());
    hub.terminate();
    assert_eq!(stream.next().event, "headwater.closing", "a stream that is open goes on");
}
