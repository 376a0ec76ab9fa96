//! The same clients at a real hub.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use headwater_testkit::load::{History, MARKER, Publisher};
use headwater_testkit::{Hub, Issuer, Request, Signal, StreamServer, TestService, until};
use serde_json::{Value, json};

use crate::services::{closed, quick, quick_with};

scenarios!(
    what_retention_took_is_told_as_a_gap,
    an_id_of_another_log_is_told_as_a_gap,
    a_drained_hub_is_waited_for_and_resumed,
    an_expiring_session_is_renewed,
    a_finished_topic_finishes_the_client,
    every_event_comes_once_however_often_the_hub_is_killed,
);

fn url(hub: &Hub, query: &str) -> String {
    format!("http://{}/v1/events?{query}", hub.address())
}

fn what_retention_took_is_told_as_a_gap(service: &TestService) {
    let hub = Hub::builder().config("[[class]]\ntopics = [\"**\"]\nretention = { events = 5 }\n").start();
    let ids: Vec<String> = (0..20).map(|n| hub.client().publish("a", n.to_string())).collect();
    let mut client = service.subscribe(&url(&hub, "topic=a"), quick_with(json!({ "lastEventId": ids[0] })));
    let gap = client.of_kind("gap");
    assert_eq!((&gap["reason"], &gap["requested"]), (&json!("retention"), &json!(ids[0])), "{gap}");
    let kept: Vec<String> = (15..20).map(|n| n.to_string()).collect();
    client.expect_data(&kept.iter().map(String::as_str).collect::<Vec<_>>());
}

fn an_id_of_another_log_is_told_as_a_gap(service: &TestService) {
    let hub = Hub::start();
    for (cursor, reason) in [("1-abcdef01", "epoch"), ("an id of another server", "unknown")] {
        let mut client = service.subscribe(&url(&hub, "topic=a"), quick_with(json!({ "lastEventId": cursor })));
        let gap = client.of_kind("gap");
        assert_eq!((&gap["reason"], &gap["requested"]), (&json!(reason), &json!(cursor)), "{gap}");
        hub.client().publish("a", reason);
        while client.event()["data"] != reason {}
    }
}

fn a_drained_hub_is_waited_for_and_resumed(service: &TestService) {
    let mut hub = Hub::builder().config("retry = \"100ms\"").start();
    let mut client = service.subscribe(&url(&hub, "topic=a"), json!({ "initialDelayMs": 50, "maxDelayMs": 50 }));
    client.until_state("open");
    hub.client().publish("a", "before");
    client.expect_data(&["before"]);
    hub.signal(Signal::TERM);
    let closing = client.of_kind("closing");
    assert_eq!(closing["reason"], "drain");
    let waiting = client.until_state("waiting");
    assert_eq!(waiting["reason"], "closing");
    assert!(waiting["delay_ms"].as_f64() >= closing["reconnect_ms"].as_f64(), "{waiting} {closing}");
    hub.wait();
    hub.restart();
    hub.client().publish("a", "after");
    client.expect_data(&["after"]);
}

// SEC-07
fn an_expiring_session_is_renewed(service: &TestService) {
    let hub = Hub::builder().config(&Issuer::config()).start();
    let hook = StreamServer::start();
    let end = Issuer::now() + 4;
    let options = quick_with(json!({ "token": Issuer::token(&json!({ "exp": end })), "refreshUrl": hook.url("/") }));
    let mut client = service.subscribe(&url(&hub, "topic=a"), options);
    client.of_kind("expiring");
    hook.attempt().answer_json(&json!({ "token": Issuer::token(&json!({})) }));
    until("the first token to end", || (Issuer::now() > end + 1).then_some(()));
    drop(hub.client().send(&Request::post("/v1/topics/a", "still here").bearer(&Issuer::admin())).expect(201));
    client.expect_data(&["still here"]);
    let states: Vec<Value> = client.states().iter().map(|state| state["name"].clone()).collect();
    assert_eq!(states, ["connecting", "open"]);
}

fn a_finished_topic_finishes_the_client(service: &TestService) {
    let hub = Hub::start();
    hub.client().publish("job", "half");
    drop(hub.client().send(&Request::post("/v1/topics/job?final=done", "whole")).expect(201));
    let mut client = service.subscribe(&url(&hub, "topic=job&since=earliest"), quick());
    client.expect_data(&["half", "whole"]);
    assert_eq!(client.of_kind("end"), json!({ "reason": "done", "topic": "job" }));
    assert_eq!(closed(&mut client).0, "finished");
    client.expect_no_item();
}

/// How often the hub is killed.
const KILLS: usize = 5;

fn every_event_comes_once_however_often_the_hub_is_killed(service: &TestService) {
    let mut hub = Hub::builder().config("retry = \"100ms\"").start();
    let address = hub.address();
    let options = json!({ "initialDelayMs": 20, "maxDelayMs": 100 });
    let mut client = service.subscribe(&url(&hub, "topic=**&since=earliest"), options);
    client.until_state("open");
    let stop = AtomicBool::new(false);
    let batches = thread::scope(|scope| {
        let publisher = scope.spawn(|| Publisher::new(0, address, fastrand::Rng::with_seed(3)).run(200.0, &stop));
        for _ in 0..KILLS {
            let read = Instant::now();
            until("some events", || (read.elapsed() > Duration::from_millis(300)).then_some(()));
            hub.restart();
            // However slow the machine is: each of them ends a stream.
            client.until_state("open");
        }
        stop.store(true, Ordering::Relaxed);
        publisher.join().unwrap()
    });
    let history = History::close(address, batches);
    history.check();
    let mut got: Vec<Value> = Vec::new();
    loop {
        let event = client.event();
        if event["topic"] == MARKER {
            break;
        }
        got.push(json!([event["id"], event["topic"], event["data"]]));
    }
    let expected: Vec<Value> = history.log.iter().map(|event| json!([event.id, event.topic, event.data])).collect();
    assert!(got == expected, "{} events of {}", got.len(), expected.len());
    // How many there are in the time depends on the machine.
    assert!(expected.len() > KILLS, "only {} events were published", expected.len());
    let waits = client.states().iter().filter(|state| state["name"] == "waiting").count();
    assert!(waits >= KILLS, "the hub was killed {KILLS} times, and the client saw {waits} of them");
}
