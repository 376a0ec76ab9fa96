//! Topics that end: the last record, the end of the response, and what comes after.

use headwater_testkit::{Client, Hub, LocalHub, Request, Sse};
use serde_json::{Value, json};

fn finish(client: Client, topic: &str, reason: &str, data: &str) -> String {
    let request = Request::post(&format!("/v1/topics/{topic}?final={reason}"), data);
    client.send(&request).expect(201).ids().remove(0)
}

/// Checks the end record and returns its id.
#[track_caller]
fn end(stream: &mut Sse, topic: &str, reason: &str) -> String {
    let event = stream.next();
    assert_eq!((event.event.as_str(), event.topic.as_str()), ("headwater.end", topic), "{event:?}");
    assert_eq!(event.json(), json!({"reason": reason, "topic": topic}));
    event.id
}

/// BSG-11: the data, the end record with an id of its own, the end of the response, and 204 for whoever comes back.
#[test]
fn a_finished_topic_ends_its_streams() {
    let hub = LocalHub::start();
    let client = hub.client();
    for reason in ["done", "error", "cancelled"] {
        let topic = format!("job/{reason}");
        let mut stream = client.events(&format!("topic={topic}"));
        let first = client.publish(&topic, "working");
        let last = finish(client, &topic, reason, "the last words");
        assert_eq!(stream.take_data(2), ["working", "the last words"]);
        let end_id = end(&mut stream, &topic, reason);
        assert!(headwater_testkit::seq(&end_id) > headwater_testkit::seq(&last));
        assert_eq!((stream.next_or_end(), stream.is_torn()), (None, false));

        let again = Request::get(&format!("/v1/events?topic={topic}")).header("Last-Event-ID", &end_id);
        let answer = client.send(&again).expect(204);
        assert!(answer.body.is_empty() && answer.header("content-type").is_none());
        // Who has not seen the end gets it, and then the end of the response.
        let mut late = client.resume(&format!("topic={topic}"), &first);
        assert_eq!(late.next().data, "the last words");
        assert_eq!((end(&mut late, &topic, reason), late.next_or_end()), (end_id, None));
    }
}

#[test]
fn without_a_body_there_is_only_the_end() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=t");
    let id = finish(client, "t", "done", "");
    assert_eq!((end(&mut stream, "t", "done"), stream.next_or_end()), (id, None));
}

/// A new reader of a finished topic: history with its end if it asks for it, else 204 at once.
#[test]
fn new_readers_of_a_finished_topic() {
    let hub = LocalHub::start();
    let client = hub.client();
    client.publish("t", "only");
    finish(client, "t", "done", "");
    drop(client.get("/v1/events?topic=t").expect(204));
    let mut stream = client.events("topic=t&since=earliest");
    assert_eq!(stream.next().data, "only");
    end(&mut stream, "t", "done");
    assert_eq!(stream.next_or_end(), None);
    // A pattern may get new topics at any time: it does not end.
    let mut pattern = client.events("topic=t/**&topic=t");
    client.publish("t/new", "here");
    assert_eq!(pattern.next().data, "here");
}

#[test]
fn a_stream_of_several_topics_ends_with_the_last_of_them() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stream = client.events("topic=a&topic=b&topic=c");
    finish(client, "b", "done", "");
    let cursor = end(&mut stream, "b", "done");
    client.publish("a", "goes on");
    assert_eq!(stream.next().data, "goes on");
    finish(client, "a", "error", "");
    end(&mut stream, "a", "error");
    // On the way: one that comes back is still waiting for c.
    let mut resumed = client.resume("topic=a&topic=b&topic=c", &cursor);
    assert_eq!(resumed.next().data, "goes on");
    end(&mut resumed, "a", "error");
    finish(client, "c", "cancelled", "");
    let last = end(&mut stream, "c", "cancelled");
    assert_eq!(stream.next_or_end(), None);
    assert_eq!((end(&mut resumed, "c", "cancelled"), resumed.next_or_end()), (last.clone(), None));
    let again = Request::get("/v1/events?topic=a&topic=b&topic=c").header("Last-Event-ID", &last);
    drop(client.send(&again).expect(204));
    let some = Request::get("/v1/events?topic=a&topic=d").header("Last-Event-ID", &last);
    assert_eq!(client.stream(&some).head.status, 200, "nobody has finished d");
}

#[test]
fn a_finished_topic_takes_nothing_more() {
    let hub = LocalHub::start();
    let client = hub.client();
    finish(client, "t", "done", "last");
    let head = client.metric("headwater_log_head");
    for request in [
        Request::post("/v1/topics/t", "more"),
        Request::post("/v1/topics/t?final=done", ""),
        Request::post_as("text/event-stream", "/v1/topics/t", "data: more\n\n"),
        Request::post_as("application/x-ndjson", "/v1/topics/t", "1\n"),
        Request::post("/v1/events", json!({"topic": "t", "data": 1}).to_string()),
    ] {
        let refused = client.send(&request).expect(409);
        assert_eq!(refused.header("content-type"), Some("application/problem+json"));
        assert_eq!(refused.json()["field"], "topic");
        assert_eq!(client.metric("headwater_log_head"), head);
    }
    assert_eq!(client.topic("t").json()["finished"], "done");
    // Deleting it makes the name free again.
    drop(client.send(&Request::new("DELETE", "/v1/topics/t")).expect(204));
    let mut stream = client.events("topic=t");
    client.publish("t", "anew");
    assert_eq!(stream.next().data, "anew");
}

/// `final` with a streaming body ends the topic after its last event: an LLM answer in one request.
#[test]
fn a_streamed_body_may_end_its_topic() {
    let hub = LocalHub::start();
    let client = hub.client();
    for (media, body) in
        [("text/event-stream", "data: to\n\ndata: ken\n\n"), ("application/x-ndjson", "to\n".trim_end())]
    {
        let topic = format!("answer/{}", media.len());
        let mut stream = client.events(&format!("topic={topic}"));
        let target = format!("/v1/topics/{topic}?final=done");
        let answer = client.send(&Request::post_as(media, &target, body));
        match media {
            "text/event-stream" => {
                assert_eq!(answer.expect(201).ids().len(), 2);
                assert_eq!(stream.take_data(2), ["to", "ken"]);
                end(&mut stream, &topic, "done");
                assert_eq!(stream.next_or_end(), None);
            }
            // What is refused does not end it.
            _ => {
                drop(answer.expect(400));
                client.publish(&topic, "goes on");
                assert_eq!(stream.next().data, "goes on");
            }
        }
    }
}

#[test]
fn the_other_forms_end_too() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut lines = client.lines("topic=t");
    let cursor = lines.head.header("headwater-cursor").unwrap().to_owned();
    client.publish("t", "x");
    finish(client, "t", "done", "");
    assert_eq!(lines.next().data, "x");
    let last = lines.next();
    assert_eq!((last.event.as_str(), last.json()), ("headwater.end", json!({"reason": "done", "topic": "t"})));
    assert_eq!(lines.next_value(), None);

    let polled = client.poll(&format!("topic=t&wait=55&last_event_id={cursor}"));
    assert_eq!(polled["events"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&polled["events"][1]["event"], &polled["cursor"]),
        (&json!("headwater.end"), &Value::from(last.id.clone()))
    );
    for accept in ["application/json", "application/x-ndjson"] {
        let request = Request::get(&format!("/v1/events?topic=t&last_event_id={}", last.id)).header("Accept", accept);
        drop(client.send(&request).expect(204));
    }
}

/// The end is a record of the log: it is there after a kill.
#[test]
fn an_end_survives_a_kill() {
    let mut hub = Hub::start();
    let client = hub.client();
    let first = client.publish("t", "first");
    finish(client, "t", "cancelled", "");
    hub.kill();
    hub.restart();
    assert_eq!(client.topic("t").expect(200).json()["finished"], "cancelled");
    drop(client.send(&Request::post("/v1/topics/t", "more")).expect(409));
    let mut stream = client.resume("topic=t", &first);
    let last = end(&mut stream, "t", "cancelled");
    assert_eq!(stream.next_or_end(), None);
    let again = Request::get("/v1/events?topic=t").header("Last-Event-ID", &last);
    drop(client.send(&again).expect(204));
}
