//! What is stored, and in what order.

use headwater_client::{Final, NewEvent, PublishError};
use headwater_testkit::{LocalHub, until};
use serde_json::json;

use crate::support::{data, events, in_time, numbers, publisher};

/// RUN-06: an event arrives with all it has, and its publisher is told its id.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_stored_with_all_it_has() {
    let hub = LocalHub::start();
    let publisher = publisher(hub.address());
    let event = NewEvent::json(&json!({"total": 12})).unwrap().event_type("order.paid").key("42");
    let stored = publisher.publish("orders/zürich 1", event).await.unwrap();
    let answer = hub.client().poll("topic=orders/z%C3%BCrich%201&since=earliest&wait=0");
    let found = &answer["events"][0];
    assert_eq!(found["id"], stored.id);
    assert_eq!((&found["event"], &found["key"]), (&json!("order.paid"), &json!("42")));
    assert_eq!(found["data"], r#"{"total":12}"#);
    // The same key of the application's means the same event.
    let repeated = || NewEvent::new("once").idempotency_key("k");
    let first = publisher.publish("once", repeated()).await.unwrap();
    assert_eq!(publisher.publish("once", repeated()).await.unwrap(), first);
    assert_eq!(data(&hub.client(), "once"), ["once"]);
}

/// What is handed over while a request is under way shares the next one; the order of each topic is kept.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_shares_requests_and_keeps_its_order() {
    const EVENTS: usize = 6_000;
    let hub = LocalHub::start();
    let publisher = publisher(hub.address());
    let mut receipts = Vec::new();
    for n in 0..EVENTS {
        receipts.push(publisher.enqueue(format!("burst/{}", n % 3), (n / 3).to_string()).await.unwrap());
    }
    let mut ids = Vec::new();
    for receipt in receipts {
        ids.push(in_time("a receipt", receipt).await.unwrap().id);
    }
    for topic in 0..3 {
        let found = events(&hub.client(), &format!("burst/{topic}"));
        assert_eq!(
            found.iter().map(|(_, _, data)| data).collect::<Vec<_>>(),
            numbers(EVENTS / 3).iter().collect::<Vec<_>>()
        );
        let expected: Vec<_> = ids.iter().skip(topic).step_by(3).collect();
        assert_eq!(found.iter().map(|(id, _, _)| id).collect::<Vec<_>>(), expected);
    }
    let requests = hub.client().metric("headwater_publishes_total");
    assert!(requests < EVENTS as f64 / 10.0, "{requests} requests for {EVENTS} events");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_events_are_stored_as_one() {
    let hub = LocalHub::start();
    let publisher = publisher(hub.address());
    let stored = publisher.publish_all([("a", "1"), ("b", "2"), ("a", "3")]).await.unwrap();
    let ids: Vec<_> = stored.into_iter().map(|stored| stored.id).collect();
    let found = events(&hub.client(), "*");
    assert_eq!(found.iter().map(|(id, _, _)| id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(publisher.publish_all(Vec::<(String, NewEvent)>::new()).await.unwrap(), []);
}

/// A topic ends after what was handed over before.
#[tokio::test(flavor = "multi_thread")]
async fn a_topic_ends_after_its_events() {
    let hub = LocalHub::start();
    let publisher = publisher(hub.address());
    for n in 0..100 {
        drop(publisher.enqueue("job/1", n.to_string()).await.unwrap());
    }
    publisher.finish("job/1", Final::Cancelled).await.unwrap();
    let mut found = data(&hub.client(), "job/1");
    assert_eq!(found.pop().as_deref(), Some(r#"{"reason":"cancelled","topic":"job/1"}"#));
    assert_eq!(found, numbers(100));
    let error = publisher.publish("job/1", "late").await.unwrap_err();
    assert!(
        matches!(&error, PublishError::Refused { topic: Some(topic), status: 409, .. } if topic == "job/1"),
        "{error}"
    );
}

/// Flushing waits for everything before it; a publisher that is dropped still sends what it was given.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_over_is_stored_without_being_waited_for() {
    let hub = LocalHub::start();
    let publisher = publisher(hub.address());
    for n in 0..1_000 {
        drop(publisher.enqueue("flush", n.to_string()).await.unwrap());
    }
    in_time("a flush", publisher.flush()).await;
    assert_eq!(data(&hub.client(), "flush"), numbers(1_000));
    for n in 0..1_000 {
        drop(publisher.enqueue("drop", n.to_string()).await.unwrap());
    }
    drop(publisher);
    until("the rest", || (data(&hub.client(), "drop").len() == 1_000).then_some(()));
}
