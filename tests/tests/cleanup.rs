//! Streams that end in every way there is, again and again: nothing of them stays behind.
//!
//! `HEADWATER_CYCLES` sets how many (default 2000).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Read as _;
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use headwater_testkit::peer::{Connection, Stream};
use headwater_testkit::{Figures, Hub, Process, until};

type Cycle = fn(SocketAddr);

/// One stream and its end, each in another way.
const CYCLES: [(&str, Cycle); 9] = [
    ("FIN", |address| drop(subscribe(address, "?topic=a"))),
    ("RST", |address| reset(&subscribe(address, "?topic=a"))),
    ("half-close", |address| {
        let stream = subscribe(address, "?topic=a/*");
        stream.socket().shutdown(Shutdown::Write).unwrap();
        // A reset is an end, too.
        while stream.socket().read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}
    }),
    ("gone before the answer", |address| {
        let mut connection = Connection::open(address).unwrap();
        connection.send(b"GET /v1/events?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    }),
    ("gone in the middle of the request", |address| {
        Connection::open(address).unwrap().send(b"GET /v1/events?topic=a HTTP/1.1\r\nho").unwrap();
    }),
    ("gone while it catches up", |address| drop(subscribe(address, "?topic=full&since=earliest"))),
    ("RST while it catches up", |address| reset(&subscribe(address, "?topic=full&since=earliest"))),
    ("gone from a long-poll", |address| {
        let mut connection = Connection::open(address).unwrap();
        let request = "GET /v1/events?topic=a HTTP/1.1\r\nhost: localhost\r\naccept: application/json\r\n\r\n";
        connection.send(request.as_bytes()).unwrap();
    }),
    ("the topic's end", |address| {
        let topic = format!("ended/{}", fastrand::u64(..));
        let mut stream = subscribe(address, &format!("?topic={topic}"));
        Connection::open(address).unwrap().publish(&format!("{topic}?final=done"), "last").unwrap();
        assert_eq!(stream.events.rest().unwrap().last().unwrap().event, "headwater.end");
        Connection::open(address).unwrap().request("DELETE", &format!("/v1/topics/{topic}"), &[], b"").unwrap();
    }),
];

fn subscribe(address: SocketAddr, query: &str) -> Stream {
    let stream = Connection::open(address).unwrap().subscribe(query, &[]).unwrap();
    assert_eq!(stream.head.status, 200);
    stream
}

fn reset(stream: &Stream) {
    socket2::SockRef::from(stream.socket()).set_linger(Some(Duration::ZERO)).unwrap();
}

// BUF-06, RUN-01, RUN-02, KAL-05
#[test]
fn buf_06_nothing_stays_behind_when_all_clients_have_left() {
    let cycles: usize = std::env::var("HEADWATER_CYCLES").map_or(2000, |text| text.parse().unwrap());
    // A heartbeat far away: what notices the ends is not the next write.
    let hub = Hub::builder().config("heartbeat = \"1h\"\ntail = \"64KiB\"").start();
    let address = hub.address();
    let mut publisher = Connection::open(address).unwrap();
    for _ in 0..100 {
        publisher.publish("full", &"x".repeat(10_000)).unwrap();
    }
    let quiet = |what: &str| Figures::until(address, what, |figures| figures.sessions() == 0.0);
    let process = Process(hub.pid());
    run(address, cycles / 4);
    quiet("the sessions of the first round to end");
    let (descriptors, threads, resident) = (process.descriptors(), process.threads(), process.resident());

    run(address, cycles);
    let figures = quiet("all sessions to end");
    process.until_descriptors(descriptors);
    until("the threads to go", || (process.threads() <= threads.max(12)).then_some(()));
    let growth = process.resident().saturating_sub(resident);
    println!("{} sessions, {} KiB more", figures.get("headwater_sessions_opened_total"), growth >> 10);
    assert!(growth < 6 << 20, "{growth} bytes more after {cycles} cycles");
    // Ended once each, and for a reason that is known.
    let ends = figures.closed("client") + figures.closed("ended");
    assert_eq!(ends, figures.get("headwater_sessions_opened_total"), "{figures:#?}");
    assert!(!hub.log().iter().any(|line| line.contains("ERROR") || line.contains("panicked")), "{:?}", hub.log());
}

fn run(address: SocketAddr, cycles: usize) {
    for n in 0..cycles {
        CYCLES[n % CYCLES.len()].1(address);
    }
}
