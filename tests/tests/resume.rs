//! Resuming: where a reader goes on, and what it is told when something is missing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::thread;

use headwater_testkit::{Client, Event, Hub, LocalHub, Request, Sse, encode, seq, until};
use serde_json::{Value, json};

/// What a gap event says, as reason and `resumed_at`, after checking that its block carries the new cursor.
#[track_caller]
fn gap(stream: &mut Sse, requested: &str) -> (String, String) {
    let event = stream.next();
    assert_eq!(event.event, "headwater.gap", "{event:?}");
    let said = event.json();
    let resumed_at = said["resumed_at"].as_str().unwrap();
    assert_eq!((said["requested"].as_str(), event.id.as_str()), (Some(requested), resumed_at));
    assert_eq!(said.as_object().unwrap().len(), 3, "{said}");
    assert_eq!(stream.head.header("headwater-cursor"), Some(resumed_at));
    (said["reason"].as_str().unwrap().to_owned(), resumed_at.to_owned())
}

fn publish_numbers(client: Client, topic: &str, count: usize) -> Vec<String> {
    let mut publisher = client.publisher();
    (0..count).map(|n| publisher.publish(topic, n.to_string())).collect()
}

/// EVR-05, EVR-06: strictly after the id, everything, in order, then live.
#[test]
fn a_resume_goes_on_strictly_after_its_id() {
    let hub = LocalHub::start();
    let client = hub.client();
    let ids = publish_numbers(client, "t", 10);
    for (n, id) in ids.iter().enumerate() {
        let mut stream = client.resume("topic=t", id);
        assert_eq!(stream.head.header("headwater-cursor"), Some(id.as_str()));
        stream.until_raw(|text| text.contains("\n\n"));
        assert!(stream.raw().contains(&format!("\nid: {id}\n\n")), "the first block repeats the cursor");
        let replayed: Vec<String> = stream.take(9 - n).into_iter().map(|event| event.id).collect();
        assert_eq!(replayed, ids[n + 1..]);
    }
    let mut live = client.resume("topic=t", &ids[9]);
    let next = client.publish("t", "live");
    assert_eq!(live.next().id, next);
}

/// EVR-01: a client that drops anywhere and comes back with its cursor misses nothing and sees nothing twice.
#[test]
fn dropping_and_resuming_at_every_event() {
    let hub = LocalHub::start();
    let client = hub.client();
    let publisher = thread::spawn(move || publish_numbers(client, "t", 60));
    let mut cursor = String::new();
    let mut seen = Vec::new();
    while seen.len() < 60 {
        let mut stream = match cursor.as_str() {
            "" => client.events("topic=t&since=earliest"),
            cursor => client.resume("topic=t", cursor),
        };
        let event = stream.next();
        event.id.clone_into(&mut cursor);
        seen.push(event.id);
    }
    assert_eq!(seen, publisher.join().unwrap());
}

/// BRW-05: the query takes the place of the header for those who cannot send it; the header wins; empty is none.
#[test]
fn brw_05_the_cursor_may_stand_in_the_query() {
    let hub = LocalHub::start();
    let client = hub.client();
    let ids = publish_numbers(client, "t", 4);
    for name in ["last_event_id", "lastEventId", "lastEventID"] {
        let query = format!("topic=t&{name}={}", ids[1]);
        assert_eq!(client.events(&query).next().id, ids[2], "{name}");
        assert_eq!(client.resume(&query, &ids[2]).next().id, ids[3], "the header wins over {name}");
        assert_eq!(client.resume(&query, "").next().id, ids[2], "an empty header is none");
        // A cursor also wins over since.
        assert_eq!(client.events(&format!("{query}&since=latest")).next().id, ids[2]);
    }
    let mut live = client.events("topic=t&last_event_id=");
    let id = client.publish("t", "live");
    assert_eq!(live.next().id, id);
}

#[test]
fn since_says_where_to_start_without_a_cursor() {
    let hub = LocalHub::start();
    let client = hub.client();
    let ids = publish_numbers(client, "t", 3);
    let third = client.lines("topic=t&since=earliest").take(3).remove(2);
    let time = third.time.unwrap();

    for earliest in ["earliest", "1h", "90s", "10m", "1970-01-01T00:00:00Z", "2020-02-29T23:59:59.5%2B01:00"] {
        assert_eq!(client.events(&format!("topic=t&since={earliest}")).next().id, ids[0], "{earliest}");
    }
    // From the moment the third was taken, which may be that of the others too.
    let from_time = client.events(&format!("topic=t&since={}", encode(&time, false))).next().id;
    assert!(ids.contains(&from_time));
    let mut latest =
        [client.events("topic=t"), client.events("topic=t&since=latest"), client.events("topic=t&since=0s")];
    let future = client.events("topic=t&since=2999-01-01T00:00:00Z");
    let live = client.publish("t", "live");
    for stream in latest.iter_mut().chain([&mut { future }]) {
        assert_eq!(stream.next().id, live);
    }
    for wrong in ["yesterday", "5", "-5s", "2026-01-31", "LATEST", "5y"] {
        assert_eq!(client.get(&format!("/v1/events?topic=t&since={wrong}")).expect(400).json()["field"], "since");
    }
}

/// EVR-07, EVR-11: an id older than the window gets a gap event that says from where on, is counted, and the stream
/// goes on with the oldest event there is.
#[test]
fn a_cursor_before_the_window_gets_a_gap() {
    for retention in ["events = 3", "bytes = \"1KiB\""] {
        let hub = LocalHub::with(&format!("[[class]]\ntopics = [\"t\"]\nretention = {{ {retention} }}"));
        let client = hub.client();
        let ids: Vec<String> = (0..8).map(|n| client.publish("t", format!("{n}{}", " ".repeat(300)))).collect();
        let info = client.topic("t").expect(200).json();
        assert_eq!(info["events"], 3, "{retention}: {info}");

        let mut stream = client.resume("topic=t", &ids[1]);
        let (reason, resumed_at) = gap(&mut stream, &ids[1]);
        assert_eq!((reason.as_str(), &resumed_at), ("retention", &ids[4]));
        assert_eq!(stream.take(3).into_iter().map(|event| event.id).collect::<Vec<_>>(), ids[5..]);
        assert_eq!(client.metric("headwater_gaps_total"), 1.0);

        // Whoever has read up to the edge misses nothing; whoever reads something else neither.
        assert_eq!(client.resume("topic=t", &ids[4]).next().id, ids[5]);
        assert_eq!(client.events("topic=t&since=earliest").next().id, ids[5]);
        let mut other = client.resume("topic=u", &ids[1]);
        let id = client.publish("u", "x");
        assert_eq!(other.next().id, id);
        assert_eq!(client.metric("headwater_gaps_total"), 1.0);
    }
}

/// EVR-11: the window is bounded in time too.
#[test]
fn events_expire_by_age() {
    let hub = LocalHub::with("[[class]]\ntopics = [\"t\"]\nretention = { age = \"1s\" }");
    let client = hub.client();
    let ids = publish_numbers(client, "t", 2);
    client.publish("u", "stays");
    until("the events to expire", || {
        let answer = client.topic("t");
        (answer.status() == 404 || answer.json()["events"] == 0).then_some(())
    });
    let mut stream = client.resume("topic=t&topic=u", &ids[0]);
    assert_eq!(gap(&mut stream, &ids[0]).0, "retention");
    assert_eq!(stream.next().data, "stays");
}

/// EVR-08, EVR-09, T25: whatever an id says, the answer is a stream that begins with a gap event, and goes on live.
#[test]
fn foreign_ids_get_a_gap() {
    let hub = LocalHub::start();
    let client = hub.client();
    let ids = publish_numbers(client, "t", 3);
    let epoch = ids[2].split_once('-').unwrap().1;
    let other_epoch = if epoch == "abcd" { "abce" } else { "abcd" };
    let long = "9".repeat(1024);
    for (id, reason) in [
        (format!("2-{other_epoch}"), "epoch"),
        (format!("4-{epoch}"), "unknown"),
        (format!("18446744073709551615-{epoch}"), "unknown"),
        (format!("18446744073709551616-{epoch}"), "unknown"),
        (format!("-1-{epoch}"), "unknown"),
        (format!("02-{epoch}"), "unknown"),
        (format!("2-{}", epoch.to_ascii_uppercase() + "A"), "unknown"),
        ("2".to_owned(), "unknown"),
        ("nonsense".to_owned(), "unknown"),
        ("\u{e9}v\u{e9}nement-\u{65e5}\u{672c}".to_owned(), "unknown"),
        ("' OR 1=1; --<script>".to_owned(), "unknown"),
    ] {
        let mut stream = client.resume("topic=t", &id);
        assert_eq!(gap(&mut stream, &id), (reason.to_owned(), ids[2].clone()), "{id}");
        let mut by_query = client.events(&format!("topic=t&last_event_id={}", encode(&id, false)));
        assert_eq!(gap(&mut by_query, &id), (reason.to_owned(), ids[2].clone()), "{id} in the query");
    }
    // Of an absurd one no more than a piece is repeated.
    let mut stream = client.resume("topic=t", &long);
    assert_eq!(gap(&mut stream, &long[..256]).0, "unknown");
    let said = client.resume("topic=t", b"\xff\xfe\x80").next().json();
    assert_eq!((&said["reason"], &said["requested"]), (&json!("unknown"), &json!("\u{fffd}\u{fffd}\u{fffd}")));

    let live = client.publish("t", "live");
    assert_eq!(stream.next().id, live);
}

/// EVR-08: an id that would be a line end or more in the stream cannot be sent; in the query it is only repeated as
/// JSON, so nothing can be forged with it (T5).
#[test]
fn an_id_cannot_forge_a_block() {
    let hub = LocalHub::start();
    let forged = "1-abcd\ndata: forged\n\nevent: forged\r\ndata: x\r\n\r\n\0";
    let mut stream = hub.client().events(&format!("topic=t&last_event_id={}", encode(forged, false)));
    assert_eq!(gap(&mut stream, forged).0, "unknown");
    hub.client().publish("t", "next");
    assert_eq!(stream.next().data, "next");
}

/// An id of another log, as after a restore: the memory of a new hub is a new log.
#[test]
fn a_cursor_of_another_log_gets_a_gap() {
    let id = LocalHub::start().client().publish("t", "old");
    let hub = LocalHub::start();
    let mut stream = hub.client().resume("topic=t", &id);
    let (reason, resumed_at) = gap(&mut stream, &id);
    assert_eq!((reason.as_str(), seq(&resumed_at)), ("epoch", 0));
    hub.client().publish("t", "new");
    assert_eq!(stream.next().data, "new");
}

/// Guarantee 4 for a reader who is overtaken by retention while connected: `lagged`, and then what is left.
#[test]
fn a_reader_overtaken_by_retention_is_told() {
    let config = "tail = \"64KiB\"\n[[class]]\ntopics = [\"t\"]\nretention = { events = 5 }";
    let hub = LocalHub::with(config);
    let client = hub.client();
    let mut connection = headwater_testkit::Connection::with_receive_buffer(hub.address(), 4 << 10);
    connection.request(&Request::get("/v1/events?topic=t"));
    let head = connection.head();
    let data = "x".repeat(64 << 10);
    let ids: Vec<String> = (0..40).map(|_| client.publish("t", &data)).collect();

    let mut cursor = head.header("headwater-cursor").unwrap().to_owned();
    let mut stream = Sse::reading(head, connection);
    let events = stream.until(|event| event.id == ids[39]);
    let mut gaps = 0;
    for event in events {
        match event.event.as_str() {
            // It names the edges of what is missing.
            "headwater.gap" => {
                let said = event.json();
                assert_eq!(
                    (said["reason"].as_str(), said["requested"].as_str()),
                    (Some("lagged"), Some(cursor.as_str()))
                );
                assert_eq!(said["resumed_at"].as_str(), Some(event.id.as_str()));
                assert!(event.seq() > seq(&cursor));
                gaps += 1;
            }
            // Between gaps there is no hole.
            _ => assert_eq!(event.seq(), seq(&cursor) + 1, "after {cursor}"),
        }
        cursor = event.id;
    }
    assert!(gaps > 0);
}

/// Guarantee 4 where topics of different retention are read together: whatever is missing lies between the `requested`
/// and the `resumed_at` of a gap event, however what is left is spread.
#[test]
fn gaps_cover_whatever_is_missing() {
    const TOPICS: [&str; 7] = ["short/a", "long/a", "short/b", "short/a", "long/b", "short/b", "short/a"];
    let hub = LocalHub::with("[[class]]\ntopics = [\"short/*\"]\nretention = { events = 3 }");
    let client = hub.client();
    let ids: Vec<String> = (0..70).map(|n| client.publish(TOPICS[n % TOPICS.len()], n.to_string())).collect();
    client.publish("the/end", "");
    for selection in [&["short/a", "long/a"][..], &["short/a", "short/b", "long/b"], &["short/b"], &TOPICS] {
        let query = selection.iter().map(|topic| format!("topic={topic}&")).collect::<String>() + "topic=the/end";
        for from in (0..69).step_by(3) {
            let mut missing: BTreeSet<u64> =
                (from + 1..70).filter(|n| selection.contains(&TOPICS[n % 7])).map(|n| seq(&ids[n])).collect();
            let mut cursor = seq(&ids[from]);
            for event in client.resume(&query, &ids[from]).until(|event| event.topic == "the/end") {
                if event.event == "headwater.gap" {
                    let requested = seq(event.json()["requested"].as_str().unwrap());
                    missing.retain(|missing| !(requested..=event.seq()).contains(missing));
                } else {
                    assert!(event.seq() > cursor, "{query} after {from}");
                    missing.remove(&event.seq());
                }
                cursor = event.seq();
            }
            assert!(missing.is_empty(), "{query} after {from}: nobody told that {missing:?} are missing");
        }
    }
}

/// IDG-09: one id resumes any number of topics, each at its own place.
#[test]
fn one_cursor_resumes_many_topics() {
    let hub = LocalHub::start();
    let client = hub.client();
    let ids: Vec<String> = (0..30).map(|n| client.publish(&format!("t/{}", n % 6), n.to_string())).collect();
    let mut stream = client.resume("topic=t/0&topic=t/3&topic=*/5", &ids[13]);
    let expected: Vec<&String> = (14..30).filter(|n| [0, 3, 5].contains(&(n % 6))).map(|n| &ids[n]).collect();
    let seen = stream.take(expected.len());
    assert_eq!(seen.iter().map(|event| &event.id).collect::<Vec<_>>(), expected);
    assert!(ids.iter().all(|id| id.len() < 32), "bounded, however many topics");
    // The cursor of one selection is a cursor of any other.
    assert_eq!(client.resume("topic=t/1", &seen[0].id).next().topic, "t/1");
}

/// BSG-07, EVR-05: a killed hub goes on where it was; every cursor stays good.
#[test]
fn a_killed_hub_serves_every_reconnect() {
    let mut hub = Hub::start();
    let client = hub.client();
    let mut open = client.events("topic=t");
    let ids = publish_numbers(client, "t", 20);
    assert_eq!(open.take(20).into_iter().map(|event| event.id).collect::<Vec<_>>(), ids);
    hub.kill();
    // The end of a killed connection tears no event.
    assert!(open.rest().is_empty() && !open.is_torn());
    hub.restart();
    for (n, id) in ids.iter().enumerate() {
        let mut stream = client.resume("topic=t", id);
        assert_eq!(stream.take(19 - n).into_iter().map(|event| event.id).collect::<Vec<_>>(), ids[n + 1..]);
    }
    let mut stream = client.resume("topic=t", &ids[19]);
    let next = client.publish("t", "after");
    assert_eq!(stream.next().id, next);
    assert!(seq(&next) > seq(&ids[19]));
}

/// EVR-13: the recipe of the documentation, with the real curl.
#[test]
fn curl_shows_the_replay() {
    let hub = LocalHub::start();
    let ids = publish_numbers(hub.client(), "t", 3);
    let url = format!("http://{}/v1/events?topic=t", hub.address());
    let mut curl = Command::new("curl")
        .args(["--silent", "--no-buffer", "--max-time", "20", "--header", &format!("Last-Event-ID: {}", ids[0]), &url])
        .stdout(Stdio::piped())
        .spawn()
        .expect("curl is installed");
    let mut lines = BufReader::new(curl.stdout.take().unwrap()).lines().map(Result::unwrap);
    let shown: Vec<String> = lines.by_ref().filter(|line| line.starts_with("id: ")).take(3).collect();
    assert_eq!(shown, ids.iter().map(|id| format!("id: {id}")).collect::<Vec<_>>());
    curl.kill().unwrap();
    curl.wait().unwrap();
}

/// FAN-01, EVR-05: sessions that begin anywhere in the past, on disk, while several publish, each see exactly what the
/// log has after their cursor, once and in order, across the hand-over to live.
#[test]
fn catching_up_under_load_has_no_gap_and_no_duplicate() {
    const PUBLISHERS: usize = 4;
    const TOPICS: usize = 12;
    const SESSIONS: usize = 24;
    // Small, so that sessions begin behind it, on disk, and in several files.
    let hub = Hub::builder().config("tail = \"64KiB\"\nsegment = \"256KiB\"").start();
    let client = hub.client();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);

    let publish = |publisher: usize, rounds: usize, mut random: fastrand::Rng| {
        move || {
            let mut connection = client.publisher();
            let mut published = Vec::new();
            for round in 0..rounds {
                let events: Vec<Value> = (0..random.usize(1..20))
                    .map(|n| {
                        let topic = format!("load/{}", random.usize(..TOPICS));
                        let data = format!("{publisher}.{round}.{n}{}", "\n.".repeat(random.usize(..60)));
                        json!({"topic": topic, "data": data})
                    })
                    .collect();
                let answer = connection.send(&Request::post("/v1/events", json!(events).to_string())).expect(201);
                published.extend(answer.ids().into_iter().zip(events));
            }
            published
        }
    };
    // History that is on disk before the first session opens.
    let mut oracle = publish(0, 60, random.fork())();
    let known: Vec<String> = oracle.iter().map(|(id, _)| id.clone()).collect();
    let publishers: Vec<_> =
        (1..=PUBLISHERS).map(|publisher| thread::spawn(publish(publisher, 60, random.fork()))).collect();
    let sessions: Vec<_> = (0..SESSIONS)
        .map(|session| {
            let topics: BTreeSet<String> =
                (0..random.usize(1..6)).map(|_| format!("load/{}", random.usize(..TOPICS))).collect();
            let all = session % 4 == 0;
            let query = match all {
                true => "topic=load/*".to_owned(),
                false => topics.iter().map(|topic| format!("topic={topic}")).collect::<Vec<_>>().join("&"),
            };
            let cursor = random.bool().then(|| known[random.usize(..known.len())].clone());
            thread::spawn(move || {
                let mut stream = match &cursor {
                    Some(cursor) => client.resume(&format!("{query}&topic=the/end"), cursor),
                    None => client.events(&format!("{query}&topic=the/end&since=earliest")),
                };
                let after = cursor.as_deref().map_or(0, seq);
                let events = stream.until(|event| event.topic == "the/end");
                (after, topics, all, events)
            })
        })
        .collect();
    for publisher in publishers {
        oracle.extend(publisher.join().unwrap());
    }
    client.publish("the/end", "");
    oracle.sort_by_key(|(id, _)| seq(id));
    for session in sessions {
        let (after, topics, all, mut events) = session.join().unwrap();
        events.pop();
        let matches = |topic: &str| all || topics.contains(topic);
        let expected: Vec<(&str, &str, &str)> = oracle
            .iter()
            .map(|(id, event)| (id.as_str(), event["topic"].as_str().unwrap(), event["data"].as_str().unwrap()))
            .filter(|(id, topic, _)| seq(id) > after && matches(topic))
            .collect();
        let seen: Vec<(&str, &str, &str)> =
            events.iter().map(|Event { id, topic, data, .. }| (id.as_str(), topic.as_str(), data.as_str())).collect();
        assert!(seen == expected, "after {after}, {topics:?}: {}", first_difference(&seen, &expected));
    }
}

fn first_difference(seen: &[(&str, &str, &str)], expected: &[(&str, &str, &str)]) -> String {
    let at = seen.iter().zip(expected).take_while(|(seen, expected)| seen == expected).count();
    format!("at {at} of {} and {}: saw {:?}, expected {:?}", seen.len(), expected.len(), seen.get(at), expected.get(at))
}
