//! The clients under test, and what the scenarios share.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use headwater_testkit::{Attempt, StreamServer, Subscriber, TestService, built};
use serde_json::{Value, json};

/// The Rust client's service, one for all tests of this process: it ends when its standard input does.
pub(crate) fn rust() -> &'static TestService {
    static SERVICE: OnceLock<TestService> = OnceLock::new();
    let name = "headwater-client-service";
    SERVICE.get_or_init(|| TestService::start(built(name, name), &[]))
}

/// The service of the client for browsers and Node, in Node.
pub(crate) fn js() -> &'static TestService {
    static SERVICE: OnceLock<TestService> = OnceLock::new();
    SERVICE.get_or_init(|| {
        TestService::start("node", &[concat!(env!("CARGO_MANIFEST_DIR"), "/client-service/js/service.js")])
    })
}

/// The service of the client for Python, in Python.
pub(crate) fn python() -> &'static TestService {
    static SERVICE: OnceLock<TestService> = OnceLock::new();
    SERVICE.get_or_init(|| {
        TestService::start(
            headwater_testkit::python(),
            &[concat!(env!("CARGO_MANIFEST_DIR"), "/client-service/python/service.py")],
        )
    })
}

/// Options of a client that loses no time: it waits for nothing but what the server asks for.
pub(crate) fn quick() -> Value {
    json!({ "initialDelayMs": 0 })
}

/// These options on top of those of [`quick`].
pub(crate) fn quick_with(more: Value) -> Value {
    with(quick(), more)
}

/// Options on top of others.
pub(crate) fn with(mut options: Value, more: Value) -> Value {
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    options
}

/// A name that no other test has for a store.
pub(crate) fn store() -> String {
    static USED: AtomicUsize = AtomicUsize::new(0);
    format!("store {}", USED.fetch_add(1, Ordering::Relaxed))
}

/// A client with these options that has got the events 1 and 2, and where it has them from.
#[track_caller]
pub(crate) fn after_two(service: &TestService, server: &StreamServer, options: &Value) -> (Subscriber, Attempt) {
    let mut client = service.subscribe(&server.url("/"), options.clone());
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write(event(1) + &event(2));
    client.expect_data(&["1", "2"]);
    (client, attempt)
}

/// The delay of a waiting state, in milliseconds.
#[track_caller]
pub(crate) fn delay_ms(waiting: &Value) -> f64 {
    waiting["delay_ms"].as_f64().unwrap_or_else(|| panic!("no delay: {waiting}"))
}

/// Waits for the end of a client: the reason of its closed state and, where it is an error, its message.
#[track_caller]
pub(crate) fn closed(client: &mut Subscriber) -> (String, Option<String>) {
    let state = client.until_state("closed");
    let reason = state["reason"].as_str().unwrap().to_owned();
    if reason == "finished" {
        return (reason, None);
    }
    let error = client.item();
    assert_eq!((&error["kind"], &error["error"]), (&json!("error"), &json!(reason)), "{error}");
    (reason, Some(error["comment"].as_str().unwrap().to_owned()))
}

/// A block with this id, and the id as its data.
pub(crate) fn event(id: impl std::fmt::Display) -> String {
    format!("id: {id}\ndata: {id}\n\n")
}
