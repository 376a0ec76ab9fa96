//! The six guarantees of the hub, each by its number.

use std::thread;
use std::time::Duration;

use headwater_testkit::{Connection, Event, Hub, LocalHub, Request, SlowReader, seq, until};
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

/// What is missing of one topic between events that another still has is covered by gaps as well, each told before the
/// next event of the topic that lost some.
#[test]
fn guarantee_4_holds_for_every_topic_of_a_session() {
    let hub = LocalHub::with("tail = \"64KiB\"\n[[class]]\ntopics = [\"short/*\"]\nretention = { events = 3 }");
    let client = hub.client();
    const TOPICS: [&str; 5] = ["short/a", "long/a", "short/b", "short/a", "long/b"];
    let mut publisher = client.publisher();
    let published: Vec<(u64, String, &str)> = (0..150)
        .map(|n| (TOPICS[n % 5], publisher.publish(TOPICS[n % 5], "x".repeat(if n < 100 { 4000 } else { 10 }))))
        .map(|(topic, id)| (seq(&id), id, topic))
        .collect();
    let newest = published.len() - 1;
    for query in ["topic=short/a&topic=long/a&topic=long/b", "topic=short/*&topic=long/*", "topic=**"] {
        for (from, id, _) in published.iter().step_by(17) {
            let events = client.resume(query, id).until(|event| event.id == published[newest].1);
            let selected = |topic: &str| topic != "short/b" || query.contains('*');
            let expected = published.iter().filter(|(seq, _, topic)| seq > from && selected(topic));
            check_account(&events, expected.map(|(seq, _, topic)| (*seq, *topic)).collect());
        }
    }
}

/// A deletion is told once to whoever was before it, and to nobody who did not say where it had been.
#[test]
fn guarantee_4_a_deleted_topic_is_told_once() {
    let hub = LocalHub::start();
    let client = hub.client();
    let first = client.publish("t", "0");
    let published: Vec<_> =
        ["t", "u", "t", "u", "t", "u"].iter().map(|topic| (client.publish(topic, "x"), *topic)).collect();
    drop(client.send(&Request::new("DELETE", "/v1/topics/t")).expect(204));
    let last = client.publish("u", "last");
    let events = client.resume("topic=t&topic=u", &first).until(|event| event.id == last);
    check_account(&events, published.iter().map(|(id, topic)| (seq(id), *topic)).collect());
    let gaps = events.iter().filter(|event| event.event == "headwater.gap");
    assert_eq!(gaps.count(), 2, "one before the first event, one over the rest: {events:?}");
    let everything = client.events("topic=t&topic=u&since=earliest").until(|event| event.id == last);
    assert_eq!(everything.iter().map(|event| event.event.as_str()).collect::<Vec<_>>(), ["message"; 4]);
}

/// A long poll begins anew with each answer, so each covers what is missing between its own events.
#[test]
fn guarantee_4_holds_from_one_long_poll_to_the_next() {
    let hub = LocalHub::start();
    let client = hub.client();
    let first = client.publish("t", "0");
    let before = ["u", "u", "t", "u", "t", "u"].map(|topic| (seq(&client.publish(topic, "x")), topic));
    drop(client.send(&Request::new("DELETE", "/v1/topics/t")).expect(204));
    let after = ["t", "u"].map(|topic| (seq(&client.publish(topic, "x")), topic));
    for limit in [1, 2, 3, 4, 100] {
        let (mut cursor, mut events, mut gaps) = (first.clone(), Vec::new(), Vec::new());
        while seq(&cursor) < after[1].0 {
            let answer = client.poll(&format!("topic=t&topic=u&wait=0&limit={limit}&last_event_id={cursor}"));
            cursor = answer["cursor"].as_str().map(str::to_owned).expect("every answer has one");
            events.extend(answer["events"].as_array().into_iter().flatten().map(|event| Event::from_json(event).seq()));
            let place = |name: &str| answer["gap"][name].as_str().map(seq);
            gaps.extend(place("requested").zip(place("resumed_at")));
        }
        assert!(events.is_sorted_by(|a, b| a < b), "{events:?}");
        for (seq, topic) in before.iter().chain(&after) {
            let covered = gaps.iter().any(|(after, upto)| after < seq && seq <= upto);
            assert!(events.contains(seq) || covered, "{seq} of {topic} with limit {limit}: {events:?}, {gaps:?}");
        }
    }
}

/// Holds what came against what was published: an event that did not come lies in a gap told before the next one of its
/// topic, and ids never go back.
#[track_caller]
fn check_account(events: &[Event], published: Vec<(u64, &str)>) {
    assert!(events.is_sorted_by_key(Event::seq), "{events:?}");
    let mut gaps: Vec<(u64, u64)> = Vec::new();
    let mut open: Vec<(u64, &str)> = published;
    for event in events {
        if event.event == "headwater.gap" {
            let said = event.json();
            let place = |name: &str| said[name].as_str().map_or(0, seq);
            gaps.push((place("requested"), place("resumed_at")));
            open.retain(|(seq, _)| !gaps.iter().any(|(after, upto)| after < seq && seq <= upto));
            continue;
        }
        open.retain(|(seq, _)| *seq != event.seq());
        let silent = open.iter().find(|(seq, topic)| *topic == event.topic && *seq < event.seq());
        assert_eq!(silent, None, "missing without a word before {event:?}: {gaps:?}");
    }
    assert_eq!(open, [], "missing without a word: {gaps:?}");
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
