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
                let (family, kind) = match name.rsplit_once('_') {
                    Some((family, "total")) => (family, "counter"),
                    Some((family, "sum" | "count" | "bucket")) => (family, "histogram"),
                    _ => (name, "gauge"),
                };
                assert_eq!(kinds.get(family), Some(&kind), "{line}");
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
    for figure in ["connections", "connections_limit", "sessions_limit", "opened", "tail_bytes", "descriptors_limit"] {
        assert!(said[figure].is_u64(), "{figure} in {said}");
    }
    assert!(said["closed"].is_object() && said["head"].is_string() && said["time"].is_string(), "{said}");
    client.publish("t", "y");
    stats.until(|event| event.json()["publishes"] == 2);
}

/// OBS-01: publish-to-write latency, each second by itself and as a histogram since the start; descriptors.
#[test]
fn latency_is_measured_from_the_log_to_the_reader() {
    let hub = LocalHub::start();
    let client = hub.client();
    let mut stats = client.events("topic=$hub/stats");
    let mut reader = client.events("topic=t");
    client.publish("t", "x");
    reader.next();
    let seen = stats.until(|event| event.json()["latency"]["count"].as_u64() > Some(0)).pop().unwrap().json();
    let latency = &seen["latency"];
    let [half, most] = ["p50_ms", "max_ms"].map(|name| latency[name].as_f64().unwrap());
    assert!(half <= most && most < 60_000.0, "{latency}");
    let count = client.metric("headwater_delivery_latency_seconds_count");
    assert!(count >= 1.0);
    let page = client.get("/metrics");
    let all = "headwater_delivery_latency_seconds_bucket{le=\"+Inf\"} ";
    assert!(
        page.text().lines().any(|line| line.strip_prefix(all).is_some_and(|all| all.parse::<f64>().unwrap() >= count))
    );
    let descriptors = client.metric("headwater_descriptors");
    assert_eq!(descriptors > 0.0, seen["descriptors"].is_u64());
}

/// The sessions counted by lag, the slowest of them, and those that the hub ended, with the reason.
#[test]
fn the_hub_tells_who_is_behind_and_whom_it_ended() {
    let hub = LocalHub::with("shards = 2");
    let client = hub.client();
    let mut told = client.events("topic=$hub/sessions");
    let many: Vec<_> = (0..20).map(|_| client.events("topic=t")).collect();
    let paced = client.events("topic=slow/1&topic=slow/2&topic=slow/3&topic=slow/4&max_rate=0.01");
    (0..3).for_each(|_| drop(client.publish("slow/1", "x")));
    let seen = told.until(|event| event.json()["limited"] == 1 && event.json()["sessions"] == 22).pop().unwrap().json();
    let lag = seen["lag"].as_array().unwrap();
    assert_eq!((&lag[0]["below_s"], lag[lag.len() - 1]["below_s"].is_null()), (&json!(0.0), true));
    assert_eq!(lag.iter().map(|step| step["sessions"].as_u64().unwrap()).sum::<u64>(), 22);
    let slow = seen["slowest"].as_array().unwrap().iter().find(|session| session["state"] == "limited").unwrap();
    assert_eq!((&slow["topics"].as_array().unwrap().len(), &slow["omitted_topics"]), (&3, &json!(1)));
    assert!(slow["behind_seconds"].as_f64().is_some() && slow["address"] == "127.0.0.1");

    let name = slow["session"].as_str().unwrap();
    assert_eq!(client.send(&Request::new("DELETE", &format!("/v1/admin/sessions/{name}"))).status(), 204);
    let ended = told
        .until(|event| event.json()["ended"].as_array().is_some_and(|ended| !ended.is_empty()))
        .pop()
        .unwrap()
        .json();
    let ended = &ended["ended"][0];
    assert_eq!((ended["session"].as_str(), ended["reason"].as_str()), (Some(name), Some("admin")));
    assert!(ended["ended_at"].as_str().unwrap().ends_with('Z'));
    drop((many, paced));
    until("those that left to be counted no more", || (told.next().json()["sessions"] == 1).then_some(()));
}

/// What the log holds, by class, the hub's own topics among them.
#[test]
fn the_hub_tells_what_its_log_holds_by_class() {
    let config =
        "[[class]]\ntopics = [\"brief/**\"]\ndurability = \"memory\"\nretention = { age = \"1h\", events = 5 }\n";
    let hub = LocalHub::with(config);
    let client = hub.client();
    (0..9).for_each(|n| drop(client.publish("brief/1", n.to_string())));
    client.publish("orders/1", "12345");
    let seen = client.events("topic=$hub/log").next().json();
    assert_eq!((&seen["health"], &seen["complete"]), (&json!("ready"), &json!(true)));
    let classes = seen["classes"].as_array().unwrap();
    let of = |pattern: &str| classes.iter().find(|class| class["patterns"][0] == pattern).unwrap();
    assert_eq!(of("brief/**")["retention"], json!({ "age_s": 3600, "events": 5, "bytes": 10_u64 << 30 }));
    assert_eq!((&of("brief/**")["events"], &of("brief/**")["durability"]), (&json!(5), &json!("memory")));
    assert_eq!((&of("**")["topics"], &of("**")["events"]), (&json!(1), &json!(1)));
    assert!(of("**")["oldest"].as_str().unwrap().ends_with('Z') && of("**")["bytes"].as_u64() >= Some(5));
    assert!(of("$hub/**")["oldest"].is_null() || of("$hub/**")["events"].as_u64() > Some(0));
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
