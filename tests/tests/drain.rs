//! Stopping in good order: nobody new, every stream ended between two events, nothing lost, and back again.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use headwater_testkit::load::{History, Publisher, Reader};
use headwater_testkit::peer::{Connection, Stream};
use headwater_testkit::{Figures, Hub, Signal, raise_descriptor_limit, until};

fn subscribe(address: SocketAddr, query: &str) -> Stream {
    let stream = Connection::open(address).unwrap().subscribe(query, &[]).unwrap();
    assert_eq!(stream.head.status, 200);
    stream
}

/// Opens streams until there are this many.
fn crowd(address: SocketAddr, count: usize) -> Vec<Stream> {
    raise_descriptor_limit();
    let streams = (0..count).map(|_| subscribe(address, "?topic=crowd")).collect();
    Figures::until(address, "all sessions", |figures| figures.sessions() >= count as f64);
    streams
}

fn status(address: SocketAddr, target: &str) -> u16 {
    Connection::open(address).unwrap().get(target).unwrap().status()
}

// KAL-07, POOL-07, EVR-12: during the drain and after it
#[test]
fn kal_07_a_stopping_hub_takes_nobody_in_and_ends_streams_one_after_the_other() {
    let mut hub = Hub::builder().config("drain = \"4s\"\nheartbeat = \"1s\"").start();
    let address = hub.address();
    let mut publisher = Connection::open(address).unwrap();
    let read = publisher.publish("late", "read").unwrap().id();
    publisher.publish("late", "not read yet").unwrap();
    let mut streams = crowd(address, 1000);
    hub.signal(Signal::TERM);

    // In waves: some are gone while others are still there.
    let during = Figures::until(address, "the first streams to be ended", |figures| figures.closed("drain") > 0.0);
    assert!(during.sessions() > 0.0, "all streams ended in one moment");
    assert_eq!(status(address, "/readyz"), 503);
    assert_eq!(status(address, "/healthz"), 200);

    // Native EventSource stops for good on a 503: it gets a clean end and a delay.
    let mut late = subscribe(address, "?topic=late");
    assert_eq!(late.events.rest().unwrap(), []);
    assert!(late.events.text().starts_with("retry: "), "{}", late.events.text());
    assert!(!late.events.torn() && late.events.cursor().contains('-'));
    // Who resumes keeps its place: what it has not read is there after the start.
    let mut back = Connection::open(address).unwrap().subscribe("?topic=late", &[("last-event-id", &read)]).unwrap();
    assert_eq!(back.events.rest().unwrap(), []);
    assert_eq!(back.events.cursor(), read);
    for accept in ["application/x-ndjson", "application/json"] {
        let mut connection = Connection::open(address).unwrap();
        let refused = connection.request("GET", "/v1/events?topic=late", &[("accept", accept)], b"").unwrap();
        assert_eq!(refused.status(), 503, "{accept}");
        assert!(refused.head.get("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{refused:?}");
    }

    // What is published now is stored, and whoever is still there sees it.
    let id = Connection::open(address).unwrap().publish("crowd", "in the last minute").unwrap().id();

    let mut delays = HashSet::new();
    let (mut saw, mut resume) = (0, None);
    for stream in &mut streams {
        let mut events = stream.events.rest().unwrap();
        let closing = events.pop().expect("no closing event");
        assert_eq!((closing.event.as_str(), &closing.json()["reason"]), ("headwater.closing", &"drain".into()));
        assert!(!stream.events.torn(), "{:?}", stream.events.text());
        delays.insert(closing.json()["reconnect_ms"].as_u64().unwrap());
        match &events[..] {
            [] => resume = Some(stream.events.cursor().to_owned()),
            [event] => {
                assert_eq!(event.id, id);
                saw += 1;
            }
            more => panic!("{more:?}"),
        }
    }
    // EVR-04: they are sent away for different times.
    assert!(delays.len() > 500, "only {} different delays", delays.len());
    assert_eq!(hub.wait().code(), Some(0));

    // Who left before the event was published finds it after the start.
    println!("{saw} of 1000 saw the late event before the end");
    hub.restart();
    if let Some(cursor) = resume {
        let mut back =
            Connection::open(address).unwrap().subscribe("?topic=crowd", &[("last-event-id", &cursor)]).unwrap();
        assert_eq!(back.events.expect().id, id);
    }
    let mut all = subscribe(address, "?topic=crowd&since=earliest");
    assert_eq!(all.events.expect().id, id);
}

// KAL-07: a nearly idle hub does not wait for its time to pass.
#[test]
fn kal_07_a_nearly_idle_hub_stops_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut hub = Hub::builder().config("drain = \"1h\"").start();
        let mut streams = crowd(hub.address(), 3);
        // A connection without a request, and one after a request, do not hold it up.
        let _silent = Connection::open(hub.address()).unwrap();
        let mut kept = Connection::open(hub.address()).unwrap();
        assert_eq!(kept.get("/healthz").unwrap().status(), 200);
        hub.signal(signal);
        for stream in &mut streams {
            assert_eq!(stream.events.rest().unwrap().last().unwrap().event, "headwater.closing");
        }
        assert_eq!(hub.wait().code(), Some(0));
    }
}

// KAL-07
#[test]
fn kal_07_a_second_signal_ends_at_once() {
    let mut hub = Hub::builder().config("drain = \"1h\"").start();
    let address = hub.address();
    let mut streams = crowd(address, 1000);
    hub.signal(Signal::TERM);
    until("the drain to begin", || (status(address, "/readyz") == 503).then_some(()));
    hub.signal(Signal::TERM);
    assert_eq!(hub.wait().code(), Some(0));
    // Being cut off may look like an error.
    let last = |stream: &mut Stream| std::iter::from_fn(|| stream.events.receive().ok().flatten()).last();
    let told = streams.iter_mut().filter_map(last).filter(|event| event.event == "headwater.closing").count();
    assert!(told < 1000, "the hub took its time all the same");
}

// KAL-07: a reader that takes nothing gets no goodbye and stops nobody.
#[test]
fn kal_07_stalled_readers_do_not_hold_up_the_end() {
    let mut hub = Hub::builder().config("drain = \"1s\"").start();
    let address = hub.address();
    let stalled: Vec<Stream> = (0..10).map(|_| subscribe(address, "?topic=much")).collect();
    let mut publisher = Connection::open(address).unwrap();
    let much = "x".repeat(200_000);
    for _ in 0..40 {
        assert_eq!(publisher.publish("much", &much).unwrap().status(), 201);
    }
    hub.signal(Signal::TERM);
    assert_eq!(hub.wait().code(), Some(0));
    drop(stalled);
}

// BSG-10, BSG-07, KAL-07: restarts under load, on one machine
#[test]
fn bsg_10_restarts_under_load_lose_and_tear_nothing() {
    let seed: u64 = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut hub = Hub::builder().config("drain = \"300ms\"\nretry = \"100ms\"").start();
    let address = hub.address();
    let stop = Arc::new(AtomicBool::new(false));
    let publishers: Vec<_> = (0..4)
        .map(|number| {
            let (publisher, stop) = (Publisher::new(number, address, random.fork()), stop.clone());
            thread::spawn(move || publisher.run(100.0, &stop))
        })
        .collect();
    let readers: Vec<_> = Reader::kinds(address).into_iter().map(|reader| thread::spawn(|| reader.run())).collect();
    for _ in 0..5 {
        let head = Figures::of(address).get("headwater_log_head");
        Figures::until(address, "some load", |figures| figures.get("headwater_log_head") > head + 100.0);
        assert_eq!(hub.terminate().code(), Some(0));
        hub.restart();
    }
    stop.store(true, Ordering::Relaxed);
    let batches = publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect();
    let history = History::close(address, batches);
    history.check();
    for reader in readers {
        let reader = reader.join().unwrap();
        reader.check(&history);
        assert_eq!(reader.torn(), 0, "a stream ended inside an event");
        println!("{} ends announced", reader.closed());
    }
}
