//! Everything that has a size, one too large.

use crate::bystanders::{LAST, attack};

const MIB: u64 = 1 << 20;
const KIB: usize = 1 << 10;

fn get(target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n{fields}\r\n").into_bytes()
}

fn post(target: &str, media: &str, body: &str) -> Vec<u8> {
    let head = format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media}\r\n");
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

// T10, T25: each gets the answer that is documented for it.
#[test]
fn t10_everything_too_large() {
    let long = |bytes: usize| "x".repeat(bytes);
    let fields = |count: usize| (0..count).map(|n| format!("X-{n}: x\r\n")).collect::<String>();
    let topics = |count: usize| (0..count).map(|n| format!("topic=t{n}&")).collect::<String>();
    let event = |field: &str, bytes: usize| format!("{{\"topic\":\"t\",\"data\":1,\"{field}\":\"{}\"}}", long(bytes));
    let events = |count: usize| format!("[{}]", vec!["{\"topic\":\"t\",\"data\":1}"; count].join(","));
    let patterns = |count: usize| format!("{{\"subscribe\":[{}]}}", vec!["\"t\""; count].join(","));
    let cases: Vec<(&str, u16, Vec<u8>)> = vec![
        ("a field", 431, get("/v1/events?topic=t", &format!("X: {}\r\n", long(17 * KIB)))),
        ("a cookie", 431, get("/v1/events?topic=t", &format!("Cookie: {}\r\n", long(64 * KIB)))),
        ("the number of fields", 431, get("/v1/events?topic=t", &fields(65))),
        ("the address", 431, get(&format!("/v1/events?topic={}", long(17 * KIB)), "")),
        ("the method", 431, [long(17 * KIB).as_bytes(), &get("/", "")[3..]].concat()),
        ("a topic", 400, get(&format!("/v1/topics/{}", long(513)), "")),
        ("a pattern", 400, get(&format!("/v1/events?topic={}/**", long(511)), "")),
        ("the number of topics", 400, get(&format!("/v1/events?{}wait=0", topics(101)), "")),
        ("the wait", 400, get("/v1/events?topic=t&wait=56", "")),
        ("the limit", 400, get("/v1/events?topic=t&limit=10001", "")),
        ("an age", 400, get("/v1/events?topic=t&since=99999999999999999999h", "")),
        // T25: an id that cannot be one is a gap and no mistake.
        ("a last event id", 200, get("/v1/events?topic=t&wait=0", &format!("Last-Event-ID: {}\r\n", long(8 * KIB)))),
        ("a sequence", 200, get("/v1/events?topic=t&wait=0", "Last-Event-ID: 99999999999999999999999-6f3a\r\n")),
        ("an event", 413, post("/v1/topics/t", "text/plain", &long(257 * KIB))),
        (
            "an event of a stream",
            413,
            post("/v1/topics/t", "text/event-stream", &format!("data: {}\n\n", long(257 * KIB))),
        ),
        ("a line without an end", 413, post("/v1/topics/t", "text/event-stream", &long(300 * KIB))),
        ("a line of JSON", 413, post("/v1/topics/t", "application/x-ndjson", &format!("\"{}\"\n", long(257 * KIB)))),
        (
            "an event of a batch",
            413,
            post(
                "/v1/events",
                "application/json",
                &event("event", 1).replace("1,", &format!("\"{}\",", long(257 * KIB))),
            ),
        ),
        ("the type", 400, post("/v1/events", "application/json", &event("event", 513))),
        ("the key", 400, post("/v1/events", "application/json", &event("key", 513))),
        ("the idempotency key", 400, post("/v1/events", "application/json", &event("idempotency_key", 513))),
        ("the number of events", 400, post("/v1/events", "application/json", &events(10_001))),
        // Of data that is JSON nothing is built, so its depth costs nothing.
        (
            "the depth of JSON",
            201,
            post(
                "/v1/events",
                "application/json",
                &format!("{{\"topic\":\"deep\",\"data\":{}1{}}}", "[".repeat(100), "]".repeat(100)),
            ),
        ),
        (
            "more depth of JSON",
            201,
            post(
                "/v1/events",
                "application/json",
                &format!("{{\"topic\":\"deep\",\"data\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000)),
            ),
        ),
        ("the number of patterns of a ticket", 400, post("/v1/tickets", "application/json", &patterns(101))),
        ("the body of a ticket", 413, post("/v1/tickets", "application/json", &patterns(20_000))),
    ];
    let hub = attack("", 48 * MIB, |target| {
        while target.goes_on() {
            for (name, status, bytes) in &cases {
                let (found, text) = target.exchange(&[bytes, LAST.as_bytes()].concat());
                assert_eq!(found.first(), Some(status), "{name}: {text}");
                assert!(*status < 400 || text.contains("application/problem+json"), "{name}: {text}");
                let told = name.contains("last event id") || name.contains("sequence");
                assert!(!told || text.contains("\"reason\":\"unknown\""), "{name}: {text}");
            }
            // A body beyond all bounds is refused by what it says of itself.
            let announced = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n";
            assert_eq!(target.exchange(announced.as_bytes()).0, [413]);
        }
    });
    assert_eq!(hub.client().topic("t").status(), 404, "something of what was refused is stored");
}
