//! One request whose events are stored as they come.

use std::io::Read as _;
use std::net::TcpListener;
use std::time::Duration;

use headwater_client::{Final, NewEvent, PublishError};
use headwater_testkit::{Hub, Issuer, LocalHub, until};
use serde_json::json;

use crate::support::{builder, data, events, in_time, losing_answers, numbers, publisher};

/// Events can be read while the stream goes on, and the topic ends with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_stored_as_it_comes_and_ends_its_topic() {
    let hub = LocalHub::start();
    let reader = hub.client();
    let mut stream = publisher(hub.address()).stream("chat/7").event_type("token").key("k");
    stream.send("Hel").await.unwrap();
    until("the first token", || (data(&reader, "chat/7") == ["Hel"]).then_some(()));
    stream.send("lo\nworld").await.unwrap();
    stream.send_event("usage", r#"{"tokens":2}"#).await.unwrap();
    let error = stream.send_event("two\nlines", "x").await.unwrap_err();
    assert!(matches!(error, PublishError::Invalid { what: "event type", .. }), "{error}");
    let stored = in_time("the end", stream.finish_topic(Final::Done)).await.unwrap();
    let found = events(&reader, "chat/7");
    assert_eq!(found.iter().map(|(id, _, _)| id.clone()).collect::<Vec<_>>()[..3], stored.ids);
    let found: Vec<_> = found.iter().map(|(_, event, data)| (&**event, &**data)).collect();
    assert_eq!(
        found,
        [
            ("token", "Hel"),
            ("token", "lo\nworld"),
            ("usage", r#"{"tokens":2}"#),
            ("headwater.end", r#"{"reason":"done","topic":"chat/7"}"#),
        ]
    );
}

/// A stream whose hub is killed halfway, and one whose answer is lost, are stored once and whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_is_sent_again() {
    let mut hub = Hub::start();
    let mut stream = publisher(hub.address()).stream("chat/8");
    for n in 0..200 {
        if n == 100 {
            until("half of it", || (data(&hub.client(), "chat/8").len() == 100).then_some(()));
            hub.kill();
            hub.restart();
        }
        in_time("room", stream.send(n.to_string())).await.unwrap();
    }
    let stored = in_time("the end", stream.finish()).await.unwrap();
    assert_eq!((stored.ids.len(), stored.omitted), (200, 0));
    assert_eq!(data(&hub.client(), "chat/8"), numbers(200));

    let mut stream = publisher(losing_answers(hub.address(), 2)).stream("chat/9");
    stream.send("once").await.unwrap();
    let stored = in_time("the end", stream.finish_topic(Final::Done)).await.unwrap();
    assert_eq!(stored.ids.len(), 1);
    assert_eq!(data(&hub.client(), "chat/9"), ["once", r#"{"reason":"done","topic":"chat/9"}"#]);
}

/// A stream that is refused says what of it is stored.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_before_a_refusal_is_told() {
    let hub = LocalHub::with("[[class]]\ntopics = [\"small\"]\nmax_event = \"1KiB\"");
    let reader = hub.client();
    let publisher = publisher(hub.address());
    let mut stream = publisher.stream("small");
    stream.send("1").await.unwrap();
    stream.send("2").await.unwrap();
    until("both", || (data(&reader, "small").len() == 2).then_some(()));
    stream.send("x".repeat(2_000)).await.unwrap();
    let error = in_time("the refusal", async {
        loop {
            if let Err(error) = stream.send("3").await {
                return error;
            }
            tokio::task::yield_now().await;
        }
    });
    let error = error.await;
    assert!(
        matches!(&error, PublishError::Refused { topic: Some(topic), status: 413, .. } if topic == "small"),
        "{error}"
    );
    let found = events(&reader, "small");
    assert_eq!(found.iter().map(|(id, _, _)| id).collect::<Vec<_>>(), error.stored().iter().collect::<Vec<_>>());
    assert_eq!(found.len(), 2);
    // It stays what it was.
    let again = stream.finish_topic(Final::Done).await.unwrap_err();
    assert_eq!(again.to_string(), error.to_string());

    publisher.finish("over", Final::Done).await.unwrap();
    let mut stream = publisher.stream("over");
    stream.send("late").await.unwrap();
    let error = in_time("the refusal", stream.finish()).await.unwrap_err();
    assert!(matches!(&error, PublishError::Refused { status: 409, .. }) && error.stored().is_empty(), "{error}");
    let error = publisher.stream("a/../b").send("x").await.unwrap_err();
    assert!(matches!(error, PublishError::Invalid { what: "topic", .. }), "{error}");
}

/// A stream without a right is refused; the hook's token is used for the whole of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_sent_again_with_another_token() {
    let hub = LocalHub::with(&Issuer::config());
    let publisher = builder(hub.address())
        .header("Host", "hub.example")
        .token(Issuer::token(&json!({ "headwater": { "publish": ["other"] } })))
        .refresh(|_| async { Ok::<_, std::io::Error>(Issuer::admin()) })
        .open()
        .unwrap();
    let mut stream = publisher.stream("public/s");
    for n in 0..50 {
        in_time("room", stream.send(n.to_string())).await.unwrap();
    }
    assert_eq!(in_time("the end", stream.finish()).await.unwrap().ids.len(), 50);
}

/// A stream that is too long to be kept, and breaks, fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_stream_that_breaks_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let (mut left, mut room) = (2 << 20, vec![0; 1 << 16]);
        while left > 0 {
            left -= client.read(&mut room).unwrap().min(left);
        }
    });
    let mut stream = publisher(address).stream("long");
    let error = in_time("the error", async {
        loop {
            if let Err(error) = stream.send("x".repeat(10_000)).await {
                return error;
            }
        }
    });
    let error = error.await;
    assert!(matches!(&error, PublishError::NotReplayable { topic, .. } if topic == "long"), "{error}");
    server.join().unwrap();
}

/// Whoever sends faster than the hub takes waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_does_not_read_slows_a_stream_down() {
    // The system takes the connection, and nobody reads from it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = publisher(listener.local_addr().unwrap()).stream("slow");
    let mut sent = 0;
    let block = "x".repeat(64 * 1024);
    while let Ok(sending) = tokio::time::timeout(Duration::from_millis(500), stream.send(&block)).await {
        sending.unwrap();
        sent += block.len();
        assert!(sent < 64 << 20, "{sent} bytes were taken by nobody");
    }
}

/// A stream that is dropped breaks off: what came is there, and its topic goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_dropped_does_not_end_its_topic() {
    let hub = LocalHub::start();
    let reader = hub.client();
    let publisher = publisher(hub.address());
    let mut stream = publisher.stream("dropped");
    stream.send("1").await.unwrap();
    until("the event", || (data(&reader, "dropped").len() == 1).then_some(()));
    drop(stream);
    publisher.publish("dropped", NewEvent::new("2")).await.unwrap();
    assert_eq!(data(&reader, "dropped"), ["1", "2"]);
    // One that never sends makes no request.
    drop(publisher.stream("never"));
    assert_eq!(reader.topic("never").status(), 404);
}
