//! Event ids: unique, growing, seekable, plain, and moving on for those who see nothing.

use std::collections::BTreeSet;
use std::thread;

use headwater_testkit::{Hub, LocalHub, Request, seq};
use serde_json::json;

/// IDG-10: a decimal number, a dash and 4 to 8 hex digits: nothing that a header, a line or a URL would have to escape.
fn assert_plain(id: &str) {
    let (number, epoch) = id.split_once('-').expect("a dash");
    assert!(!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    assert!(number == "0" || !number.starts_with('0'), "{id}");
    assert!((4..=8).contains(&epoch.len()), "{id}");
    assert!(epoch.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{id}");
}

/// IDG-01, IDG-04: no id is given out twice, and each is above all before it, across kills and orderly stops.
#[test]
fn ids_are_unique_across_restarts() {
    let mut hub = Hub::start();
    let client = hub.client();
    let mut all: Vec<String> = Vec::new();
    for round in 0..6 {
        for n in 0..10 {
            all.push(client.publish(&format!("t/{}", n % 3), n.to_string()));
        }
        match round % 2 {
            0 => hub.kill(),
            _ => assert!(hub.terminate().success()),
        }
        hub.restart();
    }
    all.iter().for_each(|id| assert_plain(id));
    assert!(all.windows(2).all(|pair| seq(&pair[0]) < seq(&pair[1])), "{all:?}");
    let epochs: BTreeSet<&str> = all.iter().map(|id| id.split_once('-').unwrap().1).collect();
    assert_eq!(epochs.len(), 1, "the log is the same");
}

/// IDG-02, IDG-10: ids grow in the order of delivery, for every reader, whoever published.
#[test]
fn ids_grow_in_delivery_order() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=t/**");
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            thread::spawn(move || {
                let mut connection = client.publisher();
                let mut last = 0;
                for n in 0..100 {
                    let id = connection.publish("t/shared", format!("{publisher}.{n}"));
                    assert!(seq(&id) > last, "a publisher's own ids grow");
                    last = seq(&id);
                }
            })
        })
        .collect();
    let seen = stream.take(400);
    publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    seen.iter().for_each(|event| assert_plain(&event.id));
    assert!(seen.windows(2).all(|pair| pair[0].seq() < pair[1].seq()));
}

/// IDG-03: any id inside the window can be sought, of the topic or of another one.
#[test]
fn every_id_can_be_sought() {
    let hub = Hub::builder().config("segment = \"256KiB\"\ntail = \"64KiB\"").start();
    let client = hub.client();
    let mut ids = Vec::new();
    for round in 0..10 {
        let batch: Vec<_> = (0..100)
            .map(|n| json!({"topic": format!("t/{}", n % 7), "data": format!("{round}.{n}{}", "x".repeat(300))}))
            .collect();
        ids.extend(client.send(&Request::post("/v1/events", json!(batch).to_string())).expect(201).ids());
    }
    for at in (0..ids.len() - 1).step_by(83) {
        assert_eq!(client.resume("topic=t/*", &ids[at]).next().id, ids[at + 1]);
        // The id of one topic is a place for another.
        let expected = (at + 1..ids.len()).find(|n| n % 100 % 7 == 3);
        if let Some(expected) = expected {
            assert_eq!(client.resume("topic=t/3", &ids[at]).next().id, ids[expected]);
        }
    }
}

/// IDG-11, EVR-01, KAL-01: a session whose topics are silent is moved on by its heartbeats, never past an event of its
/// own that it has not got.
#[test]
fn heartbeats_move_the_cursor_of_silent_sessions() {
    let hub = LocalHub::with("heartbeat = \"1s\"");
    let client = hub.client();
    let mut silent = client.events("topic=silent");
    let mut pattern = client.events("topic=silent/**");
    let start = silent.until_cursor(|cursor| !cursor.is_empty()).to_owned();
    assert_eq!(pattern.until_cursor(|cursor| !cursor.is_empty()), start);
    let moved = client.publish("busy", "x");
    assert_eq!(silent.until_cursor(|cursor| cursor != start), moved);
    assert_eq!(pattern.until_cursor(|cursor| cursor != start), moved);
    // FMT-06: the heartbeat is a comment with a line end of its own.
    assert!(silent.raw().contains(&format!("\n:\nid: {moved}\n\n")), "{:?}", silent.raw());
    // A second one that has nothing to tell does not repeat the cursor.
    let before = silent.raw().len();
    silent.until_raw(|text| text.len() > before);
    assert_eq!(silent.raw()[before..].replace(":\n", ""), "");

    let own = client.publish("silent", "own");
    client.publish("busy", "y");
    assert_eq!(silent.next().id, own);
    let block = silent.raw().find(&format!("\nid: {own}\n")).unwrap();
    assert!(!silent.raw()[..block].contains(":\nid: 3-"), "{:?}", silent.raw());
    // The cursor from a heartbeat resumes.
    let id = client.publish("silent", "next");
    assert_eq!(client.resume("topic=silent", own).next().id, id);
}

/// IDG-11: the same in NDJSON.
#[test]
fn heartbeats_of_ndjson_carry_the_cursor() {
    let hub = LocalHub::with("heartbeat = \"1s\"");
    let client = hub.client();
    let mut lines = client.lines("topic=silent");
    assert_eq!(lines.next_value().unwrap()["event"], "headwater.cursor");
    let moved = client.publish("busy", "x");
    let mut cursor = lines.next_value().unwrap();
    // One may have been under way before the event.
    if cursor["id"] != json!(moved) {
        cursor = lines.next_value().unwrap();
    }
    assert_eq!(cursor, json!({"id": moved, "event": "headwater.cursor"}));
}

/// EVR-01: events that did not match move the cursor with the next block, so nothing is ever read twice for nothing.
#[test]
fn a_resume_from_a_moved_cursor_misses_nothing() {
    let hub = LocalHub::with("heartbeat = \"1s\"");
    let client = hub.client();
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let publisher = scope.spawn(|| {
            let mut connection = client.publisher();
            let mut own = Vec::new();
            for n in 0.. {
                connection.publish("busy", n.to_string());
                if n % 50 == 0 {
                    own.push(connection.publish("silent", n.to_string()));
                }
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    own.push(connection.publish("silent", "last"));
                    return own;
                }
            }
            own
        });
        let mut seen = Vec::new();
        let mut cursor = {
            let first = client.events("topic=silent&since=earliest");
            first.head.header("headwater-cursor").unwrap().to_owned()
        };
        // Drops wherever its cursor happens to be, again and again.
        for round in 0..40 {
            let mut stream = client.resume("topic=silent", &cursor);
            if round % 2 == 0 {
                let event = stream.next();
                event.id.clone_into(&mut cursor);
                seen.push(event.id);
            } else {
                stream.until_raw(|text| text.contains("\n\n"));
                seen.extend(stream.received().into_iter().map(|event| event.id));
                stream.cursor().clone_into(&mut cursor);
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let own = publisher.join().unwrap();
        seen.extend(
            client
                .resume("topic=silent", &cursor)
                .until(|event| event.data == "last")
                .into_iter()
                .map(|event| event.id),
        );
        assert_eq!(seen, own);
    });
}
