//! What is tried again, and stored once all the same.

use std::net::TcpListener;
use std::time::Duration;

use headwater_client::{PublishError, Publisher, Reason, Retry, Stored};
use headwater_testkit::{Hub, LocalHub, StreamServer, until};
use tokio::task::JoinHandle;

use crate::support::{builder, data, events, in_time, losing_answers, numbers, publisher};

fn publish(publisher: &Publisher, text: &'static str) -> JoinHandle<Result<Stored, PublishError>> {
    let publisher = publisher.clone();
    tokio::spawn(async move { publisher.publish("a", text).await })
}

/// An answer that is lost makes no duplicate: the request is made again with the same idempotency keys.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_before_its_answer_was_lost_is_stored_once() {
    let hub = LocalHub::start();
    let relay = losing_answers(hub.address(), 3);
    let publisher = publisher(relay);
    let mut receipts = Vec::new();
    for n in 0..100 {
        receipts.push(publisher.enqueue("lost", n.to_string()).await.unwrap());
    }
    let mut ids = Vec::new();
    for receipt in receipts {
        ids.push(in_time("a receipt", receipt).await.unwrap().id);
    }
    let found = events(&hub.client(), "lost");
    assert_eq!(found.iter().map(|(id, _, _)| id.clone()).collect::<Vec<_>>(), ids);
    assert_eq!(data(&hub.client(), "lost"), numbers(100));
    assert!(hub.client().metric("headwater_duplicates_total") > 0.0);
}

/// A hub that is killed again and again has every event once and in order.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_killed_has_every_event_once() {
    const EVENTS: usize = 3_000;
    let mut hub = Hub::start();
    let publisher = builder(hub.address()).batch(20, 1 << 20).open().unwrap();
    let publishing = tokio::spawn({
        let publisher = publisher.clone();
        async move {
            let mut receipts = Vec::new();
            for n in 0..EVENTS {
                receipts.push(publisher.enqueue("kill", n.to_string()).await.unwrap());
            }
            for receipt in receipts {
                receipt.await.unwrap();
            }
        }
    });
    for part in 1..=3 {
        let count = EVENTS / 5 * part;
        until("a part of the events", || (data(&hub.client(), "kill").len() >= count).then_some(()));
        hub.kill();
        hub.restart();
    }
    in_time("everything to be stored", publishing).await.unwrap();
    assert_eq!(data(&hub.client(), "kill"), numbers(EVENTS));
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_waited_for_and_the_same_request_made_again() {
    let server = StreamServer::start();
    let publisher = Publisher::builder(server.url("/hub")).retry(Retry { first: Duration::ZERO, ..Retry::default() });
    let (tell, told) = std::sync::mpsc::channel();
    let publisher = publisher.on_retry(move |retrying| tell.send(retrying.clone()).unwrap());
    let publisher = publisher.header("X-Name", "value").open().unwrap();
    let publishing = publish(&publisher, "1");
    let first = server.attempt();
    let (began, request) = (first.arrived, first.request.clone());
    assert_eq!((&*request.method, &*request.target), ("POST", "/hub/v1/events"));
    assert_eq!(request.header("x-name"), Some("value"));
    let problem = r#"{"type":"urn:headwater:problem:rate","title":"Too many","detail":"Publish less."}"#;
    first.answer(429, &["Retry-After: 1", "Content-Type: application/problem+json"], problem);
    let second = server.attempt();
    let retrying = told.try_recv().unwrap();
    assert_eq!((&retrying.reason, retrying.failures), (&Reason::Refused(429), 1));
    assert!(retrying.delay >= Duration::from_secs(1), "{retrying:?}");
    assert_eq!(retrying.to_string(), "the server answered with the status 429: Publish less.");
    assert!(second.arrived - began >= Duration::from_secs(1));
    assert_eq!(second.request.body, request.body);
    second.answer(201, &["Content-Type: application/json"], r#"{"ids":["7-abcd"]}"#);
    assert_eq!(in_time("the publish", publishing).await.unwrap().unwrap().id, "7-abcd");
    server.expect_no_attempt();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_gives_up_in_time_and_says_what_became_of_the_last_attempt() {
    let server = StreamServer::start();
    let once = Retry { failures: Some(1), ..Retry::default() };
    let publisher = Publisher::builder(server.url("")).retry(once).open().unwrap();
    let publishing = publish(&publisher, "1");
    server.attempt().answer(502, &["Content-Type: text/html"], "<h1>Bad Gateway</h1>");
    let error = in_time("the error", publishing).await.unwrap().unwrap_err();
    let PublishError::Unavailable { attempts: 1, last: Reason::Refused(502), problem } = &error else {
        panic!("{error}")
    };
    assert_eq!(problem.to_string(), "<h1>Bad Gateway</h1>");
    assert!(error.to_string().contains("not the answer of a hub; check the address"), "{error}");

    let publishing = publish(&publisher, "2");
    server.attempt().reset();
    let error = in_time("the error", publishing).await.unwrap().unwrap_err();
    assert!(matches!(error, PublishError::Unavailable { last: Reason::Unreachable(_), .. }), "{error}");

    // Its connections are made, and nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let publisher = builder(silent.local_addr().unwrap())
        .connect_timeout(Duration::from_millis(50))
        .within(Duration::from_millis(200));
    let error = in_time("the error", publisher.open().unwrap().publish("a", "1")).await.unwrap_err();
    assert!(matches!(error, PublishError::Unavailable { attempts: 2.., last: Reason::Timeout, .. }), "{error}");
}
