//! What one address, one subject and one topic may have: connections, sessions, publishes, replay.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use headwater_access::{Algorithm, SigningKey};
use headwater_testkit::peer::{Connection, Response, Stream};
use headwater_testkit::{Figures, Http2, Hub, Process, Request, until};
use serde_json::json;

const SECRET: &str = "an inline secret of forty-two random bytes";

/// Two who share nothing, and somebody else.
const ADA: [u8; 4] = [127, 0, 0, 2];
const BOB: [u8; 4] = [127, 0, 0, 3];

/// Limits that hold on loopback, too.
fn limits(rest: &str) -> String {
    format!("shards = 2\n[limits]\nexempt = [\"127.0.0.1\"]\n{rest}\n")
}

fn subscribe(from: [u8; 4], address: SocketAddr, query: &str, fields: &[(&str, &str)]) -> Stream {
    let stream = Connection::open_from(from, address).unwrap().subscribe(query, fields).unwrap();
    assert_eq!(stream.head.status, 200);
    stream
}

fn publish(from: [u8; 4], address: SocketAddr, topic: &str, data: &str) -> Response {
    Connection::open_from(from, address).unwrap().publish(topic, data).unwrap()
}

/// Asserts that a stream is sent away: a long time to come back, a cursor, and a clean end.
#[track_caller]
fn sent_away(mut stream: Stream) {
    assert!(stream.events.rest().unwrap().is_empty());
    let retry = stream.events.text().lines().find_map(|line| line.strip_prefix("retry: ")?.parse::<u64>().ok());
    assert!(retry.is_some_and(|retry| (30_000..=90_000).contains(&retry)), "{}", stream.events.text());
    assert!(!stream.events.cursor().is_empty());
}

/// The limit that a 429 names, and its time to wait.
#[track_caller]
fn limited(answer: &Response) -> (String, u64) {
    assert_eq!((answer.status(), answer.head.get("content-type")), (429, Some("application/problem+json")));
    assert_eq!(answer.head.get("x-content-type-options"), Some("nosniff"));
    let wait = answer.head.get("retry-after").unwrap().parse().unwrap();
    (answer.json()["limit"].as_str().unwrap().to_owned(), wait)
}

fn refused(address: SocketAddr, limit: &str) -> f64 {
    Figures::of(address).get(&format!("headwater_limit_refused_total{{limit=\"{limit}\"}}"))
}

// SEC-10, T14: one address has so many connections, and others are served.
#[test]
fn sec_10_connections_of_one_address_are_bounded() {
    let hub = Hub::builder().config(&limits("address_connections = 5")).start();
    let address = hub.address();
    let mut streams: Vec<Stream> = (0..5).map(|_| subscribe(ADA, address, "?topic=a", &[])).collect();
    sent_away(subscribe(ADA, address, "?topic=a", &[]));
    for form in ["application/json", "application/x-ndjson"] {
        let mut connection = Connection::open_from(ADA, address).unwrap();
        let answer = connection.request("GET", "/v1/events?topic=a", &[("accept", form)], b"").unwrap();
        let (limit, wait) = limited(&answer);
        assert!(limit == "address_connections" && (30..=90).contains(&wait), "{limit} {wait}");
    }
    assert_eq!(limited(&publish(ADA, address, "a", "x")).0, "address_connections");
    // Somebody else.
    let mut other = subscribe(BOB, address, "?topic=a", &[]);
    let id = publish(BOB, address, "a", "x").id();
    for stream in streams.iter_mut().chain([&mut other]) {
        assert_eq!(stream.events.expect().id, id);
    }
    assert_eq!(refused(address, "address_connections"), 4.0);
    // A place that is left is there for the next.
    drop(streams.pop());
    Figures::until(address, "a free place", |figures| figures.sessions() == 5.0);
    let mut stream = subscribe(ADA, address, "?topic=a&since=earliest", &[]);
    assert_eq!(stream.events.expect().id, id);
}

// RLB-12, T14: attempts to connect have a bucket of their own, and nobody who is connected feels it.
#[test]
fn rlb_12_new_connections_of_one_address_have_a_rate() {
    let hub = Hub::builder().config(&limits("connect_rate = 1")).start();
    let address = hub.address();
    let mut first = subscribe(ADA, address, "?topic=a", &[]);
    let begun = Instant::now();
    let mut answers = Vec::new();
    while begun.elapsed() < Duration::from_secs(3) && answers.len() < 200 {
        answers.push(publish(ADA, address, "other", "x").status());
    }
    let passed = answers.iter().filter(|status| **status == 201).count() as u64;
    let most = 1 + begun.elapsed().as_secs() + 1;
    assert!(passed >= 1 && passed <= most, "{passed} of {} in {:?}", answers.len(), begun.elapsed());
    assert!(answers.iter().all(|status| [201, 429].contains(status)), "{answers:?}");
    let id = publish(BOB, address, "a", "x").id();
    assert_eq!(first.events.expect().id, id);
    assert!(refused(address, "connect_rate") > 0.0);
}

// T14, SEC-10: a flood from one address leaves the others alone and the memory where it was.
#[test]
fn t14_a_flood_from_one_address_is_not_felt_by_others() {
    let hub = Hub::builder().config(&limits("address_connections = 10\nconnect_rate = 20")).start();
    let address = hub.address();
    let mut reader = subscribe(BOB, address, "?topic=a", &[]);
    let before = Process(hub.pid()).resident();
    let mut flood = Vec::new();
    for round in 0..2000 {
        // Some ask for nothing, some ask and leave.
        if let Ok(mut connection) = Connection::open_from(ADA, address) {
            if round % 2 == 0 {
                // It may be closed already.
                let _ = connection.send(b"GET /v1/events?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n");
            }
            flood.push(connection);
        }
        if round % 100 == 0 {
            let id = publish(BOB, address, "a", "x").id();
            assert_eq!(reader.events.expect().id, id);
        }
        flood.drain(..flood.len().saturating_sub(300));
    }
    let figures = Figures::of(address);
    assert!(figures.sessions() <= 11.0, "{figures:?}");
    let over = |limit: &str| figures.get(&format!("headwater_limit_refused_total{{limit=\"{limit}\"}}"));
    assert!(over("address_connections") + over("connect_rate") > 1800.0, "{figures:?}");
    let grown = Process(hub.pid()).resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more");
    // Those that say nothing do not stay.
    drop(flood);
    Figures::until(address, "the flood to be gone", |figures| figures.get("headwater_connections") <= 3.0);
}

// T14: behind a trusted proxy it is the address that the proxy names, and nobody escapes by naming one.
#[test]
fn t14_streams_behind_a_proxy_count_for_whom_it_names() {
    let config = format!("trusted_proxies = [\"127.0.0.1\"]\n{}", limits("address_connections = 2\nconnect_rate = 0"));
    let hub = Hub::builder().config(&config).start();
    let address = hub.address();
    let proxy = [127, 0, 0, 1];
    let open = |from, fields: &[(&str, &str)]| subscribe(from, address, "?topic=a", fields);
    let client = [("x-forwarded-for", "203.0.113.7, 192.0.2.1")];
    let mut streams: Vec<Stream> = (0..2).map(|_| open(proxy, &client)).collect();
    sent_away(open(proxy, &[("x-forwarded-for", "203.0.113.8, 192.0.2.1")]));
    let connection = Http2::connect(address);
    let request = Request::get("/v1/events?topic=a").header("x-forwarded-for", "192.0.2.1");
    assert!(connection.stream(&request).rest().is_empty(), "HTTP/2 is no way around");
    // Others behind the same proxy, the proxy itself, and IPv6 by /64.
    streams.extend((0..3).map(|_| open(proxy, &[])));
    streams.push(open(proxy, &[("forwarded", "for=192.0.2.2")]));
    streams.push(open(proxy, &[("forwarded", "for=\"[2001:db8::1]\"")]));
    streams.push(open(proxy, &[("forwarded", "for=\"[2001:db8::2]\"")]));
    sent_away(open(proxy, &[("forwarded", "for=\"[2001:db8::3]\"")]));
    // Whom the proxy does not name counts as the proxy, which is then not exempt.
    streams.extend((0..2).map(|_| open(proxy, &[("forwarded", "for=unknown")])));
    sent_away(open(proxy, &[("forwarded", "for=_hidden")]));
    // Who is no proxy names nobody.
    streams.extend((0..2).map(|at| open(ADA, &[("x-forwarded-for", &format!("192.0.2.{}", 10 + at))])));
    sent_away(open(ADA, &[("x-forwarded-for", "192.0.2.99")]));
    let id = publish(proxy, address, "a", "x").id();
    for stream in &mut streams {
        assert_eq!(stream.events.expect().id, id);
    }
}

fn token(subject: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let rights = json!({ "subscribe": ["**"], "publish": ["**"], "admin": true });
    let claims = json!({ "sub": subject, "exp": now + 3600, "headwater": rights });
    let key = SigningKey::new(Some("main"), Algorithm::Hs256, SECRET.as_bytes()).unwrap();
    format!("Bearer {}", key.sign_claims(&claims).unwrap())
}

fn guarded(rest: &str) -> String {
    format!("{}[[access.keys]]\nid = \"main\"\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n", limits(rest))
}

// SEC-10: sessions of one subject, from wherever they come.
#[test]
fn sec_10_sessions_of_one_subject_are_bounded() {
    let hub = Hub::builder().config(&guarded("subject_sessions = 2")).start();
    let address = hub.address();
    let (ada, bob) = (token("ada"), token("bob"));
    let open = |from, token: &str| subscribe(from, address, "?topic=a", &[("authorization", token)]);
    let first = open(ADA, &ada);
    let _second = open(BOB, &ada);
    sent_away(open([127, 0, 0, 9], &ada));
    let mut connection = Connection::open(address).unwrap();
    let fields = [("authorization", &*ada), ("accept", "application/json")];
    assert_eq!(limited(&connection.request("GET", "/v1/events?topic=a", &fields, b"").unwrap()).0, "subject_sessions");
    let _other = open(ADA, &bob);
    // A long poll is a session as long as it waits.
    drop(first);
    until("a place", || {
        let mut connection = Connection::open(address).unwrap();
        let answer = connection.request("GET", "/v1/events?topic=a&wait=0", &fields, b"").unwrap();
        (answer.status() == 200).then_some(())
    });
    open(ADA, &ada).events.cursor();
}

// POOL-09: sessions that name one topic of a class, and topics of one session.
#[test]
fn pool_09_sessions_of_one_topic_and_topics_of_one_session_are_bounded() {
    let config = limits("topics = 3\n[[class]]\ntopics = [\"small/*\"]\ntopic_sessions = 1");
    let mut hub = Hub::builder().config(&config).start();
    let address = hub.address();
    let one = [127, 0, 0, 1];
    let _reader = subscribe(one, address, "?topic=small/a&topic=b", &[]);
    sent_away(subscribe(one, address, "?topic=small/a", &[]));
    sent_away(subscribe(one, address, "?topic=small/b&topic=small/a", &[]));
    let _others = [subscribe(one, address, "?topic=small/b", &[]), subscribe(one, address, "?topic=small/*", &[])];
    assert_eq!(refused(address, "topic_sessions"), 2.0);
    let four = "/v1/events?topic=a&topic=b&topic=c&topic=d";
    assert_eq!(Connection::open(address).unwrap().get(four).unwrap().status(), 400);
    // A reload moves the limits.
    hub.reload(&limits("topics = 4"));
    hub.logged("configuration reloaded");
    let _more = [subscribe(one, address, &four[10..], &[]), subscribe(one, address, "?topic=small/a", &[])];
}

// RLB-01, RLB-13: 429 with a true time to wait, for each publisher alone, and nothing left behind.
#[test]
fn rlb_13_publishers_have_a_rate_and_are_told_when_to_come_back() {
    let hub = Hub::builder().config(&limits("publish_rate = 2")).start();
    let address = hub.address();
    let statuses: Vec<u16> = (0..4).map(|_| publish(ADA, address, "a", "x").status()).collect();
    assert_eq!(statuses, [201; 4], "a burst of two seconds");
    let batch = json!([{ "topic": "a", "data": "all" }, { "topic": "a", "data": "or none" }]).to_string();
    let mut connection = Connection::open_from(ADA, address).unwrap();
    let (limit, wait) = limited(&connection.request("POST", "/v1/events", &[], batch.as_bytes()).unwrap());
    assert_eq!((limit.as_str(), wait), ("publish_rate", 1));
    let key = [("idempotency-key", "k")];
    assert_eq!(limited(&connection.request("POST", "/v1/topics/a", &key, b"x").unwrap()).0, "publish_rate");
    assert_eq!(publish(BOB, address, "a", "x").status(), 201, "somebody else");
    std::thread::sleep(Duration::from_secs(wait));
    let id = connection.request("POST", "/v1/topics/a", &key, b"x").unwrap();
    assert_eq!(id.status(), 201, "the refused one has used up its key: {id:?}");
    assert_eq!(Connection::open(address).unwrap().get("/v1/topics/a").unwrap().json()["events"], 6);
    assert_eq!(refused(address, "publish_rate"), 2.0);
}

// RLB-13: by bytes, by subject, and by topic of a class.
#[test]
fn rlb_13_bytes_subjects_and_topics() {
    let config = guarded("publish_bytes = \"1KiB\"\n[[class]]\ntopics = [\"slow/*\"]\npublish_rate = 1");
    let hub = Hub::builder().config(&config).start();
    let address = hub.address();
    let post = |from, subject: &str, topic: &str, size: usize| {
        let mut connection = Connection::open_from(from, address).unwrap();
        let fields = [("authorization", &*token(subject))];
        connection.request("POST", &format!("/v1/topics/{topic}"), &fields, "x".repeat(size).as_bytes()).unwrap()
    };
    assert_eq!(post(ADA, "ada", "a", 2000).status(), 201);
    let (limit, wait) = limited(&post(BOB, "ada", "a", 1000));
    assert!(limit == "publish_bytes" && wait == 1, "{limit} {wait}");
    assert_eq!(post(ADA, "bob", "a", 2000).status(), 201);
    for subject in ["cy", "di"] {
        assert_eq!(post(ADA, subject, "slow/a", 1).status(), 201);
    }
    assert_eq!(limited(&post(ADA, "eve", "slow/a", 1)), ("topic_rate".to_owned(), 1));
    assert_eq!(post(ADA, "eve", "slow/b", 1).status(), 201);
}

// RLB-13: a body that streams is slowed down, not cut.
#[test]
fn rlb_13_a_streaming_body_is_read_as_fast_as_it_may_publish() {
    let hub = Hub::builder().config(&limits("publish_rate = 10")).start();
    let mut connection = Connection::open_from(ADA, hub.address()).unwrap();
    let begun = Instant::now();
    let head = "POST /v1/topics/a HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.send(head.as_bytes()).unwrap();
    for _ in 0..3 {
        let lines = "1\n".repeat(10);
        connection.send(format!("{:x}\r\n{lines}\r\n", lines.len()).as_bytes()).unwrap();
    }
    connection.send(b"0\r\n\r\n").unwrap();
    let answer = connection.response().unwrap();
    assert_eq!((answer.status(), answer.json()["ids"].as_array().unwrap().len()), (201, 30));
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
}

// T16, RLB-10: a replay comes as fast as it may, whole and in order; live readers and heartbeats go on.
#[test]
fn t16_replay_is_paced_and_never_cut() {
    let config = format!("tail = \"64KiB\"\nheartbeat = \"1s\"\n{}", limits("replay_bytes = \"64KiB\""));
    let hub = Hub::builder().config(&config).start();
    let address = hub.address();
    let mut live = subscribe(BOB, address, "?topic=live", &[]);
    let data = "x".repeat(16 << 10);
    let mut publisher = Connection::open(address).unwrap();
    let ids: Vec<String> = (0..32).map(|_| publisher.publish("a", &data).unwrap().id()).collect();
    // Half a MiB: a quarter of it at once, the rest page by page.
    let begun = Instant::now();
    let mut replay = subscribe(ADA, address, "?topic=a&since=earliest", &[]);
    for (at, id) in ids.iter().enumerate() {
        assert_eq!(replay.events.expect().id, *id);
        if at == 20 {
            let id = publisher.publish("live", "x").unwrap().id();
            assert_eq!(live.events.expect().id, id);
        }
    }
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(replay.events.text().lines().filter(|line| *line == ":").count() >= 1, "no heartbeat while it waited");
    assert!(refused(address, "replay_bytes") > 0.0);
}

// T10: a body that trickles is given up.
#[test]
fn t10_a_body_below_the_least_rate_is_cut_and_stores_nothing() {
    let hub = Hub::builder().config("[limits]\nbody_rate = \"10KiB\"\nbody_total = \"8s\"").start();
    let mut socket = Connection::open(hub.address()).unwrap();
    socket.send(b"POST /v1/topics/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 200000\r\n\r\n").unwrap();
    let begun = Instant::now();
    socket.stream().set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let answer = until("the body to be given up", || {
        // A few bytes now and then gain nothing.
        let _ = socket.send(b"xxxx");
        socket.response().ok()
    });
    assert_eq!((answer.status(), answer.json()["type"].as_str()), (408, Some("urn:headwater:problem:slow-body")));
    assert!(begun.elapsed() >= Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(Connection::open(hub.address()).unwrap().get("/v1/topics/a").unwrap().status(), 404);
}
