//! What a client sees of a stream, from its head to its end.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use headwater_axum::{Event, EventStream, IdText, Shutdown, TypeRef, producer};
use headwater_testkit::{Http2, Request};
use serde_json::json;

use crate::server::Served;

// FWK-01
#[test]
fn the_head_and_the_first_bytes_come_before_any_event() {
    let served = Served::stream(|_| EventStream::new(stream::pending::<String>()));
    let mut events = served.open();
    events.until_raw(|raw| raw.ends_with("\n\n"));
    assert_eq!(events.raw(), format!("retry: {}\n\n", events.retry().unwrap().as_millis()));
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
        ("headwater-heartbeat", "15"),
    ] {
        assert_eq!(events.head.header(name), Some(value), "{name}");
    }
    assert_eq!(events.head.header("content-length"), None);
    let http2 = Http2::connect(served.client.address());
    let mut events = http2.stream(&Request::get("/events"));
    events.until_raw(|raw| raw.starts_with("retry: ") && raw.ends_with("\n\n"));
    assert_eq!((events.head.header("connection"), events.head.header("transfer-encoding")), (None, None));
}

#[test]
fn reconnect_delays_are_spread_around_the_one_wanted() {
    let served = Served::stream(|_| EventStream::new(stream::empty::<String>()).retry(Duration::from_secs(100)));
    let delays: Vec<u128> = (0..30)
        .map(|_| {
            let mut events = served.open();
            events.rest();
            events.retry().unwrap().as_millis()
        })
        .collect();
    assert!(delays.iter().all(|delay| (50_000..=150_000).contains(delay)), "{delays:?}");
    assert!(delays.iter().max().unwrap() - delays.iter().min().unwrap() > 10_000, "{delays:?}");
}

#[test]
fn events_carry_what_they_were_given_and_nothing_can_be_forged() {
    let served = Served::stream(|_| {
        EventStream::new(producer(|events| async move {
            const NOTE: TypeRef<'static> = TypeRef::from_static("note");
            events.send(Event::json(&json!({"total": 12}))?.event_type(NOTE).id(7).topic("orders/42")?).await?;
            events.send(Event::new("two\r\nlines\n\nid: 9\nevent: forged")).await?;
            assert!(IdText::new("8\nid: 9").is_err() && Event::new("").topic("a\nb").is_err());
            Ok(())
        }))
    });
    let mut events = served.open();
    let first = events.next();
    let seen = (first.id.as_str(), first.event.as_str(), first.topic.as_str(), first.data.as_str());
    assert_eq!(seen, ("7", "note", "orders/42", r#"{"total":12}"#));
    let second = events.next();
    assert_eq!((second.id.as_str(), second.event.as_str()), ("7", "message"));
    assert_eq!(second.data, "two\nlines\n\nid: 9\nevent: forged");
    let end = events.next();
    assert_eq!((end.event.as_str(), end.json()), ("headwater.end", json!({"reason": "done", "topic": "orders/42"})));
    assert_eq!(events.next_or_end(), None);
}

#[test]
fn texts_and_results_are_events_too() {
    let served = Served::stream(|_| EventStream::new(stream::iter(["a", "b"]).map(Ok::<_, std::io::Error>)));
    assert_eq!(served.open().take_data(2), ["a", "b"]);
    let served = Served::stream(|_| EventStream::new(stream::iter([1, 2]).map(|number: u8| Event::json(&number))));
    assert_eq!(served.open().take_data(2), ["1", "2"]);
}

#[test]
fn silence_is_broken_by_heartbeats_also_before_the_first_event() {
    let beat = Duration::from_millis(20);
    let served = Served::stream(move |_| EventStream::new(stream::pending::<String>()).heartbeat(beat));
    let mut events = served.open();
    events.until_raw(|raw| raw.ends_with("\n\n:\n:\n:\n"));
    assert_eq!(events.head.header("headwater-heartbeat"), None, "it is no whole number of seconds");
}

#[test]
fn an_error_ends_the_stream_with_an_event_and_stays_in_the_server() {
    let served = Served::stream(|_| EventStream::new(stream::iter([Ok("last"), Err("the password is secret")])));
    let mut events = served.open();
    assert_eq!(events.next().data, "last");
    let end = events.next();
    assert_eq!((end.event.as_str(), end.json()), ("headwater.end", json!({"reason": "error", "topic": ""})));
    assert_eq!(events.next_or_end(), None);
    assert!(!events.is_torn() && !events.raw().contains("secret"), "{}", events.raw());
}

#[test]
fn the_application_may_tell_of_its_error() {
    let served = Served::stream(|_| {
        const FAILED: TypeRef<'static> = TypeRef::from_static("failed");
        let failing = stream::iter([Err::<String, _>("no model is free")]);
        EventStream::new(failing).on_error(|error| Some(Event::new(error.to_string()).event_type(FAILED)))
    });
    let mut events = served.open();
    let told = events.next();
    assert_eq!((told.event.as_str(), told.data.as_str()), ("failed", "no model is free"));
    assert_eq!(events.next().event, "headwater.end");
}

#[test]
fn an_old_stream_is_closed_although_its_producer_never_rests() {
    let served = Served::stream(|_| {
        EventStream::new(stream::repeat("again")).max_age(Duration::from_millis(50)).retry(Duration::from_secs(2))
    });
    let mut events = served.open();
    let closing = events.until(|event| event.event == "headwater.closing").pop().unwrap().json();
    assert_eq!(closing["reason"], "max_age");
    assert!((1000..=3000).contains(&closing["reconnect_ms"].as_u64().unwrap()), "{closing}");
    assert_eq!(events.next_or_end(), None);
}

#[test]
fn a_stopping_server_ends_its_streams_in_good_order() {
    let shutdown = Shutdown::new();
    let streams = shutdown.clone();
    let stream = async move || EventStream::new(stream::pending::<String>()).until(streams.begun());
    let served = Served::app(shutdown, axum::Router::new().route("/events", axum::routing::get(stream)));
    let mut open: Vec<_> = (0..3).map(|_| served.open()).collect();
    for events in &mut open {
        events.until_raw(|raw| raw.starts_with("retry: "));
    }
    served.stop();
    for mut events in open {
        let closing = events.next();
        assert_eq!((closing.event.as_str(), &closing.json()["reason"]), ("headwater.closing", &json!("drain")));
        assert_eq!(events.next_or_end(), None);
        assert!(!events.is_torn());
    }
}
