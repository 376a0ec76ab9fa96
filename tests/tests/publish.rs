//! Publishing: every kind of body, what is answered, and what is kept when something goes wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use headwater_testkit::{Client, Connection, Hub, LocalHub, Request, encode, until};
use serde_json::{Value, json};

/// The data of everything a topic holds, in order.
fn stored(client: Client, topic: &str) -> Vec<String> {
    let events = client.topic(topic);
    let count = if events.status() == 404 { 0 } else { events.json()["events"].as_u64().unwrap() };
    client.events(&format!("topic={topic}&since=earliest")).take_data(count as usize)
}

/// A request whose body is sent in chunks.
fn begin(client: Client, media: &str, target: &str) -> Connection {
    let mut connection = client.connect();
    let request = Request::new("POST", target).header("Content-Type", media).header("Transfer-Encoding", "chunked");
    connection.request(&request);
    connection
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

const END: &str = "0\r\n\r\n";

#[test]
fn one_event_is_answered_with_its_id_and_place() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=orders/42");
    let bodies = [
        Request::post("/v1/topics/orders/42", "none named"),
        Request::post_as("text/plain; charset=utf-8", "/v1/topics/orders/42", "text"),
        Request::post_as("application/json", "/v1/topics/orders/42", "{ \"kept\":  \"as it is\" }"),
        Request::post_as("application/x-www-form-urlencoded", "/v1/topics/orders/42", "what curl -d says"),
        Request::post("/v1/topics/orders/42", ""),
    ];
    for request in bodies {
        let answer = client.send(&request).expect(201);
        assert_eq!(answer.header("location"), Some("/v1/topics/orders/42"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let event = stream.next();
        assert_eq!(answer.json(), json!({"id": event.id}));
        assert!(request.bytes("").ends_with(event.data.as_bytes()));
    }
    let answer = client.send(&Request::post("/v1/topics/gr%C3%B6%C3%9Fe/a%20b", "x")).expect(201);
    assert_eq!(answer.header("location"), Some("/v1/topics/gr%C3%B6%C3%9Fe/a%20b"));
}

/// Type, key and idempotency key come from the query or from headers; the query wins.
#[test]
fn the_envelope_stands_in_the_query_or_in_headers() {
    let hub = LocalHub::start();
    let client = hub.client();
    let by_query = Request::post("/v1/topics/t?event=type&key=a%20key", "by query");
    let by_header =
        Request::post("/v1/topics/t", "by header").header("Headwater-Event", "größe").header("Headwater-Key", "k");
    let by_both = Request::post("/v1/topics/t?event=query", "by both").header("headwater-event", "header");
    for request in [by_query, by_header, by_both] {
        drop(client.send(&request).expect(201));
    }
    let events = client.lines("topic=t&since=earliest").take(3);
    let seen: Vec<_> =
        events.iter().map(|event| (event.event.as_str(), event.key.as_deref(), event.data.as_str())).collect();
    assert_eq!(
        seen,
        [("type", Some("a key"), "by query"), ("größe", Some("k"), "by header"), ("query", None, "by both")]
    );
}

/// An event stream is published block by block, as it arrives: readers see each before the body ends.
#[test]
fn an_event_stream_is_published_as_it_arrives() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=answer");
    let mut body = begin(client, "text/event-stream", "/v1/topics/answer?event=token&key=k");
    body.write(chunk("data: Hel"));
    body.write(chunk("lo\n\n"));
    let first = stream.next();
    assert_eq!((first.data.as_str(), first.event.as_str()), ("Hello", "token"));
    // Ids, comments and reconnect delays of the source mean nothing here; its types do.
    body.write(chunk(": comment\nid: 7\nretry: 1\nevent: own\ndata: wor\ndata: ld\n\nid: 8\n\ndata\n\n"));
    let next = stream.take(2);
    assert_eq!((next[0].data.as_str(), next[0].event.as_str()), ("wor\nld", "own"));
    assert_eq!((next[1].data.as_str(), next[1].event.as_str()), ("", "token"));
    assert_ne!(next[0].id, "7");
    body.write(chunk("data: unfinished"));
    body.write(END);
    let answer = body.answer().expect(201);
    assert_eq!(answer.json(), json!({"ids": [first.id, next[0].id, next[1].id]}));
    assert_eq!(stored(client, "answer").len(), 3, "an incomplete last block is none (FMT-15)");
    assert_eq!(client.lines("topic=answer&since=earliest").next().key.as_deref(), Some("k"));
}

#[test]
fn ndjson_is_published_as_it_arrives() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=t");
    let mut body = begin(client, "application/x-ndjson", "/v1/topics/t?event=row");
    body.write(chunk("{\"n\": 1}\n{\"n\""));
    assert_eq!(stream.next().data, "{\"n\": 1}");
    body.write(chunk(":2}\r\n\r\n\n\"three\"\n4"));
    assert_eq!(stream.take_data(2), ["{\"n\":2}", "\"three\""]);
    body.write(END);
    assert_eq!(body.answer().expect(201).ids().len(), 4);
    let last = stream.next();
    assert_eq!((last.data.as_str(), last.event.as_str()), ("4", "row"));
}

/// NDJSON to `/v1/events`: lines that name their topics.
#[test]
fn ndjson_of_several_topics_is_published_as_it_arrives() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=**");
    let mut body = begin(client, "application/x-ndjson", "/v1/events");
    body.write(chunk("{\"topic\":\"a\",\"data\":\"one\"}\n"));
    assert_eq!(stream.next().topic, "a");
    body.write(chunk("{\"topic\":\"b\",\"data\":{\"two\" : [ 2 ]},\"event\":\"e\",\"key\":\"k\"}\n"));
    let second = stream.next();
    assert_eq!((second.topic.as_str(), second.data.as_str(), second.event.as_str()), ("b", "{\"two\":[2]}", "e"));
    body.write(END);
    assert_eq!(body.answer().expect(201).ids().len(), 2);
}

/// A publisher that goes in mid-stream: what arrived whole stays, and never half an event.
#[test]
fn a_stream_that_breaks_off_keeps_whole_events() {
    let hub = LocalHub::start();
    let client = hub.client();
    for (media, target, whole, half) in [
        ("text/event-stream", "/v1/topics/sse", "data: 1\n\ndata: 2\n\n", "data: half"),
        ("text/event-stream", "/v1/topics/sse-block", "data: 1\n\ndata: 2\n\n", "data: half\n"),
        ("application/x-ndjson", "/v1/topics/ndjson", "1\n2\n", "\"half\""),
        (
            "application/x-ndjson",
            "/v1/events",
            "{\"topic\":\"mixed\",\"data\":1}\n{\"topic\":\"mixed\",\"data\":2}\n",
            "{\"topic\":\"mixed\",\"data\":3}",
        ),
    ] {
        for goodbye in [true, false] {
            let topic = if target == "/v1/events" { "mixed" } else { &target["/v1/topics/".len()..] };
            drop(client.send(&Request::new("DELETE", &format!("/v1/topics/{topic}"))));
            let mut stream = client.events(&format!("topic={topic}"));
            let refused = client.metric("headwater_requests_refused_total");
            let mut body = begin(client, media, target);
            body.write(chunk(whole));
            assert_eq!(stream.take_data(2), ["1", "2"]);
            body.write(chunk(half));
            match goodbye {
                true => body.finish_writing(),
                false => body.reset(),
            }
            // Whether refused or never answered: the hub notices, and its next event is somebody else's.
            until("the hub to notice", || {
                let over = client.metric("headwater_requests_refused_total") > refused;
                (over || !goodbye).then_some(())
            });
            client.publish(topic, "sentinel");
            assert_eq!(stream.next().data, "sentinel", "{media} {target}");
            assert_eq!(stored(client, topic), ["1", "2", "sentinel"]);
        }
    }
}

/// One event whose body breaks off is not stored at all.
#[test]
fn an_event_that_breaks_off_is_none() {
    let hub = LocalHub::start();
    let client = hub.client();
    let refused = client.metric("headwater_requests_refused_total");
    let mut connection = client.connect();
    connection.write("POST /v1/topics/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nnot all of it");
    connection.finish_writing();
    until("the refusal", || (client.metric("headwater_requests_refused_total") > refused).then_some(()));
    drop(client.topic("t").expect(404));
}

/// A wrong block or line in a streaming body refuses the rest; the answer says what was stored before it.
#[test]
fn a_stream_with_an_error_says_what_was_stored() {
    let hub = LocalHub::start();
    let client = hub.client();
    for (media, target, body, field) in [
        ("text/event-stream", "/v1/topics/a", "data: 1\n\nevent: headwater.gap\ndata: 2\n\ndata: 3\n\n", "event"),
        ("application/x-ndjson", "/v1/topics/b", "1\n{broken\n3\n", "line 2"),
        (
            "application/x-ndjson",
            "/v1/events",
            "{\"topic\":\"c\",\"data\":1}\n{\"topic\":\"c//\",\"data\":2}\n",
            "line 2.topic",
        ),
    ] {
        let answer = client.send(&Request::post_as(media, target, body)).expect(400);
        let said = answer.json();
        assert_eq!(said["field"], field, "{said}");
        assert_eq!(said["stored"].as_array().map(Vec::len), Some(1), "{said}");
    }
    for topic in ["a", "b", "c"] {
        assert_eq!(stored(client, topic), ["1"]);
    }
}

#[test]
fn a_batch_names_its_topics() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=**");
    let one =
        client.send(&Request::post("/v1/events", "{\"topic\":\"a/b\",\"data\":\"x\",\"event\":\"e\"}")).expect(201);
    assert_eq!(
        (one.header("location"), one.json()["id"].as_str()),
        (Some("/v1/topics/a/b"), Some(stream.next().id.as_str()))
    );

    // JSON values are stored compact, strings as they are.
    let values = json!([
        {"topic": "a", "data": "text \" \n"},
        {"topic": "b", "data": {"b": [1, 2.5, null, true], "a": {}}},
        {"topic": "a", "data": null, "key": "k"},
        {"topic": "c", "data": 12345678901234567890u64},
        {"topic": "c", "data": []},
    ]);
    let spaced = serde_json::to_string_pretty(&values).unwrap();
    let ids = client.send(&Request::post_as("application/json", "/v1/events", spaced)).expect(201).ids();
    let events = stream.take(5);
    assert_eq!(events.iter().map(|event| event.id.clone()).collect::<Vec<_>>(), ids);
    let data: Vec<&str> = events.iter().map(|event| event.data.as_str()).collect();
    assert_eq!(data[0], "text \" \n");
    assert_eq!(serde_json::from_str::<Value>(data[1]).unwrap(), values[1]["data"]);
    assert!(!data[1].contains(' '));
    assert_eq!(data[2..], ["null", "12345678901234567890", "[]"]);
    assert_eq!(events.iter().map(|event| event.topic.as_str()).collect::<Vec<_>>(), ["a", "b", "a", "c", "c"]);
}

/// A JSON array is one append: one wrong event and none of them is stored.
#[test]
fn an_array_is_stored_whole_or_not_at_all() {
    let hub = LocalHub::start();
    let client = hub.client();
    drop(client.send(&Request::post("/v1/topics/finished?final=done", "")).expect(201));
    let head = client.metric("headwater_log_head");
    for (wrong, status, field) in [
        (json!({"topic": "a//b", "data": 2}), 400, "[1].topic"),
        (json!({"topic": "b", "data": 2, "event": "headwater.end"}), 400, "[1].event"),
        (json!({"topic": "b", "data": 2, "colour": "red"}), 400, "[1]"),
        (json!({"topic": "b"}), 400, "[1]"),
        (json!({"topic": "$hub/x", "data": 2}), 403, "[1].topic"),
        (json!({"topic": "b", "data": "x".repeat(300 << 10)}), 413, "[1].data"),
        (json!({"topic": "finished", "data": 2}), 409, "topic"),
        (json!("text"), 400, "[1]"),
    ] {
        let body = json!([{"topic": "a", "data": 1}, wrong, {"topic": "c", "data": 3}]).to_string();
        let refused = client.send(&Request::post("/v1/events", body)).expect(status);
        assert_eq!(refused.json()["field"], field);
        assert_eq!(client.metric("headwater_log_head"), head);
    }
    drop(client.topic("a").expect(404));
    drop(client.topic("c").expect(404));
    assert_eq!(client.send(&Request::post("/v1/events", "[]")).expect(400).json()["field"], "body");
}

/// IDG-06: one key, one event, one id; and per topic.
#[test]
fn a_repeated_idempotency_key_stores_nothing() {
    let hub = LocalHub::start();
    let client = hub.client();
    let by_header = |topic: &str, data: &str| {
        client.send(&Request::post(&format!("/v1/topics/{topic}"), data).header("Idempotency-Key", "k 1"))
    };
    let first = by_header("t", "first").expect(201).ids();
    assert_eq!(by_header("t", "first").expect(200).ids(), first);
    assert_eq!(by_header("t", "says something else").expect(200).ids(), first);
    let by_query = client.send(&Request::post("/v1/topics/t?idempotency_key=k%201", "x")).expect(200);
    assert_eq!(by_query.ids(), first);
    let batch = json!([{"topic": "t", "data": "x", "idempotency_key": "k 1"}, {"topic": "t", "data": "new", "idempotency_key": "k 2"}]);
    let ids = client.send(&Request::post("/v1/events", batch.to_string())).expect(201).ids();
    assert_eq!(ids[0], first[0]);
    // The second time there is nothing new in it.
    assert_eq!(client.send(&Request::post("/v1/events", batch.to_string())).expect(200).ids(), ids);
    // Twice in one request is a repeat as well.
    let twice = json!([{"topic": "t", "data": "once", "idempotency_key": "k 3"}, {"topic": "t", "data": "twice", "idempotency_key": "k 3"}]);
    let ids = client.send(&Request::post("/v1/events", twice.to_string())).expect(201).ids();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(stored(client, "t"), ["first", "new", "once"]);
    assert_eq!(client.metric("headwater_duplicates_total"), 7.0);
}

/// IDG-06: with a key on a streaming body, sending it again from its start stores only what was missing.
#[test]
fn a_streamed_body_can_be_sent_again() {
    let hub = LocalHub::start();
    let client = hub.client();
    let body =
        |data: &str| Request::post_as("text/event-stream", "/v1/topics/t", data).header("Idempotency-Key", "run");
    let first = client.send(&body("data: 1\n\ndata: 2\n\n")).expect(201).ids();
    let second = client.send(&body("data: 1\n\ndata: 2\n\ndata: 3\n\n")).expect(201).ids();
    assert_eq!(second[..2], first);
    assert_eq!(client.send(&body("data: 1\n\ndata: 2\n\ndata: 3\n\n")).expect(200).ids(), second);
    assert_eq!(stored(client, "t"), ["1", "2", "3"]);
}

/// IDG-06: who sends the last words again because the answer was lost is told that they are known, and not that the
/// topic is finished.
#[test]
fn a_repeated_end_is_known() {
    let hub = LocalHub::start();
    let client = hub.client();
    for (media, body) in [("text/plain", "last"), ("text/plain", ""), ("text/event-stream", "data: 1\n\ndata: 2\n\n")] {
        let target = format!("/v1/topics/{}-{}?final=done", media.len(), body.len());
        let request = Request::post_as(media, &target, body).header("Idempotency-Key", "k");
        let first = client.send(&request).expect(201).ids();
        assert_eq!(client.send(&request).expect(200).ids(), first);
        drop(client.send(&Request::post_as(media, &target, body)).expect(409));
    }
}

/// IDG-06: keys are stored with their events, so kill -9 does not forget them.
#[test]
fn idempotency_keys_survive_a_kill() {
    let mut hub = Hub::start();
    let client = hub.client();
    let publish = |n: usize| {
        client.send(&Request::post("/v1/topics/t", n.to_string()).header("Idempotency-Key", format!("key {n}")))
    };
    let ids: Vec<String> = (0..10).map(|n| publish(n).expect(201).ids().remove(0)).collect();
    hub.kill();
    hub.restart();
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(&publish(n).expect(200).ids()[0], id);
    }
    drop(publish(10).expect(201));
    assert_eq!(stored(client, "t"), (0..11).map(|n| n.to_string()).collect::<Vec<_>>());
}

/// FMT-08: the largest event is a setting of its class; what is over it is refused whole, whatever its form.
#[test]
fn events_are_bounded_by_their_class() {
    let hub = LocalHub::with("[[class]]\ntopics = [\"small/**\"]\nmax_event = \"1KiB\"");
    let client = hub.client();
    let (fits, over) = ("x".repeat(900), "x".repeat(1100));
    client.publish("small/t", &fits);
    client.publish("large", "x".repeat(250 << 10));
    let head = client.metric("headwater_log_head");
    for request in [
        Request::post("/v1/topics/small/t", over.as_str()),
        Request::post("/v1/topics/large", "x".repeat(257 << 10)),
        Request::post("/v1/events", json!({"topic": "small/t", "data": over}).to_string()),
        Request::post_as("text/event-stream", "/v1/topics/small/t", format!("data: {over}\n\n")),
        Request::post_as("application/x-ndjson", "/v1/topics/small/t", format!("\"{over}\"\n")),
    ] {
        let answer = client.send(&request).expect(413).json();
        assert!(answer["field"].as_str().is_some(), "{answer}");
        assert_eq!(client.metric("headwater_log_head"), head);
    }
}

/// A publisher's connection is kept, and takes one request after the other.
#[test]
fn a_connection_is_kept_between_publishes() {
    let hub = LocalHub::start();
    let mut publisher = hub.client().publisher();
    // Once it is answered it has been accepted.
    publisher.publish("t", "first");
    let before = hub.client().metric("headwater_connections_accepted_total");
    for n in 1..20 {
        publisher.publish("t", n.to_string());
    }
    // A refusal does not end it either.
    drop(publisher.send(&Request::post("/v1/topics/$hub/x", "x")).expect(403));
    publisher.publish("t", "after");
    assert_eq!(hub.client().metric("headwater_connections_accepted_total"), before + 1.0);
    assert_eq!(stored(hub.client(), "t").len(), 21);
}

/// What is refused leaves nothing behind: no event, no topic, no key.
#[test]
fn a_refused_publish_leaves_nothing_behind() {
    let hub = LocalHub::start();
    let client = hub.client();
    let key = |request: Request| request.header("Idempotency-Key", "k");
    for (request, status) in [
        (key(Request::post("/v1/topics/t?event=headwater.end", "x")), 400),
        (key(Request::post("/v1/topics/t?final=maybe", "x")), 400),
        (key(Request::post("/v1/topics/t", b"\xff\xfe".as_slice())), 400),
        (key(Request::post("/v1/topics/t", "x").header("Content-Encoding", "gzip")), 415),
        (key(Request::post_as("multipart/form-data; boundary=x", "/v1/topics/t", "--x--")), 415),
        (key(Request::post(&format!("/v1/topics/t?key={}", encode("a\nb", false)), "x")), 400),
    ] {
        drop(client.send(&request).expect(status));
    }
    drop(client.topic("t").expect(404));
    assert_eq!(client.metric("headwater_log_head"), 0.0);
    assert_eq!(client.metric("headwater_topics"), 0.0);
    drop(client.send(&key(Request::post("/v1/topics/t", "x"))).expect(201));
}
