//! `GET /v1/events` as an event stream: its head and its bytes, exactly.

use std::collections::BTreeSet;

use headwater_testkit::{Client, Deadline, Http2, LocalHub, Request};
use serde_json::json;

/// What every stream's head says, beside `date` and `headwater-cursor`. (T8, SEC-01)
const HEAD: [(&str, &str); 10] = [
    ("cache-control", "no-store, no-transform"),
    ("connection", "close"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("content-type", "text/event-stream"),
    ("cross-origin-resource-policy", "same-origin"),
    ("headwater-heartbeat", "15"),
    ("referrer-policy", "no-referrer"),
    ("vary", "Origin"),
    ("x-accel-buffering", "no"),
    ("x-content-type-options", "nosniff"),
];

/// BSG-01, BUF-01: 200, the right type, no length and no framing: the body ends with the connection.
#[test]
fn the_head_of_a_stream_is_that_of_the_contract() {
    let hub = LocalHub::start();
    let stream = hub.client().events("topic=orders/42");
    let mut fields: Vec<(String, String)> =
        stream.head.fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    fields.retain(|(name, _)| name != "date" && name != "headwater-cursor");
    fields.sort();
    assert_eq!(fields, HEAD.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(stream.head.header("date").is_some_and(|date| date.ends_with(" GMT")));
    assert!(stream.head.header("headwater-cursor").is_some_and(|id| id.starts_with("0-")));
}

/// BSG-02, EVR-02, FMT-05, guarantee 5: head and first block leave before any event exists; the block sets reconnect
/// delay and cursor and dispatches nothing.
#[test]
fn an_idle_topic_begins_with_retry_and_cursor() {
    let hub = LocalHub::start();
    hub.client().publish("somewhere/else", "moves the log on");
    let mut stream = hub.client().events("topic=idle");
    stream.until_raw(|text| text.ends_with("\n\n"));
    let cursor = stream.head.header("headwater-cursor").unwrap().to_owned();
    let retry = stream.retry().unwrap().as_millis();
    assert_eq!(stream.raw(), format!("retry: {retry}\nid: {cursor}\n\n"));
    assert_eq!(stream.cursor(), cursor);

    // Nothing was dispatched: the first event is the first published.
    hub.client().publish("idle", "first");
    assert_eq!(stream.next().data, "first");
}

/// FMT-01, FMT-04, FMT-07: the bytes of the contract's example.
#[test]
fn an_event_is_id_type_topic_and_data() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=orders/*");
    let preamble = stream.until_raw(|text| text.ends_with("\n\n")).to_owned();
    let paid = Request::post("/v1/topics/orders/42", "{\"total\": 12}").header("Headwater-Event", "order.paid");
    let paid = client.send(&paid).expect(201).ids().remove(0);
    let plain = client.publish("orders/ü", "zwölf");
    let named = Request::post("/v1/topics/orders/42?event=message", "{}");
    let named = client.send(&named).expect(201).ids().remove(0);
    let expected = format!(
        "{preamble}\
         id: {paid}\nevent: order.paid\ntopic: orders/42\ndata: {{\"total\": 12}}\n\n\
         id: {plain}\ntopic: orders/ü\ndata: zwölf\n\n\
         id: {named}\ntopic: orders/42\ndata: {{}}\n\n"
    );
    stream.until_raw(|text| text.len() >= expected.len());
    assert_eq!(stream.raw(), expected);
    // FMT-01: no byte order mark.
    assert!(!stream.raw().starts_with('\u{feff}'));
}

/// FMT-02, FMT-03: one `data:` line per line of data, whatever ends it, and leading spaces survive.
#[test]
fn data_is_split_into_lines() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=t");
    for (data, lines, seen) in [
        ("a\r\nb\rc\nd", "data: a\ndata: b\ndata: c\ndata: d\n", "a\nb\nc\nd"),
        ("a\n", "data: a\ndata: \n", "a\n"),
        ("\r\r\n", "data: \ndata: \ndata: \n", "\n\n"),
        ("", "data: \n", ""),
        ("  two spaces", "data:   two spaces\n", "  two spaces"),
        (
            "id: 7\n\ndata: forged\nevent: x",
            "data: id: 7\ndata: \ndata: data: forged\ndata: event: x\n",
            "id: 7\n\ndata: forged\nevent: x",
        ),
        (": no comment", "data: : no comment\n", ": no comment"),
    ] {
        let before = stream.raw().len();
        let id = client.publish("t", data);
        let event = stream.next();
        assert_eq!((event.data.as_str(), event.event.as_str()), (seen, "message"), "{data:?}");
        let block = format!("id: {id}\ntopic: t\n{lines}\n");
        assert!(stream.raw()[before..].ends_with(&block), "{:?} for {data:?}", &stream.raw()[before..]);
    }
}

/// FMT-07: types are listeners' names, case and all. EVR-10: no block has an empty id.
#[test]
fn types_keep_their_case_and_ids_are_never_empty() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=t");
    for name in ["Paid", "paid", "PAID", "größer als"] {
        let target = format!("/v1/topics/t?event={}", headwater_testkit::encode(name, false));
        drop(client.send(&Request::post(&target, "x")).expect(201));
        assert_eq!(stream.next().event, name);
    }
    let ids: Vec<&str> = stream.raw().lines().filter(|line| line.starts_with("id")).collect();
    assert_eq!(ids.len(), 5);
    assert!(ids.iter().all(|line| line.len() > "id: ".len()), "{ids:?}");
}

/// BSG-04, BUF-02: every event is there before the next is published; nothing waits for a buffer to fill.
#[test]
fn nothing_waits_for_the_next_event() {
    let hub = LocalHub::start();
    let mut publisher = hub.client().publisher();
    let mut stream = hub.client().events("topic=t");
    for round in 0..50 {
        let id = publisher.publish("t", format!("round {round}"));
        assert_eq!(stream.next().id, id);
    }
}

/// BUF-03: events that are ready together share writes, whole and in order.
#[test]
fn events_that_are_ready_together_share_writes() {
    const EVENTS: usize = 300;
    let hub = LocalHub::start();
    let mut connection = hub.client().connect();
    connection.request(&Request::get("/v1/events?topic=t"));
    assert_eq!(connection.head().status, 200);
    let batch: Vec<_> = (0..EVENTS).map(|n| json!({"topic": "t", "data": format!("number {n}")})).collect();
    let ids = hub.client().send(&Request::post("/v1/events", json!(batch).to_string())).expect(201).ids();
    let expected: String =
        ids.iter().enumerate().map(|(n, id)| format!("id: {id}\ntopic: t\ndata: number {n}\n\n")).collect();
    let (mut came, mut reads) = (String::new(), 0);
    while !came.ends_with(&expected) {
        let bytes = connection.read(Deadline::new()).expect("the stream goes on");
        came.push_str(std::str::from_utf8(&bytes).unwrap());
        reads += 1;
    }
    // Sent one by one they could be read one by one.
    assert!(reads < EVENTS / 4, "{reads} reads");
}

/// EVR-03, EVR-04: the delay is drawn for each connection from the configured value ± 50 %.
#[test]
fn the_reconnect_delay_is_spread() {
    for (config, middle) in [("", 3000), ("retry = \"800ms\"", 800)] {
        let hub = LocalHub::with(config);
        let delays: Vec<u128> = (0..64)
            .map(|_| {
                let mut stream = hub.client().events("topic=t");
                stream.until_raw(|text| text.ends_with("\n\n"));
                stream.retry().unwrap().as_millis()
            })
            .collect();
        assert!(delays.iter().all(|delay| (middle / 2..=middle * 3 / 2).contains(delay)), "{delays:?}");
        // A fair draw misses one of these about once in 10^10 runs.
        assert!(delays.iter().any(|delay| *delay < middle * 4 / 5), "{delays:?}");
        assert!(delays.iter().any(|delay| *delay > middle * 6 / 5), "{delays:?}");
        assert!(delays.iter().collect::<BTreeSet<_>>().len() > 20, "{delays:?}");
    }
}

/// BSG-12: HEAD answers the head of the stream and ends, opening nothing.
#[test]
fn head_answers_the_head_alone() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut connection = client.connect();
    let answer = connection.send(&Request::new("HEAD", "/v1/events?topic=t")).expect(200);
    for (name, value) in HEAD {
        assert_eq!(answer.header(name), Some(value));
    }
    assert!(answer.header("content-length").is_none());
    assert!(connection.read_to_end().is_empty());
    assert_eq!(client.metric("headwater_sessions_opened_total"), 0.0);
    let refused = client.send(&Request::new("HEAD", "/v1/events"));
    assert_eq!((refused.status(), refused.body.len()), (400, 0));
}

/// BSG-12, SEC-09: a preflight is answered, and permits what fetch clients send.
#[test]
fn options_answers_a_preflight() {
    let hub = LocalHub::start();
    let preflight = Request::new("OPTIONS", "/v1/events")
        .header("Origin", "http://localhost:5173")
        .header("Access-Control-Request-Method", "GET")
        .header("Access-Control-Request-Headers", "last-event-id,authorization");
    let answer = hub.client().send(&preflight).expect(204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:5173"));
    let allowed = answer.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
    let allowed: Vec<&str> = allowed.split(", ").collect();
    for name in ["last-event-id", "authorization", "content-type", "idempotency-key"] {
        assert!(allowed.contains(&name), "{allowed:?}");
    }
    for method in ["GET", "HEAD", "POST", "DELETE"] {
        assert!(answer.header("access-control-allow-methods").unwrap().contains(method));
    }
    assert_eq!(answer.header("access-control-max-age"), Some("600"));
}

/// BSG-12: other methods are 405 and say which there are.
#[test]
fn other_methods_are_not_allowed() {
    let hub = LocalHub::start();
    for (method, target, allowed) in [
        ("PUT", "/v1/events?topic=t", "GET, HEAD, POST"),
        ("DELETE", "/v1/events?topic=t", "GET, HEAD, POST"),
        ("PATCH", "/v1/topics/t", "GET, HEAD, POST, DELETE"),
        ("POST", "/v1/topics", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
    ] {
        let answer = hub.client().send(&Request::new(method, target)).expect(405);
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {target}");
    }
}

/// BSG-03: `Accept` is looked at before anything is streamed.
#[test]
fn accept_chooses_the_form() {
    let hub = LocalHub::start();
    let client = hub.client();
    let request = |accept: &str| Request::get("/v1/events?topic=t&wait=0").header("Accept", accept);
    for accept in ["text/event-stream", "*/*", "text/*", "text/html, */*;q=0.1", "", "TEXT/EVENT-STREAM; charset=utf-8"]
    {
        client.stream(&request(accept));
    }
    assert_eq!(client.send(&request("application/json")).header("content-type"), Some("application/json"));
    for accept in ["text/html", "text/event-stream;q=0", "image/png, text/plain"] {
        let refused = client.send(&request(accept)).expect(406);
        assert_eq!(refused.json()["field"], "Accept");
    }
}

/// BUF-07: a stream is not compressed, whatever the client could read, and says so to proxies.
#[test]
fn streams_are_not_compressed() {
    let hub = LocalHub::start();
    let request = Request::get("/v1/events?topic=t").header("Accept-Encoding", "gzip, br, zstd");
    let mut stream = hub.client().stream(&request);
    assert_eq!(stream.head.header("content-encoding"), None);
    assert!(stream.head.header("cache-control").unwrap().contains("no-transform"));
    stream.until_raw(|text| text.starts_with("retry: "));
}

/// BUF-01, SEC-02: the same bytes over HTTP/2, whose head has none of the fields of a connection.
#[test]
fn the_bytes_are_the_same_on_every_protocol() {
    let hub = LocalHub::start();
    let client = hub.client();
    let request = Request::get("/v1/events?topic=t/**");
    let mut first = client.stream(&request);
    let http2 = Http2::connect(hub.address());
    let mut second = http2.stream(&request);
    for name in ["connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"] {
        assert_eq!(second.head.header(name), None);
    }
    for (name, value) in HEAD.iter().filter(|(name, _)| *name != "connection") {
        assert_eq!(second.head.header(name), Some(*value));
    }
    for topic in ["t/1", "t/2", "u", "t/3"] {
        client.publish(topic, "two\nlines");
    }
    assert_eq!(first.take(3), second.take(3));
    let events = |raw: &str| raw.split_once("\n\n").unwrap().1.to_owned();
    assert_eq!(events(first.raw()), events(second.raw()));
}

/// A cross-origin page on this machine may read a stream; another may not, and no subscriber is registered for it.
#[test]
fn t1_t2_pages_of_other_origins_are_kept_out() {
    let hub = LocalHub::start();
    let client: Client = hub.client();
    let from = |origin: &str| Request::get("/v1/events?topic=t").header("Origin", origin);
    let stream = client.stream(&from("http://localhost:5173"));
    assert_eq!(stream.head.header("access-control-allow-origin"), Some("http://localhost:5173"));
    assert_eq!(stream.head.header("vary"), Some("Origin"));
    assert!(stream.head.header("access-control-expose-headers").unwrap().contains("Headwater-Cursor"));
    let refused = client.send(&from("https://evil.example")).expect(403);
    assert_eq!(refused.header("access-control-allow-origin"), None);
    assert_eq!(client.metric("headwater_sessions_opened_total"), 1.0);
}
