//! What is bounded, and what closing ends.

use std::pin::pin;

use headwater_client::{PublishError, Publisher};
use headwater_testkit::StreamServer;
use serde_json::Value;

use crate::support::{in_time, is_waiting};

/// Answers a request as a hub does; the data of its events.
fn answer(server: &StreamServer) -> Vec<String> {
    let attempt = server.attempt();
    let events: Vec<Value> = serde_json::from_slice(&attempt.request.body).unwrap();
    let ids: Vec<String> = (1..=events.len()).map(|n| format!("{n}-abcd")).collect();
    attempt.answer(201, &["Content-Type: application/json"], &serde_json::json!({ "ids": ids }).to_string());
    events.iter().map(|event| event["data"].as_str().unwrap().to_owned()).collect()
}

/// Whoever publishes more than the queue holds waits, in order, until something is stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_makes_publishers_wait() {
    let server = StreamServer::start();
    let publisher = Publisher::builder(server.url("")).queue(3, 1 << 20).open().unwrap();
    let mut receipts = Vec::new();
    for n in 0..3 {
        receipts.push(in_time("room", publisher.enqueue("a", n.to_string())).await.unwrap());
    }
    let mut fourth = pin!(publisher.enqueue("a", "3"));
    let mut fifth = pin!(publisher.enqueue("a", "4"));
    assert!(is_waiting(fourth.as_mut()) && is_waiting(fifth.as_mut()));
    let mut sent = answer(&server);
    receipts.push(in_time("room", fourth).await.unwrap());
    while sent.len() < 4 {
        sent.extend(answer(&server));
    }
    receipts.push(in_time("room", fifth).await.unwrap());
    while sent.len() < 5 {
        sent.extend(answer(&server));
    }
    assert_eq!(sent, ["0", "1", "2", "3", "4"]);
    for receipt in receipts {
        in_time("a receipt", receipt).await.unwrap();
    }
}

/// Bytes count as well, and an event that is larger than the whole queue enters alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_event_has_the_queue_for_itself() {
    let server = StreamServer::start();
    let publisher = Publisher::builder(server.url("")).queue(100, 1_000).open().unwrap();
    let large = "x".repeat(5_000);
    let receipt = in_time("room", publisher.enqueue("a", &*large)).await.unwrap();
    let mut small = pin!(publisher.enqueue("a", "small"));
    assert!(is_waiting(small.as_mut()));
    assert_eq!(answer(&server), [large]);
    in_time("a receipt", receipt).await.unwrap();
    let small = in_time("room", small).await.unwrap();
    assert_eq!(answer(&server), ["small"]);
    in_time("a receipt", small).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_as_large_as_allowed() {
    let server = StreamServer::start();
    let publisher = Publisher::builder(server.url("")).batch(4, 1_000).open().unwrap();
    let first = publisher.enqueue("a", "first").await.unwrap();
    let attempt = server.attempt();
    let mut receipts = Vec::new();
    for data in ["1", "2", "3", "4", "5", &"x".repeat(600), &"y".repeat(600), &"z".repeat(2_000)] {
        receipts.push(publisher.enqueue("a", data).await.unwrap());
    }
    attempt.answer(201, &["Content-Type: application/json"], r#"{"ids":["1-abcd"]}"#);
    in_time("a receipt", first).await.unwrap();
    let sent: Vec<usize> = (0..4).map(|_| answer(&server).len()).collect();
    assert_eq!(sent, [4, 2, 1, 1]);
}

/// Closing ends what is under way and what waits, at once.
#[tokio::test(flavor = "multi_thread")]
async fn closing_in_the_middle_ends_everything() {
    let server = StreamServer::start();
    let publisher = Publisher::builder(server.url("")).queue(1, 1 << 20).open().unwrap();
    let sent = publisher.enqueue("a", "sent").await.unwrap();
    let attempt = server.attempt();
    let waiting = tokio::spawn({
        let publisher = publisher.clone();
        async move { publisher.publish("a", "waits for room").await }
    });
    let mut stream = publisher.stream("s");
    stream.send("1").await.unwrap();
    publisher.close();
    assert!(matches!(in_time("the end", sent).await, Err(PublishError::Closed)));
    assert!(matches!(in_time("the end", waiting).await.unwrap(), Err(PublishError::Closed)));
    assert!(matches!(in_time("the end", stream.finish()).await, Err(PublishError::Closed)));
    assert!(matches!(in_time("the end", publisher.publish("a", "late")).await, Err(PublishError::Closed)));
    in_time("a flush", publisher.flush()).await;
    attempt.until_left();
    server.expect_no_attempt();
}
