//! The six guarantees of the hub, each by its number.

use std::thread;
use std::time::Duration;

use headwater_testkit::{Connection, Hub, LocalHub, Request, SlowReader, seq, until};
use serde_json::json;

/// Every session sees events in log order, which for one topic is publish order. (BSG-08, IDG-02)
#[test]
fn guarantee_1_order() {
    let hub = LocalHub::start();
    let client = hub.client();
    let readers: Vec<_> = ["topic=t/*", "topic=**", "topic=t/0&topic=t/1&topic=t/2&topic=t/3"]
        .map(|query| {
            let mut stream = client.events(&format!("{query}&topic=end"));
            thread::spawn(move || stream.until(|event| event.topic == "end"))
        })
        .into();
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            thread::spawn(move || {
                let mut connection = client.publisher();
                let topic = format!("t/{publisher}");
                (0..200).map(|n| connection.publish(&topic, n.to_string())).collect::<Vec<_>>()
            })
        })
        .collect();
    let published: Vec<Vec<String>> = publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect();
    client.publish("end", "");

    let mut seen: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
    let first = seen.remove(0);
    assert!(first.windows(2).all(|pair| pair[0].seq() < pair[1].seq()));
    for (publisher, ids) in published.iter().enumerate() {
        let topic = format!("t/{publisher}");
        let of_topic: Vec<&str> =
            first.iter().filter(|event| event.topic == topic).map(|event| event.id.as_str()).collect();
        assert_eq!(&of_topic, ids);
    }
    for other in seen {
        assert_eq!(other, first);
    }
}

/// What was acknowledged is there after kill -9, and what a reader has seen too, acknowledged or not.
#[test]
fn guarantee_2_acknowledged_means_stored() {
    let mut hub = Hub::start();
    let client = hub.client();
    for round in 0..3 {
        let mut stream = client.events("topic=t/*");
        let publishers: Vec<_> = (0..3)
            .map(|publisher| {
                let mut connection = client.connect();
                thread::spawn(move || {
                    let mut acknowledged = Vec::new();
                    for n in 0.. {
                        let data = format!("{round}.{n}");
                        let request = Request::post(&format!("/v1/topics/t/{publisher}"), data.as_str());
                        match connection.try_send(&request) {
                            Some(answer) => acknowledged.push((answer.expect(201).ids().remove(0), data)),
                            None => break,
                        }
                    }
                    acknowledged
                })
            })
            .collect();
        let mut seen = stream.take(50);
        hub.kill();
        seen.extend(stream.rest());
        let acknowledged = publishers.into_iter().flat_map(|publisher| publisher.join().unwrap());
        let mut told: Vec<(String, String)> =
            acknowledged.chain(seen.into_iter().map(|event| (event.id, event.data))).collect();
        told.sort_by_key(|(id, _)| seq(id));
        told.dedup();

        hub.restart();
        client.publish("t/end", format!("{round}"));
        let stored = client
            .events("topic=t/*&since=earliest")
            .until(|event| event.topic == "t/end" && event.data == round.to_string());
        let stored: std::collections::HashMap<String, String> =
            stored.into_iter().map(|event| (event.id, event.data)).collect();
        for (id, data) in told {
            assert_eq!(stored.get(&id), Some(&data), "{id} was told and is not there");
        }
    }
}

/// At least once inside retention, no duplicate on an unbroken connection, and repeats are known by their ids. (IDG-07)
#[test]
fn guarantee_3_at_least_once() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=t");
    let publisher = thread::spawn(move || {
        let mut connection = client.publisher();
        (0..300).map(|n| connection.publish("t", n.to_string())).collect::<Vec<_>>()
    });
    let seen = stream.take(300);
    let ids = publisher.join().unwrap();
    assert_eq!(seen.iter().map(|event| &event.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    // A client that lost its newest cursor and comes back with an older one sees the same events under the same ids.
    let repeated = client.resume("topic=t", &ids[99]).take(200);
    assert_eq!(repeated, seen[100..]);
}

/// Every matching event after the cursor, or a gap event: a reader that keeps account finds no third case.
#[test]
fn guarantee_4_no_silent_gap() {
    let hub = LocalHub::with("tail = \"64KiB\"\n[[class]]\ntopics = [\"t\"]\nretention = { events = 40 }");
    let client = hub.client();
    let ids: Vec<String> = {
        let batch: Vec<_> = (0..200).map(|n| json!({"topic": "t", "data": n})).collect();
        client.send(&Request::post("/v1/events", json!(batch).to_string())).expect(201).ids()
    };
    for (n, id) in ids.iter().enumerate().step_by(13) {
        let mut stream = client.resume("topic=t", id);
        let events = stream.until(|event| event.id == ids[199]);
        let gaps = events.iter().filter(|event| event.event == "headwater.gap").count();
        match n < 159 {
            true => assert_eq!((gaps, events[0].event.as_str(), events.len()), (1, "headwater.gap", 41), "after {n}"),
            false => assert_eq!((gaps, events.len()), (0, 199 - n), "after {n}"),
        }
    }
}

/// The first bytes set the cursor: a client that drops before its first event resumes without loss.
#[test]
fn guarantee_5_the_first_bytes_set_the_cursor() {
    let hub = LocalHub::start();
    let client = hub.client();
    for round in 0..10 {
        let mut stream = client.events("topic=t");
        let cursor = stream.until_cursor(|cursor| !cursor.is_empty()).to_owned();
        drop(stream);
        let missed = client.publish("t", format!("missed {round}"));
        assert_eq!(client.resume("topic=t", cursor).next().id, missed);
    }
}

/// A publisher never waits for a reader, and memory does not grow with readers that do not read. (BSG-09, BUF-04)
#[test]
fn guarantee_6_readers_cost_publishers_nothing() {
    const READERS: usize = 60;
    const EVENTS: usize = 200;
    const SIZE: usize = 64 << 10;
    let hub = Hub::builder()
        .config("tail = \"1MiB\"\n[[class]]\ntopics = [\"**\"]\ndurability = \"memory\"\nretention = { events = 10 }")
        .start();
    let client = hub.client();
    let data = "x".repeat(SIZE);
    let publish = || (0..EVENTS).for_each(|_| drop(client.publish("t", &data)));
    publish();
    let before = client.metric("headwater_resident_bytes");

    let readers: Vec<Connection> = (0..READERS)
        .map(|_| {
            let mut connection = Connection::with_receive_buffer(hub.address(), 4 << 10);
            connection.request(&Request::get("/v1/events?topic=t"));
            connection
        })
        .collect();
    until("all readers to be open", || (client.metric("headwater_sessions") == READERS as f64).then_some(()));
    // Twelve times what a reader's connection takes, and every publish returns.
    publish();
    let grown = client.metric("headwater_resident_bytes") - before;
    // Had each reader a queue it would be 750 MiB.
    assert!(grown < (READERS * (128 << 10) + (16 << 20)) as f64, "grew by {grown} bytes");
    assert_eq!(client.metric("headwater_sessions"), READERS as f64, "nobody was thrown out for being slow");
    drop(readers);
}

/// Readers that take nothing, or a byte now and then, hold up neither publishers nor other readers.
#[test]
fn guarantee_6_slow_readers_hold_up_nobody() {
    let hub = LocalHub::start();
    let client = hub.client();
    let subscribe = Request::get("/v1/events?topic=t");
    let mut stalled = Connection::with_receive_buffer(hub.address(), 4 << 10);
    stalled.request(&subscribe);
    let slow = SlowReader::start(hub.address(), &subscribe, Duration::from_millis(20));
    until("both to be open", || (client.metric("headwater_sessions") == 2.0).then_some(()));
    let mut healthy = client.events("topic=t");
    let data = "x".repeat(100 << 10);
    for _ in 0..30 {
        let id = client.publish("t", &data);
        assert_eq!(healthy.next().id, id);
    }
    until("the slow one to get on", || (slow.taken() > 0).then_some(()));
    assert!(!slow.was_reset());
    assert_eq!(client.metric("headwater_sessions"), 3.0);
}
