//! The three forms of one read: event stream, NDJSON and long-poll.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::thread;

use headwater_testkit::{Client, Event, LocalHub, Request, until};
use serde_json::{Value, json};

fn polled(answer: &Value) -> Vec<Event> {
    answer["events"].as_array().unwrap().iter().map(Event::from_json).collect()
}

fn data(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.data.as_str()).collect()
}

/// `GET` as long-poll, on a thread, until it is registered.
fn poll_in_background(client: Client, query: &'static str) -> thread::JoinHandle<Value> {
    let open = client.metric("headwater_sessions");
    let poll = thread::spawn(move || client.poll(query));
    until("the long-poll to be open", || (client.metric("headwater_sessions") > open).then_some(()));
    poll
}

#[test]
fn ndjson_is_one_object_per_line() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut lines = client.lines("topic=orders/**");
    let cursor = lines.head.header("headwater-cursor").unwrap().to_owned();
    assert_eq!(lines.head.header("cache-control"), Some("no-store, no-transform"));
    assert_eq!(lines.head.header("content-length"), None);
    // Guarantee 5 in this form.
    assert_eq!(lines.next_value(), Some(json!({"id": cursor, "event": "headwater.cursor"})));

    let request = Request::post("/v1/topics/orders/42?event=order.paid&key=42", "{\"total\": 12}\nü\"");
    let id = client.send(&request).expect(201).ids().remove(0);
    let mut value = lines.next_value().unwrap();
    let time = value["time"].take();
    assert_eq!(
        value,
        json!({"id": id, "topic": "orders/42", "event": "order.paid", "data": "{\"total\": 12}\nü\"", "key": "42", "time": null})
    );
    let time = time.as_str().unwrap();
    assert!(time.starts_with("20") && time.contains('T') && time.ends_with('Z'), "{time}");

    let id = client.publish("orders/1", "plain");
    let event = lines.next();
    assert_eq!((event.id, event.event.as_str(), event.key), (id, "message", None));
}

/// BRW-02: the same events under the same ids in all three.
#[test]
fn brw_02_the_three_forms_tell_the_same() {
    let hub = LocalHub::start();
    let client = hub.client();
    let ids: Vec<String> = (0..20).map(|n| client.publish(&format!("t/{}", n % 3), format!("data {n}"))).collect();
    let query = "topic=t/0&topic=t/2&since=earliest";
    let expected: Vec<&String> = ids.iter().enumerate().filter(|(n, _)| n % 3 != 1).map(|(_, id)| id).collect();

    let streamed = client.events(query).take(expected.len());
    let lines = client.lines(query).take(expected.len());
    let polled = polled(&client.poll(query));
    assert_eq!(streamed.iter().map(|event| &event.id).collect::<Vec<_>>(), expected);
    assert_eq!(lines, polled);
    let bare = |event: &Event| Event { key: None, time: None, ..event.clone() };
    assert_eq!(streamed, lines.iter().map(bare).collect::<Vec<_>>());
}

/// BRW-03: a client that changes its form in mid-way loses and repeats nothing.
#[test]
fn brw_03_changing_the_form_loses_and_repeats_nothing() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut seen = Vec::new();
    let mut cursor = client.publish("t", "before");
    for round in 0..4 {
        (0..5).for_each(|n| drop(client.publish("t", format!("{round}.{n}"))));
        let mut stream = client.resume("topic=t", &cursor);
        seen.extend(stream.take(2));
        let answer = client.poll(&format!("topic=t&limit=1&last_event_id={}", seen.last().unwrap().id));
        seen.extend(polled(&answer));
        let mut lines = client.lines(&format!("topic=t&last_event_id={}", answer["cursor"].as_str().unwrap()));
        seen.extend(lines.take(2));
        cursor = lines.cursor().to_owned();
    }
    let expected: Vec<String> = (0..4).flat_map(|round| (0..5).map(move |n| format!("{round}.{n}"))).collect();
    assert_eq!(data(&seen), expected);
}

/// TRN-02: cursor in, events and the next cursor out.
#[test]
fn trn_02_a_poller_keeps_up_with_a_publisher() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut cursor = client.poll("topic=t&wait=0")["cursor"].as_str().unwrap().to_owned();
    let publisher = thread::spawn(move || {
        let mut publisher = client.publisher();
        (0..200).for_each(|n| drop(publisher.publish("t", n.to_string())));
    });
    let mut seen = Vec::new();
    while seen.len() < 200 {
        let answer = client.poll(&format!("topic=t&wait=20&limit=7&last_event_id={cursor}"));
        let events = polled(&answer);
        assert!(!events.is_empty() && events.len() <= 7, "{answer}");
        assert_eq!(answer["gap"], Value::Null);
        answer["cursor"].as_str().unwrap().clone_into(&mut cursor);
        assert_eq!(events.last().unwrap().id, cursor);
        seen.extend(events);
    }
    publisher.join().unwrap();
    assert_eq!(data(&seen), (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_long_poll_is_held_until_there_is_an_event() {
    let hub = LocalHub::start();
    let client = hub.client();
    let poll = poll_in_background(client, "topic=t&wait=50");
    client.publish("other", "not this");
    let id = client.publish("t", "this");
    let answer = poll.join().unwrap();
    assert_eq!(data(&polled(&answer)), ["this"]);
    assert_eq!(answer["cursor"], id);
    until("the session to be gone", || (client.metric("headwater_sessions") == 0.0).then_some(()));
}

#[test]
fn a_long_poll_ends_when_its_wait_is_over() {
    let hub = LocalHub::start();
    let client = hub.client();
    let cursor = client.publish("other", "moves the log on");
    for query in ["topic=t&wait=0", "topic=t&wait=1"] {
        assert_eq!(client.poll(query), json!({"events": [], "cursor": cursor, "gap": null}));
    }
    // IDG-11: what does not match still moves the cursor on.
    let old = cursor;
    let cursor = client.publish("other", "moves it on again");
    let answer = client.poll(&format!("topic=t&wait=1&last_event_id={old}"));
    assert_eq!(answer, json!({"events": [], "cursor": cursor, "gap": null}));
}

#[test]
fn a_long_poll_takes_what_there_is_up_to_its_limit() {
    let hub = LocalHub::start();
    let client = hub.client();
    let ids: Vec<String> = (0..5).map(|n| client.publish("t", n.to_string())).collect();
    let first = client.poll("topic=t&since=earliest&limit=2");
    assert_eq!((data(&polled(&first)), &first["cursor"]), (vec!["0", "1"], &json!(ids[1])));
    let second = client.poll(&format!("topic=t&limit=100&last_event_id={}", ids[1]));
    assert_eq!((data(&polled(&second)), &second["cursor"]), (vec!["2", "3", "4"], &json!(ids[4])));
    // The default is 1000.
    let many: Vec<Value> = (0..1200).map(|n| json!({"topic": "many", "data": n})).collect();
    drop(client.send(&Request::post("/v1/events", json!(many).to_string())).expect(201));
    assert_eq!(polled(&client.poll("topic=many&since=earliest")).len(), 1000);
}

/// A gap is told at once, not after the wait, together with what can still be read.
#[test]
fn a_long_poll_tells_a_gap() {
    let hub = LocalHub::with("[[class]]\ntopics = [\"t\"]\nretention = { events = 2 }");
    let client = hub.client();
    let ids: Vec<String> = (0..6).map(|n| client.publish("t", n.to_string())).collect();
    let answer = client.poll(&format!("topic=t&wait=55&last_event_id={}", ids[0]));
    assert_eq!(answer["gap"], json!({"reason": "retention", "requested": ids[0], "resumed_at": ids[3]}));
    assert_eq!(data(&polled(&answer)), ["4", "5"]);
    assert_eq!(answer["cursor"], json!(ids[5]));

    let answer = client.poll("topic=t&wait=55&last_event_id=nonsense");
    assert_eq!(answer["gap"], json!({"reason": "unknown", "requested": "nonsense", "resumed_at": ids[5]}));
    assert_eq!((polled(&answer).len(), &answer["cursor"]), (0, &json!(ids[5])));
}

/// The long-poll answer of HEAD has a head and no body.
#[test]
fn head_of_a_long_poll_does_not_wait() {
    let hub = LocalHub::start();
    let request = Request::new("HEAD", "/v1/events?topic=t&wait=55").header("Accept", "application/json");
    let answer = hub.client().send(&request).expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

/// TRN-03: the longest hold is below the idle limits of proxies; an impossible one is refused.
#[test]
fn trn_03_the_hold_is_bounded() {
    let hub = LocalHub::start();
    for (query, field) in
        [("wait=56", "wait"), ("wait=-1", "wait"), ("wait=1.5", "wait"), ("limit=0", "limit"), ("limit=x", "limit")]
    {
        let request = Request::get(&format!("/v1/events?topic=t&{query}")).header("Accept", "application/json");
        assert_eq!(hub.client().send(&request).expect(400).json()["field"], field);
    }
}

/// Many can be held at once: none has a thread of its own.
#[test]
fn trn_03_a_held_poll_holds_no_thread() {
    let hub = LocalHub::with("shards = 1");
    let client = hub.client();
    let polls: Vec<_> = (0..100)
        .map(|_| {
            let mut connection = client.connect();
            connection.request(&Request::get("/v1/events?topic=t&wait=55").header("Accept", "application/json"));
            connection
        })
        .collect();
    until("all to be open", || (client.metric("headwater_sessions") == 100.0).then_some(()));
    let id = client.publish("t", "for all");
    for mut poll in polls {
        assert_eq!(poll.answer().expect(200).json()["cursor"], json!(id));
    }
}
