//! Bad input: every refusal has its status, names the field at fault, carries the headers of every answer, and leaves
//! nothing in the log.

use headwater_testkit::{Answer, Client, LocalHub, Request, until};

const ORIGIN: &str = "http://localhost:5173";

/// Sends it as a page of this machine would, and checks what every refusal has in common. (SEC-03, RFC 9457)
#[track_caller]
fn refused(client: Client, request: Request, status: u16, field: &str) {
    let head = client.metric("headwater_log_head");
    let answer = client.send(&request.clone().header("Origin", ORIGIN));
    check(&answer, status, field);
    assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN), "{request:?}");
    assert_eq!(client.metric("headwater_log_head"), head, "{request:?} appended something");
}

#[track_caller]
fn check(answer: &Answer, status: u16, field: &str) {
    assert_eq!(answer.status(), status, "{:?} {}", answer.head, String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["field"].as_str().unwrap_or(""), field, "{problem}");
    assert!(problem["type"].as_str().is_some_and(|kind| kind.starts_with("urn:headwater:problem:")), "{problem}");
    for member in ["title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
    }
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
}

#[test]
fn wrong_topics() {
    let hub = LocalHub::start();
    let long = "x".repeat(513);
    for wrong in
        ["", "/", "a//b", "/a", "a/", ".", "a/../b", "*", "a/*", "**", "a%00b", "a%0Ab", "a%C2%85b", "%ff", &long]
    {
        refused(hub.client(), Request::post(&format!("/v1/topics/{wrong}"), "x"), 400, "topic");
        refused(hub.client(), Request::get(&format!("/v1/topics/{wrong}")), 400, "topic");
        refused(hub.client(), Request::new("DELETE", &format!("/v1/topics/{wrong}")), 400, "topic");
    }
    refused(hub.client(), Request::post("/v1/topics/$hub/stats", "x"), 403, "topic");
    refused(hub.client(), Request::post("/v1/topics/$own", "x"), 403, "topic");
    refused(hub.client(), Request::post("/v1/topics/%24own", "x"), 403, "topic");
}

#[test]
fn wrong_patterns() {
    let hub = LocalHub::start();
    for wrong in ["", "/", "a//b", "**/a", "a/**/b", "./a", "a/..", "a%00b", "a%0D%0Ab", &"x".repeat(513)] {
        refused(hub.client(), Request::get(&format!("/v1/events?topic={wrong}")), 400, "topic");
        refused(hub.client(), Request::get(&format!("/v1/events?topic=good&topic={wrong}")), 400, "topic");
    }
    refused(hub.client(), Request::get("/v1/events"), 400, "topic");
    refused(hub.client(), Request::get("/v1/events?topics=a"), 400, "topic");
    refused(hub.client(), Request::get("/v1/events?topic=%ff"), 400, "query");
}

#[test]
fn wrong_ways_to_read() {
    let hub = LocalHub::start();
    let events = |query: &str| Request::get(&format!("/v1/events?topic=t{query}"));
    refused(hub.client(), events("&since=tomorrow"), 400, "since");
    refused(hub.client(), events("&since="), 400, "since");
    refused(hub.client(), events("").header("Accept", "text/html"), 406, "Accept");
    refused(hub.client(), events("&wait=60").header("Accept", "application/json"), 400, "wait");
    refused(hub.client(), events("&limit=many").header("Accept", "application/json"), 400, "limit");
    refused(hub.client(), Request::get("/v1/topics?limit=-1"), 400, "limit");
    refused(hub.client(), Request::get("/v1/topics?prefix=%ff"), 400, "query");
}

#[test]
fn wrong_methods_and_routes() {
    let hub = LocalHub::start();
    for (method, target) in [
        ("PUT", "/v1/events"),
        ("PATCH", "/v1/topics/t"),
        ("DELETE", "/"),
        ("TRACE", "/metrics"),
        ("BREW", "/v1/topics"),
    ] {
        refused(hub.client(), Request::new(method, target), 405, "");
    }
    for target in ["/v1", "/v1/event", "/v2/events", "/favicon.ico", "/assets/../main.rs", "/v1/events/"] {
        refused(hub.client(), Request::get(target), 404, "");
    }
    refused(hub.client(), Request::get("/v1/topics/unknown"), 404, "topic");
    refused(hub.client(), Request::new("DELETE", "/v1/topics/unknown"), 404, "topic");
}

/// FMT-01: text is UTF-8 or refused, not repaired.
#[test]
fn wrong_bodies() {
    let hub = LocalHub::start();
    let client = hub.client();
    let to_events = |body: &str| Request::post_as("application/json", "/v1/events", body);
    refused(client, Request::post("/v1/topics/t", b"caf\xe9".as_slice()), 400, "body");
    refused(client, Request::post("/v1/topics/t", b"\xed\xa0\x80".as_slice()), 400, "body");
    refused(client, Request::post("/v1/events", b"{\"topic\":\"t\",\"data\":\"\xff\"}".as_slice()), 400, "body");
    refused(client, Request::post_as("text/event-stream", "/v1/topics/t", b"data: \xff\n\n".as_slice()), 400, "body");
    refused(client, Request::post_as("application/x-ndjson", "/v1/topics/t", b"\"\xff\"\n".as_slice()), 400, "body");
    refused(client, Request::post_as("text/event-stream", "/v1/events", "data: x\n\n"), 400, "Content-Type");
    for body in [
        "",
        "{",
        "null",
        "7",
        "{\"data\":1}",
        "{\"topic\":\"t\"}",
        "{\"topic\":7,\"data\":1}",
        "{\"topic\":\"t\",\"data\":1,\"x\":1}",
        "{\"topic\":\"t\",\"data\":1} x",
    ] {
        refused(client, to_events(body), 400, "body");
    }
    refused(client, to_events("{\"topic\":\"a//b\",\"data\":1}"), 400, "body.topic");
    refused(client, to_events("{\"topic\":\"t\",\"data\":1,\"key\":\"a\\u0000\"}"), 400, "body.key");
    refused(client, to_events("[{\"topic\":\"t\",\"data\":1},"), 400, "body");
    refused(client, to_events("[]"), 400, "body");
}

/// T5: what would be a line end in the stream is refused and not stripped.
#[test]
fn t5_control_characters() {
    let hub = LocalHub::start();
    for evil in ["a%0Ab", "a%0Db", "a%00b", "%0A", "a%0D%0Adata:%20forged"] {
        refused(hub.client(), Request::post(&format!("/v1/topics/t?event={evil}"), "x"), 400, "event");
        refused(hub.client(), Request::post(&format!("/v1/topics/t?key={evil}"), "x"), 400, "key");
        refused(
            hub.client(),
            Request::post(&format!("/v1/topics/t?idempotency_key={evil}"), "x"),
            400,
            "Idempotency-Key",
        );
    }
    let long = "x".repeat(513);
    refused(hub.client(), Request::post(&format!("/v1/topics/t?event={long}"), "x"), 400, "event");
    refused(hub.client(), Request::post("/v1/topics/t", "x").header("Headwater-Key", long.as_str()), 400, "key");
    refused(
        hub.client(),
        Request::post("/v1/topics/t", "x").header("Headwater-Event", b"\xff"),
        400,
        "headwater-event",
    );
    refused(hub.client(), Request::post("/v1/topics/t?event=headwater.gap", "x"), 400, "event");
    refused(hub.client(), Request::post("/v1/topics/t?final=yes", "x"), 400, "final");
}

/// T19: no compressed body, so none that expands.
#[test]
fn t19_encoded_and_foreign_bodies() {
    let hub = LocalHub::start();
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, identity"] {
        for target in ["/v1/topics/t", "/v1/events"] {
            let request = Request::post(target, "{\"topic\":\"t\",\"data\":1}").header("Content-Encoding", encoding);
            refused(hub.client(), request, 415, "Content-Encoding");
        }
    }
    refused(
        hub.client(),
        Request::post_as("multipart/form-data; boundary=b", "/v1/topics/t", "--b--"),
        415,
        "Content-Type",
    );
}

#[test]
fn large_bodies() {
    let hub = LocalHub::with("[limits]\nbody = \"1MiB\"");
    let client = hub.client();
    let event = "x".repeat((256 << 10) + 1);
    refused(client, Request::post("/v1/topics/t", event.as_str()), 413, "body");
    refused(client, Request::post("/v1/events", format!("{{\"topic\":\"t\",\"data\":\"{event}\"}}")), 413, "body.data");
    refused(client, Request::post("/v1/events", " ".repeat((1 << 20) + 1)), 413, "body");
    refused(client, Request::post_as("text/event-stream", "/v1/topics/t", format!("data: {event}\n\n")), 413, "data");
    // Refused by what it says it will be, before any of it comes.
    let announced = Request::new("POST", "/v1/topics/t").header("Content-Length", "99999999999");
    refused(client, announced, 413, "body");
    // A stream may be as long as it likes when its events are not.
    let stream: String = (0..40).map(|n| format!("data: {n}{}\n\n", "x".repeat(64 << 10))).collect();
    drop(client.send(&Request::post_as("text/event-stream", "/v1/topics/t", stream)).expect(201));
}

/// T10: heads are bounded in bytes.
#[test]
fn t10_large_heads() {
    let hub = LocalHub::start();
    let client = hub.client();
    let large = Request::get("/v1/events?topic=t").header("X-Large", "x".repeat(17 << 10));
    check(&client.send(&large), 431, "head");
    let long = Request::get(&format!("/v1/events?topic=t&x={}", "x".repeat(17 << 10)));
    check(&client.send(&long), 431, "head");
    let mut many = Request::get("/v1/events?topic=t");
    for n in 0..100 {
        many = many.header(&format!("X-{n}"), "x");
    }
    check(&client.send(&many), 431, "head");
    // Also when it is not the first request of its connection.
    for request in [&large, &many] {
        let mut connection = client.connect();
        drop(connection.send(&Request::get("/healthz")).expect(200));
        check(&connection.send(request), 431, "head");
        assert!(connection.read_to_end().is_empty());
    }
    // Just below it is served.
    let fits = Request::get("/v1/events?topic=t").header("X-Large", "x".repeat(15 << 10));
    assert_eq!(client.stream(&fits).head.status, 200);
}

/// T10, KAL-04: the whole head has a deadline, not each of its bytes.
#[test]
fn t10_slow_heads() {
    let hub = LocalHub::with("[limits]\nhead_timeout = \"300ms\"");
    let client = hub.client();
    let mut connection = client.connect();
    connection.write("GET /v1/events?topic=t HTTP/1.1\r\nHost: local");
    check(&connection.answer(), 408, "head");
    assert!(connection.read_to_end().is_empty());
    // The next head of a connection has a deadline, too.
    let mut kept = client.connect();
    drop(kept.send(&Request::get("/healthz")).expect(200));
    kept.write("GET /heal");
    check(&kept.answer(), 408, "head");
    // Who never says a word gets none, and neither does who says no more.
    let mut kept = client.connect();
    drop(kept.send(&Request::get("/healthz")).expect(200));
    assert!(kept.read_to_end().is_empty());
    assert!(client.connect().read_to_end().is_empty());
    // A byte now and then buys no time.
    let mut dripping = client.connect();
    dripping.write("GET / HTTP/1.1\r\n");
    until("the hub to give up", || (!dripping.try_write("X: x\r\n") || dripping.is_over()).then_some(()));
}

/// T10: a body that stops coming is given up, and nothing of it is stored.
#[test]
fn t10_slow_bodies() {
    let hub = LocalHub::with("[limits]\nbody_timeout = \"300ms\"");
    let client = hub.client();
    for target in ["/v1/topics/t", "/v1/events"] {
        let mut connection = client.connect();
        connection.write(format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{{\"to"));
        check(&connection.answer(), 408, "body");
    }
    assert_eq!(client.metric("headwater_log_head"), 0.0);
}

/// T24: what two parsers could read in two ways is refused.
#[test]
fn t24_ambiguous_requests() {
    let hub = LocalHub::start();
    let client = hub.client();
    let post = "POST /v1/topics/t HTTP/1.1\r\nHost: localhost\r\n";
    let smuggled = "POST /v1/topics/smuggled HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx";
    for (rest, field) in [
        ("Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "Content-Length"),
        ("Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", "Content-Length"),
        ("Content-Length: +1\r\n\r\nx", "Content-Length"),
        ("Content-Length: 1, 1\r\n\r\nx", "Content-Length"),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", "Transfer-Encoding"),
        ("Transfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding"),
        ("Content-Length : 1\r\n\r\nx", "head"),
        ("X: a\r\n folded\r\nContent-Length: 1\r\n\r\nx", "head"),
        ("X: a\nContent-Length: 1\n\nx", "head"),
    ] {
        // First on its connection, later, and right behind another.
        for before in [0, 1, 2] {
            let mut connection = client.connect();
            if before == 1 {
                drop(connection.send(&Request::post("/v1/topics/other", "x")).expect(201));
            }
            let ahead = if before == 2 { smuggled.replace("smuggled", "other") } else { String::new() };
            connection.write(format!("{ahead}{post}{rest}{smuggled}"));
            if before == 2 {
                assert_eq!(connection.answer().status(), 201, "{rest:?}");
            }
            check(&connection.answer(), 400, field);
            assert!(connection.read_to_end().is_empty(), "{rest:?}");
        }
    }
    for bytes in ["GARBAGE\r\n\r\n", "GET / HTTP/3.0\r\n\r\n", "G\0T / HTTP/1.1\r\n\r\n"] {
        let mut connection = client.connect();
        connection.write(bytes);
        check(&connection.answer(), 400, "head");
    }
    drop(client.topic("t").expect(404));
    drop(client.topic("smuggled").expect(404));
    assert!(client.metric("headwater_requests_refused_total") >= 33.0);
}

/// RFC 9112, 9.3: requests sent ahead are answered one after the other, however their bodies are told from what follows.
#[test]
fn pipelined_requests_are_all_served() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut connection = client.connect();
    let post = "POST /v1/topics/t HTTP/1.1\r\nHost: localhost\r\n";
    let all = format!(
        "{post}Content-Length: 4\r\n\r\n\r\n\r\n\r\n{post}Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\na: b\r\n\r\n\
         GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n{post}content-length: 1\r\n\r\nd"
    );
    // At once, and with every request in many pieces.
    connection.write(&all);
    for status in [201, 201, 200, 201] {
        assert_eq!(connection.answer().status(), status);
    }
    for piece in all.as_bytes().chunks(7) {
        connection.write(piece);
    }
    for status in [201, 201, 200, 201] {
        assert_eq!(connection.answer().status(), status);
    }
    assert_eq!(client.topic("t").json()["events"], 6);
    // What cannot be read in a chunked body is refused with it, and nothing follows.
    connection
        .write(format!("{post}Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n{post}Content-Length: 1\r\n\r\nx"));
    check(&connection.answer(), 400, "body");
    assert!(connection.read_to_end().is_empty());
    assert_eq!(client.topic("t").json()["events"], 6);
}

/// T24: nothing after a stream's request on its connection is served.
#[test]
fn t24_nothing_follows_a_stream() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut connection = client.connect();
    let pipelined = Request::post("/v1/topics/t", "smuggled");
    connection.write([Request::get("/v1/events?topic=t").bytes("localhost"), pipelined.bytes("localhost")].concat());
    assert_eq!(connection.head().status, 200);
    connection.try_write(pipelined.bytes("localhost"));
    client.publish("t", "real");
    assert_eq!(client.topic("t").json()["events"], 1);
}

/// T9: a name that is not this machine's is refused before anything else.
#[test]
fn t9_foreign_hosts() {
    let hub = LocalHub::start();
    for target in ["/v1/events?topic=t", "/", "/metrics"] {
        let answer = hub.client().send(&Request::get(target).header("Host", "rebound.example"));
        check(&answer, 403, "Host");
    }
    let mut connection = hub.client().connect();
    connection.write("GET /healthz HTTP/1.1\r\n\r\n");
    check(&connection.answer(), 400, "Host");
}
