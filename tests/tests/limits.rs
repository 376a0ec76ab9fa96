//! Bounds on what connections may ask for: how many, how slow, and how oddly they may speak.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use headwater_testkit::peer::{Connection, Stream};
use headwater_testkit::{Figures, Http2, Hub, PATIENCE, Process, Request, until};

fn subscribe(address: SocketAddr, query: &str) -> Stream {
    let stream = Connection::open(address).unwrap().subscribe(query, &[]).unwrap();
    assert_eq!(stream.head.status, 200);
    stream
}

/// A request that is sent and not answered yet.
fn asked(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    socket
}

fn answer(mut socket: TcpStream) -> String {
    let mut text = Vec::new();
    // A reset after the answer is no matter here.
    let _ = socket.read_to_end(&mut text);
    String::from_utf8(text).unwrap()
}

// POOL-03, POOL-09, T14: over the limit nobody is accepted, and nobody is turned away for good.
#[test]
fn pool_09_the_limit_on_connections_pauses_accepting_and_recovers() {
    let hub = Hub::builder().config("shards = 1\n[limits]\nconnections = 20\nsessions = 20").start();
    let address = hub.address();
    let mut streams: Vec<Stream> = (0..20).map(|_| subscribe(address, "?topic=a")).collect();
    let waiting: Vec<TcpStream> = (0..5).map(|_| asked(address)).collect();
    for socket in &waiting {
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let error = (&*socket).read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "one over the limit was served");
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    drop(streams.drain(..3));
    for socket in waiting {
        assert!(answer(socket).starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(Figures::of(address).sessions(), 17.0);
    let id = Connection::open(address).unwrap().publish("a", "x").unwrap().id();
    for stream in &mut streams {
        assert_eq!(stream.events.expect().id, id);
    }
}

// POOL-09: the last place is there for everybody, whichever shard they come to.
#[test]
fn pool_09_one_place_left_is_enough_for_one_after_the_other() {
    let hub = Hub::builder().config("shards = 4\n[limits]\nconnections = 20").start();
    let _streams: Vec<Stream> = (0..19).map(|_| subscribe(hub.address(), "?topic=a")).collect();
    for _ in 0..30 {
        assert!(answer(asked(hub.address())).starts_with("HTTP/1.1 200 "));
    }
}

// POOL-03, POOL-09, EVR-12, T14: readers do not take the last places, and those that are too many come back by themselves.
#[test]
fn pool_03_readers_leave_places_for_publishers() {
    let hub = Hub::builder().config("[limits]\nconnections = 20").start();
    let address = hub.address();
    let mut streams: Vec<Stream> = (0..19).map(|_| subscribe(address, "?topic=a")).collect();

    let shed = |query: &str, fields: &[(&str, &str)]| {
        let mut stream = Connection::open(address).unwrap().subscribe(query, fields).unwrap();
        assert_eq!((stream.head.status, stream.head.get("content-type")), (200, Some("text/event-stream")));
        assert!(stream.events.rest().unwrap().is_empty());
        let retry = stream.events.text().lines().find_map(|line| line.strip_prefix("retry: ")?.parse::<u64>().ok());
        assert!(retry.is_some_and(|retry| (30_000..=90_000).contains(&retry)), "{}", stream.events.text());
        (retry, stream.events.cursor().to_owned())
    };
    let retries: BTreeSet<_> = (0..5).map(|_| shed("?topic=a", &[]).0).collect();
    assert!(retries.len() > 1, "all come back at the same time: {retries:?}");
    let (_, cursor) = shed("?topic=a", &[]);
    let connection = Http2::connect(address);
    let mut over_http2 = connection.stream(&Request::get("/v1/events?topic=a"));
    assert!(over_http2.rest().is_empty() && !over_http2.is_torn());
    drop(connection);
    for form in ["application/x-ndjson", "application/json"] {
        let mut connection = Connection::open(address).unwrap();
        let refused = connection.request("GET", "/v1/events?topic=a", &[("accept", form)], b"").unwrap();
        assert_eq!((refused.status(), refused.head.get("content-type")), (503, Some("application/problem+json")));
        let seconds: u64 = refused.head.get("retry-after").unwrap().parse().unwrap();
        assert!((30..=90).contains(&seconds), "{seconds}");
        assert_eq!(refused.json()["type"], "urn:headwater:problem:too-many-sessions");
    }

    // Publishers and the operator are served, and so are the readers.
    let id = Connection::open(address).unwrap().publish("a", "x").unwrap().id();
    for stream in &mut streams {
        assert_eq!(stream.events.expect().id, id);
    }
    let figures = Figures::of(address);
    assert_eq!(figures.get("headwater_sessions_shed_total{reason=\"sessions\"}"), 9.0);
    assert_eq!((figures.sessions(), figures.get("headwater_sessions_limit")), (19.0, 19.0));
    assert_eq!(figures.get("headwater_connections_limit"), 20.0);
    assert!((19.0..=20.0).contains(&figures.get("headwater_connections")), "{figures:?}");

    // Who was sent away has missed nothing.
    drop(streams.pop());
    Figures::until(address, "a free place", |figures| figures.sessions() == 18.0);
    let stream = Connection::open(address).unwrap().subscribe("?topic=a", &[("last-event-id", &cursor)]);
    assert_eq!(stream.unwrap().events.expect().id, id);
}

// POOL-09: a reload moves the limit.
#[test]
fn pool_09_the_limit_on_sessions_can_be_changed() {
    let mut hub = Hub::builder().config("[limits]\nsessions = 1").start();
    let address = hub.address();
    let _first = subscribe(address, "?topic=a");
    assert!(subscribe(address, "?topic=a").events.rest().unwrap().is_empty());
    hub.reload("[limits]\nsessions = 2");
    hub.logged("configuration reloaded");
    let mut second = subscribe(address, "?topic=a");
    let id = Connection::open(address).unwrap().publish("a", "x").unwrap().id();
    assert_eq!(second.events.expect().id, id);
}

// POOL-03: descriptors that run out in spite of everything are survived, without spinning.
#[test]
fn pool_03_descriptors_that_run_out_are_survived() {
    let hub = Hub::start();
    let address = hub.address();
    let mut first = subscribe(address, "?topic=a");
    // Taken away while it runs, so that its own count of them is wrong.
    limit_descriptors(&hub, Process(hub.pid()).descriptors() as u64 + 5);
    // Those that are served stay: the rest finds none left.
    let mut crowd: Vec<Connection> = (0..30).map(|_| Connection::open(address).unwrap()).collect();
    for connection in &mut crowd {
        connection.send(b"GET /v1/events?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    }
    hub.logged("cannot accept connections for a moment");
    let cpu = Process(hub.pid()).cpu();
    let complaints = || hub.log().iter().filter(|line| line.contains("cannot accept connections")).count();
    let before = complaints();
    until("some more attempts", || (complaints() >= before + 10).then_some(()));
    let used = Process(hub.pid()).cpu() - cpu;
    assert!(used < Duration::from_millis(400), "{used:?} of CPU for ten attempts");

    limit_descriptors(&hub, 4096);
    for connection in &mut crowd {
        assert_eq!(connection.head().unwrap().status, 200);
    }
    let id = Connection::open(address).unwrap().publish("a", "x").unwrap().id();
    assert_eq!(first.events.expect().id, id);
}

fn limit_descriptors(hub: &Hub, count: u64) {
    let limit = Command::new("prlimit").args(["--pid", &hub.pid().to_string(), &format!("--nofile={count}:")]).output();
    assert!(limit.as_ref().is_ok_and(|output| output.status.success()), "{limit:?}");
}

// POOL-04: few to begin with is enough to serve.
#[test]
fn pool_04_a_low_limit_of_descriptors_is_taken_into_account() {
    let hub = Hub::builder().start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", hub.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> = line.split_whitespace().filter(|word| word.parse::<u64>().is_ok()).collect();
    assert_eq!(numbers[0], numbers[1], "the soft limit was not raised: {line}");
}

const SHORT: &str = "[limits]\nhead_timeout = \"1s\"\nbody_timeout = \"1s\"";

// T10, KAL-04
#[test]
fn t10_a_slow_head_is_cut_however_it_trickles() {
    let hub = Hub::builder().config(SHORT).start();
    let mut silent = TcpStream::connect(hub.address()).unwrap();
    let mut socket = TcpStream::connect(hub.address()).unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    // A byte now and then gains nothing: the whole head has a deadline.
    let answer = until("the head to be given up", || {
        let dropped = socket.write_all(b"x").is_err();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut text = [0; 4096];
        match socket.read(&mut text) {
            Ok(n) => Some(String::from_utf8_lossy(&text[..n]).into_owned()),
            Err(_) if dropped => Some(String::new()),
            Err(_) => None,
        }
    });
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0, "a connection without a request stays");

    // The next head on a connection has a deadline, too.
    let mut kept = Connection::open(hub.address()).unwrap();
    assert_eq!(kept.get("/healthz").unwrap().status(), 200);
    kept.send(b"GET /hea").unwrap();
    assert_eq!(kept.response().unwrap().status(), 408);
    assert!(kept.read(&mut [0; 1]).map_or(true, |n| n == 0));
}

// T10
#[test]
fn t10_a_slow_body_is_cut_and_stores_nothing() {
    let hub = Hub::builder().config(SHORT).start();
    let mut socket = Connection::open(hub.address()).unwrap();
    socket.send(b"POST /v1/topics/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf of").unwrap();
    let refused = socket.response().unwrap();
    assert_eq!(refused.status(), 408, "{refused:?}");
    let all = Connection::open(hub.address()).unwrap().get("/v1/topics/a").unwrap();
    assert!(all.status() == 404 || all.json()["events"] == 0, "{all:?}");
}

// T24, SEC-14: what servers could read in two ways is refused, or read in the one way that hurts nobody.
#[test]
fn t24_ambiguous_requests_smuggle_nothing() {
    let hub = Hub::start();
    let smuggled = "POST /v1/topics/smuggled HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nX";
    let post = "POST /v1/topics/open HTTP/1.1\r\nhost: localhost\r\n";
    let chunked = "transfer-encoding: chunked\r\n";
    let cases = [
        ("length and chunked", format!("{post}content-length: 5\r\n{chunked}\r\n0\r\n\r\n{smuggled}")),
        ("chunked and length", format!("{post}{chunked}content-length: 5\r\n\r\n0\r\n\r\n{smuggled}")),
        ("two lengths", format!("{post}content-length: 1\r\ncontent-length: 90\r\n\r\nA{smuggled}")),
        ("a list of lengths", format!("{post}content-length: 1, 90\r\n\r\nA{smuggled}")),
        ("a signed length", format!("{post}content-length: +1\r\n\r\nA{smuggled}")),
        ("a folded field", format!("{post}x: a\r\n content-length: 90\r\n\r\n{smuggled}")),
        ("a space before the colon", format!("{post}content-length : 90\r\n\r\n{smuggled}")),
        (
            "bare line feeds",
            format!("POST /v1/topics/open HTTP/1.1\nhost: localhost\ncontent-length: 90\n\n{smuggled}"),
        ),
        ("a hidden chunked", format!("{post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}")),
        ("chunked twice", format!("{post}{chunked}transfer-encoding: identity\r\n\r\n0\r\n\r\n{smuggled}")),
        ("a chunk of odd size", format!("{post}{chunked}\r\n-1\r\n\r\n0\r\n\r\n{smuggled}")),
        ("a NUL in a field", format!("{post}x: \0\r\ncontent-length: 90\r\n\r\n{smuggled}")),
    ];
    for (name, request) in cases {
        let mut socket = TcpStream::connect(hub.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        let said = answer(socket);
        let statuses: Vec<&str> = said.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.split(' ').next()).collect();
        println!("{name}: {statuses:?}");
        // Two good answers: two requests were read where a proxy may have seen one.
        assert!(statuses.iter().filter(|status| status.starts_with('2')).count() <= 1, "{name}: {said}");
    }
    let smuggled = Connection::open(hub.address()).unwrap().get("/v1/topics/smuggled").unwrap();
    assert_eq!(smuggled.status(), 404, "{smuggled:?}");
}

// T24: a stream is the last thing on its connection.
#[test]
fn t24_nothing_after_a_stream_is_executed() {
    let hub = Hub::start();
    let address = hub.address();
    let smuggled = "POST /v1/topics/smuggled HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nX";
    let stream = "GET /v1/events?topic=smuggled HTTP/1.1\r\nhost: localhost\r\n";
    // With the request, with a body of it, and later.
    let mut sockets = Vec::new();
    for (first, later) in [
        (format!("{stream}\r\n{smuggled}"), ""),
        (format!("{stream}content-length: {}\r\n\r\n{smuggled}", smuggled.len()), ""),
        (format!("{stream}\r\n"), smuggled),
    ] {
        let mut connection = Connection::open(address).unwrap();
        connection.send(first.as_bytes()).unwrap();
        assert_eq!(connection.head().unwrap().status, 200);
        // Gone already is as good.
        let _ = connection.send(later.as_bytes());
        sockets.push(connection);
    }
    let id = Connection::open(address).unwrap().publish("after", "x").unwrap().id();
    assert!(id.starts_with("1-"), "something was stored before: {id}");
    assert_eq!(Connection::open(address).unwrap().get("/v1/topics/smuggled").unwrap().status(), 404);
}
