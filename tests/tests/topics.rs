//! Topics: who sees which, what the hub tells about them, and how they go.

use headwater_testkit::{Client, LocalHub, Request, encode, until};
use serde_json::{Value, json};

/// The topics whose events a stream shows, up to the event that ends the test.
fn seen(client: Client, query: &str, publish: impl FnOnce()) -> Vec<String> {
    let mut stream = client.events(&format!("{query}&topic=the/end"));
    publish();
    client.publish("the/end", "");
    let mut topics: Vec<String> =
        stream.until(|event| event.topic == "the/end").into_iter().map(|event| event.topic).collect();
    topics.pop();
    topics
}

#[test]
fn patterns_match_whole_segments() {
    const TOPICS: [&str; 7] =
        ["orders", "orders/1", "orders/2", "orders/1/lines", "orders/1/lines/9", "other/1", "ordersx"];
    let hub = LocalHub::start();
    let client = hub.client();
    for (pattern, expected) in [
        ("orders", &["orders"][..]),
        ("orders/1", &["orders/1"]),
        ("orders/*", &["orders/1", "orders/2"]),
        ("*/1", &["orders/1", "other/1"]),
        ("*", &["orders", "ordersx"]),
        ("orders/*/lines", &["orders/1/lines"]),
        ("*/*/lines/*", &["orders/1/lines/9"]),
        ("orders/**", &["orders", "orders/1", "orders/2", "orders/1/lines", "orders/1/lines/9"]),
        ("orders/1/**", &["orders/1", "orders/1/lines", "orders/1/lines/9"]),
        ("**", &TOPICS),
        ("nobody/**", &[]),
        // An asterisk in a segment is nothing special.
        ("order*", &[]),
    ] {
        let publish = || TOPICS.iter().for_each(|topic| drop(client.publish(topic, pattern)));
        assert_eq!(seen(client, &format!("topic={pattern}"), publish), expected, "{pattern}");
        // The same from the log.
        let mut replay = client.events(&format!("topic={pattern}&topic=the/end&since=earliest"));
        let mut replayed = replay.until(|event| event.id == last(client, "the/end"));
        replayed.retain(|event| event.data == pattern);
        assert_eq!(replayed.iter().map(|event| &event.topic).collect::<Vec<_>>(), expected, "{pattern}");
    }
}

fn last(client: Client, topic: &str) -> Value {
    client.topic(topic).expect(200).json()["last"].clone()
}

/// BSG-08: one event, one delivery, however many of the reader's topics and patterns match it.
#[test]
fn an_event_is_delivered_once_however_many_match() {
    let hub = LocalHub::start();
    let client = hub.client();
    let query = "topic=a/b&topic=a/b&topic=a/*&topic=a/**&topic=*/b&topic=**&topic=a%2Fb";
    let publish = || ["a/b", "a/c", "a/b"].iter().for_each(|topic| drop(client.publish(topic, "x")));
    assert_eq!(seen(client, query, publish), ["a/b", "a/c", "a/b"]);
}

/// The hub's own topics are seen by those who name them only.
#[test]
fn reserved_topics_are_not_matched_by_wildcards() {
    let hub = LocalHub::start();
    let client = hub.client();
    let publish = || {
        assert_eq!(client.events("topic=$hub/stats").next().topic, "$hub/stats");
        assert_eq!(client.events("topic=$hub/*").next().topic, "$hub/stats");
    };
    assert!(seen(client, "topic=**&topic=*/stats&topic=*/**", publish).is_empty());
}

/// A stream may carry 100 topics, each of which is delivered.
#[test]
fn a_stream_carries_a_hundred_topics() {
    let hub = LocalHub::start();
    let client = hub.client();
    let query: String = (0..99).map(|n| format!("topic=t/{n}&")).collect();
    let publish = || (0..100).rev().for_each(|n| drop(client.publish(&format!("t/{n}"), "")));
    let expected: Vec<String> = (0..99).rev().map(|n| format!("t/{n}")).collect();
    assert_eq!(seen(client, query.trim_end_matches('&'), publish), expected);
    let query: String = (0..101).map(|n| format!("topic=t/{n}&")).collect();
    assert_eq!(client.get(&format!("/v1/events?{query}")).expect(400).json()["field"], "topic");
}

/// T20: one percent-decode; what looks like a path is a name.
#[test]
fn t20_names_are_text_and_not_paths() {
    let hub = LocalHub::start();
    let client = hub.client();
    let names =
        ["größe/日本", "a b", "a+b", "a%2Fb", "a?b#c", "...", "a/.b", "~", "\u{202e}rtl", "a/*b", &"x".repeat(512)];
    for name in names {
        let id = client.publish(name, name);
        let answer = client.topic(name).expect(200);
        assert_eq!((answer.json()["topic"].as_str(), answer.json()["last"].as_str()), (Some(name), Some(id.as_str())));
        let mut stream = client.events(&format!("topic={}&since=earliest", encode(name, false)));
        let event = stream.next();
        assert_eq!((event.topic.as_str(), event.id), (name, id));
    }
    // A plus is a space in a query and nothing special in a path.
    let encoded = Request::post("/v1/topics/with%2Fslash", "");
    let location = client.send(&encoded).expect(201);
    assert_eq!(location.header("location"), Some("/v1/topics/with/slash"));
    client.topic("with/slash").expect(200).json();
}

#[test]
fn a_topic_tells_about_itself() {
    let hub = LocalHub::start();
    let client = hub.client();
    let unknown = client.topic("t").expect(404).json();
    assert_eq!((&unknown["field"], &unknown["type"]), (&json!("topic"), &json!("urn:headwater:problem:no-such-topic")));

    let ids: Vec<String> = (0..3).map(|n| client.publish("t", format!("data {n}"))).collect();
    client.publish("u", "other");
    let mut info = client.topic("t").expect(200).json();
    assert!(info["bytes"].take().as_u64().unwrap() >= 3 * "data 0".len() as u64);
    assert!(info["last_time"].take().as_str().unwrap().ends_with('Z'));
    // Of the last ten seconds, as far as the test has not taken longer.
    let rate = info["rate"].take().as_f64().unwrap();
    assert!((0.0..=3.0).contains(&rate), "{rate}");
    assert_eq!(
        info,
        json!({
            "topic": "t", "first": ids[0], "last": ids[2], "last_time": null, "events": 3, "bytes": null, "rate": null,
            "sessions": 0, "presence": false, "finished": null,
        })
    );
    until("events to count in the rate", || {
        client.publish("t", "more");
        (client.topic("t").expect(200).json()["rate"].as_f64() > Some(0.0)).then_some(())
    });

    let readers = [client.events("topic=t"), client.events("topic=t&topic=u"), client.events("topic=*")];
    let sessions = || client.topic("t").expect(200).json()["sessions"].as_u64().unwrap();
    until("the sessions to be told", || (sessions() == readers.len() as u64).then_some(()));
    drop(readers);
    until("the sessions to be gone", || (sessions() == 0).then_some(()));

    drop(client.send(&Request::post("/v1/topics/t?final=error", "")).expect(201));
    assert_eq!(client.topic("t").json()["finished"], "error");
    let head = client.send(&Request::new("HEAD", "/v1/topics/t")).expect(200);
    assert!(head.body.is_empty());
}

#[test]
fn topics_are_listed_by_prefix_in_pages() {
    let hub = LocalHub::start();
    let client = hub.client();
    for n in 0..25 {
        client.publish(&format!("list/{n:02}"), "x");
    }
    client.publish("lis", "x");
    client.publish("listing", "x");
    client.publish("größe", "x");

    let names = |answer: &Value| -> Vec<String> {
        answer["topics"].as_array().unwrap().iter().map(|info| info["topic"].as_str().unwrap().to_owned()).collect()
    };
    let all = client.get("/v1/topics").expect(200).json();
    assert_eq!((names(&all).len(), &all["next"]), (28, &Value::Null));
    assert_eq!(all["topics"][1], client.topic("lis").json());
    assert_eq!(names(&client.get("/v1/topics?prefix=gr%C3%B6").json()), ["größe"]);
    assert!(names(&client.get("/v1/topics?prefix=nothing").json()).is_empty());

    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/v1/topics?prefix=list/&limit=10{after}")).expect(200).json();
        pages.push(names(&page));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={}", encode(next, false)),
            None => break,
        }
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
    assert_eq!(pages.concat(), (0..25).map(|n| format!("list/{n:02}")).collect::<Vec<_>>());
    for limit in ["0", "1001", "x"] {
        assert_eq!(client.get(&format!("/v1/topics?limit={limit}")).expect(400).json()["field"], "limit");
    }
}

#[test]
fn deleting_removes_the_events_of_one_topic() {
    let hub = LocalHub::start();
    let client = hub.client();
    let delete = |topic: &str| client.send(&Request::new("DELETE", &format!("/v1/topics/{topic}")));
    drop(delete("t").expect(404));
    let before: Vec<String> = (0..3).map(|n| client.publish("t", n.to_string())).collect();
    drop(client.send(&Request::post("/v1/topics/t?final=done", "")).expect(201));
    let other = client.publish("u", "stays");
    drop(delete("t").expect(204));
    drop(client.topic("t").expect(404));
    drop(delete("t").expect(404));
    assert_eq!(client.topic("u").json()["last"], json!(other));

    // It is as if it had never been, but for its ids, which are not given out again.
    let mut stream = client.events("topic=t&topic=u&since=earliest");
    assert_eq!(stream.next().id, other);
    let again = client.publish("t", "again");
    assert!(!before.contains(&again));
    assert_eq!(stream.next().id, again);
    assert_eq!(client.topic("t").json()["first"], json!(again));
    assert_eq!(delete("$hub/stats").expect(403).json()["field"], "topic");
}

/// Guarantee 4: whoever had not read what was deleted is told; whoever had, or reads something else, is not.
#[test]
fn a_deletion_is_a_gap_for_those_behind_it() {
    let hub = LocalHub::start();
    let client = hub.client();
    let ids: Vec<String> = (0..4).map(|n| client.publish("t", n.to_string())).collect();
    client.publish("u", "other");
    drop(client.send(&Request::new("DELETE", "/v1/topics/t")).expect(204));

    let mut behind = client.resume("topic=t&topic=u", &ids[1]);
    let gap = behind.next();
    assert_eq!((gap.event.as_str(), gap.json()["reason"].as_str()), ("headwater.gap", Some("retention")));
    assert_eq!(gap.json()["requested"], json!(ids[1]));
    assert!(headwater_testkit::seq(gap.json()["resumed_at"].as_str().unwrap()) >= headwater_testkit::seq(&ids[3]));
    assert_eq!(behind.next().topic, "u");

    let mut read_all = client.resume("topic=t&topic=u", &ids[3]);
    assert_eq!(read_all.next().topic, "u");
    let mut elsewhere = client.resume("topic=u", &ids[0]);
    assert_eq!(elsewhere.next().topic, "u");
}
