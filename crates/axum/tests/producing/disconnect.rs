//! The producer goes with its stream, whatever ends it, and its destructors run once.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::stream;
use headwater_axum::{BoxError, Event, EventStream, Shutdown, producer};
use headwater_testkit::{Connection, Http2, Request, until};

use crate::server::{Drops, Part, Served};

/// No heartbeat meets a dead socket within a test: the end itself has to be noticed.
const NEVER: Duration = Duration::from_secs(3600);

/// Sends one event, and waits for ever with `part` in its hands.
fn waiting(part: Part) -> EventStream {
    EventStream::new(producer(move |events| async move {
        let _part = part;
        events.send(Event::new("here")).await?;
        pending().await
    }))
    .heartbeat(NEVER)
}

fn served(drops: &Drops) -> Served {
    let drops = drops.clone();
    Served::stream(move |_| waiting(drops.part()))
}

/// An open stream as a bare connection.
fn connect(served: &Served) -> Connection {
    let mut connection = served.client.connect();
    connection.request(&Request::get("/events"));
    assert_eq!(connection.head().status, 200);
    let (mut seen, deadline) = (Vec::new(), headwater_testkit::Deadline::new());
    while !seen.windows(4).any(|bytes| bytes == b"here") {
        seen.extend(connection.read(deadline).unwrap());
    }
    connection
}

// RUN-01, FWK-02
#[test]
fn a_client_that_closes() {
    let drops = Drops::default();
    let served = served(&drops);
    drop(connect(&served));
    drops.wait();
    served.stop();
    assert_eq!(drops.count(), 1);
}

// RUN-01, FWK-02
#[test]
fn a_client_that_resets() {
    let drops = Drops::default();
    let served = served(&drops);
    connect(&served).reset();
    drops.wait();
    served.stop();
    assert_eq!(drops.count(), 1);
}

// RUN-01, FWK-02
#[test]
fn a_client_that_cancels_one_of_its_http2_streams() {
    let drops = Drops::default();
    let served = served(&drops);
    let http2 = Http2::connect(served.client.address());
    let mut kept = http2.stream(&Request::get("/events"));
    assert_eq!(kept.next().data, "here");
    let mut events = http2.stream(&Request::get("/events"));
    assert_eq!(events.next().data, "here");
    drop(events);
    drops.wait();
    assert_eq!(drops.count(), 1, "the other stream of the connection goes on");
    drop(kept);
    until("the other one", || (drops.count() == 2).then_some(()));
}

// RUN-01
#[test]
fn a_server_that_stops() {
    let drops = Drops::default();
    let (shutdown, parts) = (Shutdown::new(), drops.clone());
    let streams = shutdown.clone();
    let stream = async move || waiting(parts.part()).until(streams.begun());
    let served = Served::app(shutdown, axum::Router::new().route("/events", axum::routing::get(stream)));
    let mut events = served.open();
    assert_eq!(events.next().data, "here");
    served.stop();
    assert_eq!(events.next().event, "headwater.closing");
    assert_eq!(drops.count(), 1);
}

// RUN-01
#[test]
fn a_producer_that_panics_or_fails_or_is_done() {
    for (how, reason) in [("panic", "error"), ("fail", "error"), ("end", "done")] {
        let drops = Drops::default();
        let parts = drops.clone();
        let served = Served::stream(move |_| {
            let part = parts.part();
            EventStream::new(producer(move |events| async move {
                let _part = part;
                events.send(Event::new("here")).await?;
                match how {
                    "panic" => panic!("as wanted by the test"),
                    "fail" => Err(BoxError::from("as wanted by the test")),
                    _ => Ok(()),
                }
            }))
        });
        let mut events = served.open();
        assert_eq!(events.next().data, "here", "{how}");
        let end = events.next();
        assert_eq!((end.event.as_str(), end.json()["reason"].as_str()), ("headwater.end", Some(reason)), "{how}");
        assert_eq!(drops.count(), 1, "{how}: before the client hears of it");
        assert_eq!(events.next_or_end(), None, "{how}");
        served.stop();
        assert_eq!(drops.count(), 1, "{how}");
    }
}

// RUN-01
#[test]
fn a_head_request_runs_no_producer() {
    let polls = Arc::new(AtomicUsize::new(0));
    let counted = polls.clone();
    let served = Served::stream(move |_| {
        let counted = counted.clone();
        EventStream::new(stream::poll_fn(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            std::task::Poll::<Option<String>>::Pending
        }))
    });
    let answer = served.client.send(&Request::new("HEAD", "/events")).expect(200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(polls.load(Ordering::SeqCst), 0);
}

// RUN-01, FWK-02: the connection is open, nobody reads, and the producer has more than fits.
#[test]
fn a_client_that_does_not_read_holds_the_producer_back_until_it_leaves() {
    const EVENT: usize = 64 << 10;
    let drops = Drops::default();
    let made = Arc::new(AtomicUsize::new(0));
    let (parts, counted) = (drops.clone(), made.clone());
    let served = Served::stream(move |_| {
        let (part, counted) = (parts.part(), counted.clone());
        EventStream::new(stream::repeat_with(move || {
            let _part = &part;
            counted.fetch_add(1, Ordering::SeqCst);
            "x".repeat(EVENT)
        }))
        .heartbeat(NEVER)
    });
    let mut connection = Connection::with_receive_buffer(served.client.address(), 4096);
    connection.request(&Request::get("/events"));
    assert_eq!(connection.head().status, 200);
    // It is at rest when the server has time for many other things, and makes no more of them.
    let (mut before, mut same) = (0, 0);
    until("the producer to rest", || {
        assert_eq!(served.client.get("/other").status(), 404);
        let now = made.load(Ordering::SeqCst);
        same = if now > 0 && now == before { same + 1 } else { 0 };
        before = now;
        (same == 50).then_some(())
    });
    // What the kernel holds for a socket, what hyper gathers, and one event.
    assert!(before * EVENT <= 16 << 20, "{before} events were made for a client that does not read");
    assert_eq!(drops.count(), 0);
    connection.reset();
    drops.wait();
    served.stop();
    assert_eq!(drops.count(), 1);
}
