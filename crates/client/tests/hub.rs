//! The client with a real hub.

use headwater_client::{Item, MemoryStore, State, Subscription};
use headwater_testkit::LocalHub;

async fn data(subscription: &mut Subscription) -> String {
    match subscription.next().await {
        Some(Ok(Item::Event(event))) => event.data,
        other => panic!("no event but {other:?}"),
    }
}

/// CLI-01, RUN-06: a subscription starts, restarts and starts again from its store without losing an event.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_goes_on_where_it_was() {
    let hub = LocalHub::start();
    let (base, publisher) = (format!("http://{}", hub.address()), hub.client());
    let store = MemoryStore::new();
    let open = || Subscription::hub(&base, ["a/*"]).since("earliest").store(store.clone()).open().unwrap();
    let mut subscription = open();
    for n in 0..3 {
        publisher.publish("a/b", n.to_string());
    }
    assert_eq!(data(&mut subscription).await, "0");
    assert_eq!(subscription.state(), State::Open);
    subscription.handle().restart();
    assert_eq!(data(&mut subscription).await, "1");
    // The event 1 is not handled yet.
    subscription.close().await;
    let mut subscription = open();
    assert_eq!(data(&mut subscription).await, "1");
    assert_eq!(data(&mut subscription).await, "2");
    subscription.acknowledge();
    subscription.close().await;
    publisher.publish("a/b", "3");
    assert_eq!(data(&mut open()).await, "3");
}

/// A handle ends a subscription in the middle of what it has received: the rest comes again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_handle_cuts_off_is_not_handled() {
    let hub = LocalHub::start();
    let (base, publisher) = (format!("http://{}", hub.address()), hub.client());
    let store = MemoryStore::new();
    let open = || Subscription::hub(&base, ["cut"]).since("earliest").store(store.clone()).open().unwrap();
    for n in 0..100 {
        publisher.publish("cut", n.to_string());
    }
    let mut subscription = open();
    for n in 0..3 {
        assert_eq!(data(&mut subscription).await, n.to_string());
    }
    subscription.handle().close();
    assert!(subscription.next().await.is_none());
    subscription.close().await;
    // Something to read also when the rest were gone.
    publisher.publish("cut", "100");
    assert_eq!(data(&mut open()).await, "3");
}
