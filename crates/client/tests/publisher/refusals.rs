//! What a hub refuses, and whom that concerns.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater_client::{Cause, Final, PublishError};
use headwater_testkit::{Issuer, LocalHub, StreamServer};
use serde_json::json;

use crate::support::{builder, data, in_time, publisher};

/// Of events that share a request only those at fault fail, whatever the fault is.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_refused_takes_no_other_with_it() {
    let hub = LocalHub::start();
    let publisher = publisher(hub.address());
    publisher.finish("finished", Final::Done).await.unwrap();
    let large = "x".repeat(300 * 1024);
    let given = [
        ("x", "0"),
        ("x//y", "1"),
        ("x", "2"),
        ("finished", "3"),
        ("x", "4"),
        ("x", &large),
        ("$hub/x", "6"),
        ("x", "7"),
    ];
    let mut receipts = Vec::new();
    for (topic, data) in given {
        receipts.push(publisher.enqueue(topic, data).await.unwrap());
    }
    let mut outcomes = Vec::new();
    for receipt in receipts {
        outcomes.push(match in_time("a receipt", receipt).await {
            Ok(_) => None,
            Err(
                PublishError::Refused { topic, status, index: None, .. }
                | PublishError::Unauthorized { topic, status, .. },
            ) => Some((topic.unwrap(), status)),
            Err(other) => panic!("{other}"),
        });
    }
    let refused = |topic: &str, status| Some((topic.to_owned(), status));
    assert_eq!(
        outcomes,
        [
            None,
            refused("x//y", 400),
            None,
            refused("finished", 409),
            None,
            refused("x", 413),
            refused("$hub/x", 403),
            None
        ]
    );
    assert_eq!(data(&hub.client(), "x"), ["0", "2", "4", "7"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_events_that_belong_together_the_one_at_fault_is_named() {
    let hub = LocalHub::start();
    let publisher = publisher(hub.address());
    let error = publisher.publish_all([("a", "1"), ("b//c", "2")]).await.unwrap_err();
    let PublishError::Refused { topic, index, status, problem } = &error else { panic!("{error}") };
    assert_eq!((topic.as_deref(), *index, *status), (Some("b//c"), Some(1), 400));
    assert_eq!(problem.field.as_deref(), Some("[1].topic"));
    assert!(
        error.to_string().starts_with("the event 1, for the topic \"b//c\", was refused with the status 400: "),
        "{error}"
    );
    assert_eq!(hub.client().topic("a").status(), 404);
}

/// A token that the hub refuses is replaced by the hook's, once for all requests that have it.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_replaced() {
    let hub = LocalHub::with(&Issuer::config());
    let causes = Arc::new(Mutex::new(Vec::new()));
    let seen = causes.clone();
    let publisher = builder(hub.address())
        .header("Host", "hub.example")
        .token(Issuer::token(&json!({ "exp": Issuer::now() - 3600, "headwater": { "publish": ["**"] } })))
        .refresh(move |cause| {
            seen.lock().unwrap().push(cause);
            async { Ok::<_, std::io::Error>(Issuer::admin()) }
        })
        .open()
        .unwrap();
    let mut stream = publisher.stream("s");
    stream.send("1").await.unwrap();
    let (published, streamed) = tokio::join!(publisher.publish("a", "1"), stream.finish());
    published.unwrap();
    assert_eq!(streamed.unwrap().ids.len(), 1);
    let causes = std::mem::take(&mut *causes.lock().unwrap());
    assert_eq!(causes.len(), 1, "{causes:?}");
    assert!(
        matches!(&causes[0], Cause::Refused { status: 401, reason: Some(reason) } if reason == "expired"),
        "{causes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_after_a_refresh_is_an_error() {
    let hub = LocalHub::with(&Issuer::config());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let poor = || Issuer::token(&json!({ "headwater": { "publish": ["mine"] } }));
    let with = || builder(hub.address()).header("Host", "hub.example").token(poor());
    let publisher = with()
        .refresh(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            let token = poor();
            async { Ok::<_, std::io::Error>(token) }
        })
        .open()
        .unwrap();
    let error = publisher.publish("yours", "1").await.unwrap_err();
    let PublishError::Unauthorized { topic, status: 403, hook: None, .. } = &error else { panic!("{error}") };
    assert_eq!((topic.as_deref(), asked.load(Ordering::SeqCst)), (Some("yours"), 1));
    publisher.publish("mine", "1").await.unwrap();

    // Whoever gives out tokens may be down for a while.
    let asked = Arc::new(AtomicUsize::new(0));
    let later = with().refresh(move |_| {
        let is_down = asked.fetch_add(1, Ordering::SeqCst) < 2;
        async move { if is_down { Err("no identity provider") } else { Ok(Issuer::admin()) } }
    });
    in_time("the publish", later.open().unwrap().publish("yours", "1")).await.unwrap();
    let failing =
        with().within(Duration::from_millis(100)).refresh(|_| async { Err::<String, _>("no identity provider") });
    let error = in_time("the error", failing.open().unwrap().publish("yours", "1")).await.unwrap_err();
    assert!(error.to_string().ends_with("the refresh hook failed: no identity provider"), "{error}");
    let without = with().open().unwrap();
    let error = without.publish("yours", "1").await.unwrap_err();
    assert!(matches!(error, PublishError::Unauthorized { status: 403, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_hub_is_told_apart() {
    let server = StreamServer::start();
    let publisher = headwater_client::Publisher::builder(server.url("/")).open().unwrap();
    for (fields, body, why) in [
        (&["Content-Type: text/html"][..], "<h1>Hello</h1>", "it is text/html"),
        (&["Content-Type: application/json"], "[1]", "invalid type"),
        (&["Content-Type: application/json"], "{\"ids\":[]}", "it names 0 ids for 1 events"),
        (
            &["Content-Type: application/json"],
            "{\"id\":\"1\\u001b[31m-abcd\"}",
            "\"1\\u{1b}[31m-abcd\" is no id of an event",
        ),
    ] {
        let publishing = tokio::spawn({
            let publisher = publisher.clone();
            async move { publisher.publish("a", "1").await }
        });
        server.attempt().answer(200, fields, body);
        let error = in_time("the error", publishing).await.unwrap().unwrap_err();
        assert!(matches!(&error, PublishError::Unexpected { status: 200, .. }), "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
}
