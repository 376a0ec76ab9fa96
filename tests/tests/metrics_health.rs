//! Health, readiness, metrics and the hub's own topic.

use std::collections::{BTreeMap, BTreeSet};

use headwater_testkit::{Hub, LocalHub, Request, until};
use serde_json::json;

#[test]
fn health_and_readiness() {
    let hub = LocalHub::start();
    for (target, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = hub.client().get(target).expect(200);
        assert_eq!(answer.text(), body);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(hub.client().send(&Request::new("HEAD", target)).expect(200).body.is_empty());
    }
}

/// One family after the other, each described before its samples, counters called `_total`, and an end mark.
#[test]
fn metrics_are_well_formed() {
    let hub = LocalHub::start();
    let answer = hub.client().get("/metrics").expect(200);
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text; version=1.0.0"));
    let text = answer.text().strip_suffix("# EOF\n").expect("an end mark");
    let mut kinds = BTreeMap::new();
    let mut samples = BTreeSet::new();
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "TYPE", name, kind] => assert!(kinds.insert(name, kind).is_none(), "{line}"),
            ["#", "HELP", _, help] => assert!(!help.is_empty(), "{line}"),
            [sample, value] => {
                let value: f64 = value.parse().unwrap();
                assert!(value >= 0.0, "{line}");
                let name = sample.split('{').next().unwrap();
                match name.strip_suffix("_total") {
                    Some(family) => assert_eq!(kinds.get(family), Some(&"counter"), "{line}"),
                    None => assert_eq!(kinds.get(name), Some(&"gauge"), "{line}"),
                }
                assert!(name.starts_with("headwater_") && samples.insert(sample), "{line}");
            }
            _ => panic!("{line}"),
        }
    }
    assert!(samples.len() > 20, "{samples:?}");
}

/// BSG-05, OBS-01: opens, resumes, gaps and ends are counted, the ends with their reason.
#[test]
fn what_happens_is_counted() {
    let hub = LocalHub::start();
    let client = hub.client();
    let count = |name: &str| client.metric(&format!("headwater_{name}"));
    assert_eq!(count("sessions"), 0.0);

    let mut stream = client.events("topic=t");
    assert_eq!((count("sessions"), count("sessions_opened_total")), (1.0, 1.0));
    let id = client.publish("t", "x");
    client.publish("unread", "x");
    stream.next();
    assert_eq!((count("publishes_total"), count("events_stored_total")), (2.0, 2.0));
    until("the delivery to be counted", || (count("deliveries_total") == 1.0).then_some(()));
    assert!(count("sent_bytes_total") >= stream.raw().len() as f64);
    assert_eq!((count("log_head"), count("topics"), count("log_events")), (2.0, 2.0, 2.0));

    let resumed = client.resume("topic=t", &id);
    assert_eq!((count("sessions_resumed_total"), count("gaps_total")), (1.0, 0.0));
    // EVR-07: a gap is counted.
    let gap = client.resume("topic=t", "nonsense");
    assert_eq!((count("sessions_resumed_total"), count("gaps_total")), (2.0, 1.0));
    assert_eq!(count("sessions"), 3.0);
    drop((stream, resumed, gap));
    until("the sessions to be closed", || (count("sessions") == 0.0).then_some(()));
    let page = client.get("/metrics");
    let left = page.text().lines().find(|line| line.starts_with("headwater_sessions_closed_total{reason=\"client\"}"));
    assert_eq!(left.and_then(|line| line.rsplit_once(' ')).map(|(_, count)| count), Some("3"), "{}", page.text());
    assert_eq!(count("sessions_closed_total"), 3.0);

    let refused = count("requests_refused_total");
    drop(client.get("/v1/events").expect(400));
    drop(client.get("/nowhere").expect(404));
    assert_eq!(count("requests_refused_total"), refused + 2.0);
}

/// `$hub/stats` has an event a second while somebody reads it, and none while nobody does.
#[test]
fn the_hub_tells_about_itself_to_those_who_ask() {
    let hub = LocalHub::with("heartbeat = \"1s\"");
    let client = hub.client();
    client.publish("t", "x");
    let head = client.metric("headwater_log_head");
    // A heartbeat is due after a second without a byte: a clock for the hub's own second.
    let mut idle = client.events("topic=t");
    idle.until_raw(|text| text.matches("\n:\n").count() >= 2);
    assert_eq!(client.metric("headwater_log_head"), head);

    let mut stats = client.events("topic=$hub/stats");
    let first = stats.next();
    let said = first.json();
    assert_eq!((first.topic.as_str(), &said["sessions"], &said["publishes"]), ("$hub/stats", &json!(2), &json!(1)));
    for figure in ["uptime_s", "events", "deliveries", "bytes_out", "topics", "log_bytes", "log_events", "memory_bytes"]
    {
        assert!(said[figure].is_u64(), "{figure} in {said}");
    }
    assert!(said["closed"].is_object() && said["head"].is_string() && said["time"].is_string(), "{said}");
    client.publish("t", "y");
    stats.until(|event| event.json()["publishes"] == 2);
}

#[test]
fn a_hub_starts_and_starts_again_on_the_same_address() {
    let mut hub = Hub::start();
    let address = hub.address();
    hub.kill();
    hub.restart();
    assert_eq!(hub.address(), address);
    drop(hub.client().get("/readyz").expect(200));
    assert!(hub.terminate().success());
}
