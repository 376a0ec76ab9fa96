//! Readers that do not keep up: nobody waits for them, nothing piles up for them, and nothing is lost on them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use headwater_testkit::peer::{Connection, Stream};
use headwater_testkit::{Figures, Hub, PATIENCE, Process};
use socket2::{Domain, Protocol, Socket, Type};

/// A stream whose kernel takes little on its behalf.
fn subscribe(address: SocketAddr, query: &str, fields: &[(&str, &str)]) -> Stream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&address.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let stream = Connection::over(TcpStream::from(socket)).subscribe(query, fields).unwrap();
    assert_eq!(stream.head.status, 200);
    stream
}

/// Publishes numbered events of this size, one after the other.
fn publish(address: SocketAddr, numbers: std::ops::Range<usize>, size: usize) {
    let mut connection = Connection::open(address).unwrap();
    let filler = "x".repeat(size);
    for number in numbers {
        assert_eq!(connection.publish("a", &format!("{number} {filler}")).unwrap().status(), 201);
    }
}

/// The next events are these numbers, each once and in order.
#[track_caller]
fn expect(stream: &mut Stream, numbers: std::ops::Range<usize>) {
    for number in numbers {
        let event = stream.events.expect();
        stream.events.forget_bytes();
        assert_eq!((event.event.as_str(), number_of(&event.data)), ("message", number));
    }
}

fn number_of(data: &str) -> usize {
    data.split(' ').next().unwrap().parse().unwrap()
}

// BSG-09, RUN-05, RLB-03, RLB-07, RLB-08, RLB-09, RLB-11, BUF-04, G8, T13, R7, guarantee 6
#[test]
fn t13_stalled_readers_cost_nothing_but_their_own_stream() {
    let config = "tail = \"1MiB\"\nheartbeat = \"1s\"\n[limits]\nstall_timeout = \"3s\"";
    let hub = Hub::builder().config(config).start();
    let address = hub.address();
    let process = Process(hub.pid());
    let mut healthy: Vec<Stream> = (0..3).map(|_| subscribe(address, "?topic=a", &[])).collect();
    let stalled: Vec<Stream> = (0..100).map(|_| subscribe(address, "?topic=a", &[])).collect();
    publish(address, 0..20, 1000);
    let before = process.resident();

    // 20 MB for each of 103 readers: it cannot be anywhere but in the log.
    let (events, size) = (400, 50_000);
    let readers: Vec<_> = healthy
        .drain(..)
        .map(|mut stream| {
            thread::spawn(move || {
                expect(&mut stream, 0..20 + events);
                stream
            })
        })
        .collect();
    publish(address, 20..20 + events, size);
    healthy.extend(readers.into_iter().map(|reader| reader.join().unwrap()));
    let growth = process.resident().saturating_sub(before);
    println!("{} KiB more for {} stalled readers", growth >> 10, stalled.len());
    assert!(growth < 48 << 20, "{growth} bytes more");

    let figures = Figures::until(address, "the stalled ones to be evicted", |figures| figures.sessions() == 3.0);
    assert_eq!(figures.closed("stalled") + figures.closed("client"), 100.0);
    assert!(figures.closed("stalled") > 0.0, "{figures:?}");

    // One of them comes back with its cursor, and has lost nothing.
    let mut stream = stalled.into_iter().next().unwrap();
    let mut count = 0;
    while let Ok(Some(event)) = stream.events.receive() {
        assert_eq!(number_of(&event.data), count);
        count += 1;
    }
    let cursor = stream.events.cursor().to_owned();
    let mut back = subscribe(address, "?topic=a", &[("last-event-id", &cursor)]);
    expect(&mut back, count..20 + events);
}

// RLB-08, T13: the kernel, which gives up after 30 s on who vanished, does not take a slow reader for one.
#[test]
fn t13_a_stall_may_take_longer_than_the_kernel_waits_for_who_vanished() {
    let hub = Hub::builder().config("heartbeat = \"5s\"\n[limits]\nstall_timeout = \"34s\"").start();
    let address = hub.address();
    let mut slow = subscribe(address, "?topic=a", &[]);
    let stalled = subscribe(address, "?topic=a", &[]);
    publish(address, 0..40, 50_000);
    let (published, bound) = (Instant::now(), Duration::from_secs(34) + PATIENCE);
    while Figures::of(address).sessions() > 1.0 {
        assert!(published.elapsed() < bound, "nobody was evicted within {bound:?}");
        // What it takes now and then, with pauses, is enough.
        slow.events.read_more().unwrap();
        thread::sleep(Duration::from_secs(4));
    }
    let figures = Figures::of(address);
    assert_eq!((figures.closed("stalled"), figures.closed("client")), (1.0, 0.0));
    drop(stalled);
}

// RLB-08, T13: the limit holds by itself, whatever else would make the hub look at a session.
#[test]
fn t13_a_stall_is_noticed_long_before_the_next_heartbeat() {
    let hub = Hub::builder().config("heartbeat = \"1h\"\nmax_age = 0\n[limits]\nstall_timeout = \"1s\"").start();
    let address = hub.address();
    let mut healthy = subscribe(address, "?topic=a", &[]);
    let stalled = subscribe(address, "?topic=a", &[]);
    let slow = subscribe(address, "?topic=a", &[]);
    let reader = thread::spawn(move || {
        let mut slow = slow;
        expect(&mut slow, 0..40);
        slow
    });
    publish(address, 0..40, 50_000);
    expect(&mut healthy, 0..40);
    let _slow = reader.join().unwrap();
    Figures::until(address, "the stalled one to be evicted", |figures| figures.closed("stalled") == 1.0);
    assert_eq!(Figures::of(address).sessions(), 2.0);
    drop(stalled);
    // Nobody else was taken for stalled, and deadlines go on.
    publish(address, 40..41, 10);
    expect(&mut healthy, 40..41);
}

// EVR-05, BSG-09, RLB-08, guarantee 4: into the log and back to life, with nothing missing and nothing twice
#[test]
fn evr_05_a_reader_that_fell_off_the_tail_catches_up_and_is_live_again() {
    let hub = Hub::builder().config("tail = \"64KiB\"").start();
    let address = hub.address();
    let mut slow = subscribe(address, "?topic=a", &[]);
    let mut others = subscribe(address, "?topic=b", &[]);
    publish(address, 0..1000, 5000);
    // It reads while more is published: the log grows under it, and it changes over in the middle of that.
    let publisher = thread::spawn(move || publish(address, 1000..2000, 1000));
    expect(&mut slow, 0..2000);
    publisher.join().unwrap();
    assert!(Figures::of(address).get("headwater_catch_up_pages_total") > 0.0, "it never read the log");

    // Live again: no page is read for these.
    let pages = Figures::of(address).get("headwater_catch_up_pages_total");
    for number in 2000..2020 {
        publish(address, number..number + 1, 10);
        expect(&mut slow, number..number + 1);
    }
    assert_eq!(Figures::of(address).get("headwater_catch_up_pages_total"), pages);
    let id = Connection::open(address).unwrap().publish("b", "x").unwrap().id();
    assert_eq!(others.events.expect().id, id);
}

// EVR-07, RLB-06, G5, guarantee 4: what retention took from a slow reader is told.
#[test]
fn evr_07_a_reader_behind_retention_is_told_what_it_missed() {
    let config = "tail = \"64KiB\"\n[[class]]\ntopics = [\"a\"]\nretention = { events = 50 }";
    let hub = Hub::builder().config(config).start();
    let address = hub.address();
    let mut slow = subscribe(address, "?topic=a", &[]);
    publish(address, 0..1000, 5000);
    let (mut next, mut gaps, mut told) = (0, 0, false);
    while next < 1000 {
        match slow.events.receive() {
            Ok(Some(event)) if event.event == "headwater.gap" => {
                assert_eq!(event.json()["resumed_at"], event.id);
                (told, gaps) = (true, gaps + 1);
            }
            Ok(Some(event)) if event.event == "headwater.closing" => {}
            Ok(Some(event)) => {
                let number = number_of(&event.data);
                assert!(number == next || (told && number > next), "{number} instead of {next} without a word");
                (next, told) = (number + 1, false);
            }
            // Cut off in an event whose rest is gone: it resumes.
            Ok(None) | Err(_) => {
                let cursor = slow.events.cursor().to_owned();
                slow = subscribe(address, "?topic=a", &[("last-event-id", &cursor)]);
            }
        }
    }
    assert!(gaps > 0, "a thousand events went through a window of fifty without a gap");
    assert!(Figures::of(address).get("headwater_gaps_total") > 0.0);
}

// RLB-07, BSG-09: who takes something, but never enough to be up to date again, is sent away with a word, and misses nothing.
#[test]
fn a_reader_that_lags_for_too_long_is_told_and_comes_back() {
    let config = "tail = \"1MiB\"\nheartbeat = \"1s\"\n[limits]\nlag = \"1s\"";
    let hub = Hub::builder().config(config).start();
    let address = hub.address();
    let mut slow = subscribe(address, "?topic=a", &[]);
    let mut live = subscribe(address, "?topic=a", &[]);
    publish(address, 0..1, 10);
    expect(&mut slow, 0..1);
    expect(&mut live, 0..1);
    let events = 100;
    let reader = thread::spawn(move || expect(&mut live, 1..events));
    publish(address, 1..events, 50_000);
    reader.join().unwrap();

    // A link that carries ten events a second.
    let (mut next, started) = (1, Instant::now());
    let cursor = loop {
        thread::sleep((started + Duration::from_millis(100) * next as u32).saturating_duration_since(Instant::now()));
        let event = slow.events.expect();
        slow.events.forget_bytes();
        if event.event == "headwater.closing" {
            assert!(event.data.contains("\"lagged\""), "{event:?}");
            break slow.events.cursor().to_owned();
        }
        assert_eq!((event.event.as_str(), number_of(&event.data)), ("message", next));
        next += 1;
    };
    assert!(next < events, "it got everything first");
    Figures::until(address, "the end to be counted", |figures| figures.closed("lagged") == 1.0);
    let mut again = subscribe(address, "?topic=a", &[("last-event-id", &cursor)]);
    expect(&mut again, next..events);
}
