//! What goes along to where a server sends a client.

use headwater_client::{Item, Publisher, Subscription};
use headwater_testkit::{Attempt, PATIENCE, StreamServer};

/// Sends a client to another path, to another origin, and back; its last request.
fn send_around(own: &StreamServer, other: &StreamServer) -> Attempt {
    for status in [307, 308] {
        let attempt = own.attempt();
        assert_eq!(attempt.request.header("x-api-key"), Some("secret"));
        assert_eq!(attempt.request.header("authorization"), Some("Bearer secret"));
        let elsewhere = if status == 307 { "here".into() } else { other.url("/away") };
        attempt.answer(status, &[&format!("Location: {elsewhere}")], "");
    }
    let attempt = other.attempt();
    assert!(!format!("{:?}", attempt.request).contains("secret"), "{:?}", attempt.request);
    attempt.answer(307, &[&format!("Location: {}", own.url("/back"))], "");
    let attempt = own.attempt();
    assert_eq!(attempt.request.target, "/back");
    // Whoever sent it back may have chosen what it says.
    assert!(!format!("{:?}", attempt.request).contains("secret"), "{:?}", attempt.request);
    attempt
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_of_a_subscription_goes_to_another_origin() {
    let (own, other) = (StreamServer::start(), StreamServer::start());
    let builder = Subscription::builder(own.url("/")).header("X-Api-Key", "secret").token("secret");
    let mut subscription = builder.last_event_id("7").open().unwrap();
    let reading = tokio::spawn(async move { tokio::time::timeout(PATIENCE, subscription.next()).await.unwrap() });
    let mut attempt = send_around(&own, &other);
    assert_eq!(attempt.cursor(), Some("7"));
    assert_eq!(attempt.request.header("accept"), Some("text/event-stream"));
    attempt.open();
    attempt.write("data: x\n\n");
    assert!(matches!(reading.await.unwrap(), Some(Ok(Item::Event(event))) if event.data == "x"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_header_of_a_publisher_goes_to_another_origin() {
    let (own, other) = (StreamServer::start(), StreamServer::start());
    let publisher = Publisher::builder(own.url("/")).header("X-Api-Key", "secret").token("secret").open().unwrap();
    let publishing = tokio::spawn(async move { publisher.publish("a", "x").await });
    let attempt = send_around(&own, &other);
    assert_eq!(attempt.request.method, "POST");
    assert!(attempt.request.body.starts_with(b"[{\"topic\":\"a\""));
    attempt.answer(201, &["Content-Type: application/json"], r#"{"ids":["1-abcd"]}"#);
    let stored = tokio::time::timeout(PATIENCE, publishing).await.unwrap().unwrap();
    assert_eq!(stored.unwrap().id, "1-abcd");
}
