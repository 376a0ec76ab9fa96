//! `headwater bench`: small runs of every scenario against a real hub, and a server that lies and is found out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use headwater_testkit::{Hub, headwater};
use serde_json::Value;

/// Runs `headwater bench` to its end, which its own bounds see to.
fn bench(arguments: &[&str]) -> Output {
    Command::new(headwater()).arg("bench").args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A short run against a hub, as JSON: that run's report.
fn measured(hub: &Hub, arguments: &[&str]) -> Value {
    let (target, pid) = (format!("http://{}", hub.address()), hub.pid().to_string());
    let common = ["--target", &target, "--pid", &pid, "--seconds", "1", "--warm-up", "0", "--json"];
    let output = bench(&[arguments, &common].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), errors.as_ref()), (Some(0), ""), "{}", String::from_utf8_lossy(&output.stdout));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&outcome["scenario"], &outcome["faultless"]), (&arguments[0].into(), &true.into()), "{outcome}");
    let faults = outcome["targets"][0]["faults"].as_object().unwrap();
    assert_eq!(faults.keys().collect::<Vec<_>>(), ["damaged", "duplicated", "ended", "lost", "out_of_order"]);
    assert!(faults.values().all(|count| count == 0), "{outcome}");
    outcome
}

#[track_caller]
fn has(outcome: &Value, keys: &[&str]) {
    for key in keys {
        let value = outcome["targets"][0]["runs"][0]["figures"][key].as_f64();
        assert!(value.is_some_and(|value| value >= 0.0), "{key} is not in {outcome}");
        assert_eq!(outcome["targets"][0]["median"][key].as_f64(), value);
    }
}

#[test]
fn fanout_delivers_every_event_to_every_reader() {
    let hub = Hub::start();
    let outcome = measured(&hub, &["fanout", "--readers", "30", "--topics", "3", "--rate", "20"]);
    has(&outcome, &["latency_p50_us", "latency_p999_us", "last_reader_max_us", "server_cpu_us_per_delivery"]);
    has(&outcome, &["events_per_second", "publish_p99_us", "resident_bytes", "deliveries_per_second"]);
    let figures = &outcome["targets"][0]["median"];
    // Whether all came is checked by the readers. Figures count what happens while it is measured, and at either end of that time an
    // event of each topic may be answered within it and delivered outside, or the other way round.
    let (published, delivered) =
        (figures["events_published"].as_f64().unwrap(), figures["deliveries"].as_f64().unwrap());
    assert!((delivered / 10.0 - published).abs() <= 6.0, "{published} events, {delivered} deliveries");
    assert_eq!(outcome["settings"]["readers"], 30);
}

#[test]
fn fanout_in_a_closed_loop_with_several_topics_for_each_reader() {
    let hub = Hub::start();
    let arguments = ["fanout", "--closed", "--publishers", "6", "--readers", "10", "--topics", "4"];
    let outcome = measured(&hub, &[&arguments[..], &["--topics-per-reader", "2"]].concat());
    has(&outcome, &["deliveries", "publish_p50_us"]);
}

#[test]
fn publish_counts_durable_events() {
    let outcome = measured(&Hub::start(), &["publish", "--publishers", "8"]);
    has(&outcome, &["events_published", "events_per_second", "publish_p50_us", "server_cpu_us_per_event"]);
}

#[test]
fn idle_tells_memory_and_reaches_everybody_afterwards() {
    let outcome = measured(&Hub::start(), &["idle", "--readers", "60", "--from", "20"]);
    has(&outcome, &["server_cpu_percent", "last_reader_max_us", "anonymous_bytes_left", "anonymous_left_ratio"]);
    assert!(outcome["targets"][0]["median"]["resident_bytes_per_session"].is_number(), "{outcome}");
    assert_eq!(outcome["settings"]["from"], 20);
}

#[test]
fn storm_has_everybody_catch_up() {
    let outcome = measured(&Hub::start(), &["storm", "--readers", "40", "--backlog", "25", "--topics", "2"]);
    has(&outcome, &["resumed_seconds", "caught_up_seconds", "connect_p99_us"]);
    assert_eq!(outcome["targets"][0]["median"]["deliveries"], 40.0 * 25.0);
}

#[test]
fn slow_measures_the_others_without_and_beside_slow_readers() {
    let outcome = measured(&Hub::start(), &["slow", "--readers", "20", "--share", "0.2"]);
    has(&outcome, &["latency_p99_us_without_slow", "latency_p99_us_with_slow", "latency_p99_ratio"]);
}

#[test]
fn churn_counts_connections_and_keeps_the_residents_whole() {
    let outcome = measured(&Hub::start(), &["churn", "--readers", "20", "--rate", "20"]);
    has(&outcome, &["connections_per_second", "connect_p50_us", "anonymous_left_ratio", "latency_p99_us"]);
}

#[test]
fn two_targets_take_turns_and_get_ratios() {
    let (hub, other) = (Hub::start(), Hub::start());
    let against = format!("http://{}", other.address());
    let outcome = measured(&hub, &["fanout", "--readers", "5", "--against", &against, "--runs", "2"]);
    assert_eq!(outcome["targets"][1]["target"], against);
    assert!(outcome["targets"].as_array().unwrap().iter().all(|target| target["runs"].as_array().unwrap().len() == 2));
    assert!(outcome["ratios"]["latency_p50_us"].as_f64().unwrap() > 0.0, "{outcome}");
}

#[test]
fn the_table_is_for_people() {
    let hub = Hub::start();
    let output =
        bench(&["fanout", "--target", &format!("http://{}", hub.address()), "--readers", "2", "--seconds", "1"]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("fanout: 2 readers, 1 topic, 50 events/s each for 1 s, 130 bytes\n"), "{table}");
    assert!(table.contains("latency from due to read, p50"), "{table}");
    assert!(table.ends_with("every reader got every event once, whole and in order\n"), "{table}");
}

#[test]
fn what_cannot_be_measured_is_one_sentence() {
    let hub = Hub::start();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (down, health) = (format!("http://{closed}"), format!("http://{}/healthz", hub.address()));
    let publish = format!("http://{}/v1/nowhere", hub.address());
    let up = format!("http://{}", hub.address());
    for (arguments, code, part) in [
        (&["--target", "http://192.0.2.1:7070"][..], 2, "--yes-remote"),
        (&["--target", &down], 1, "is the target up?"),
        (&["--target", &up, "--subscribe-url", &health], 1, "is not an event stream: it answered 200"),
        (&["--target", &up, "--publish-url", &publish], 1, "does not take events: it answered 404"),
        (&["--target", &up, "--seconds", "100000"], 2, "--seconds 100000 is not between 1 and 3600"),
        (&["--target", &up, "--pid", "4294967295"], 1, "is it running?"),
    ] {
        let output = bench(&[&["fanout", "--readers", "1", "--warm-up", "0"], arguments].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), errors.lines().count()), (Some(code), 1), "{errors}");
        assert!(errors.contains(part), "{errors}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_server_that_lies_is_found_out() {
    thread::scope(|scope| {
        for (lie, fault) in [
            (Lie::None, None),
            (Lie::Drop, Some("lost")),
            (Lie::Repeat, Some("duplicated")),
            (Lie::Swap, Some("out_of_order")),
            (Lie::Cut, Some("damaged")),
            (Lie::Hang, Some("ended")),
        ] {
            // A loss is only certain after a while, so they are all looked for at the same time.
            scope.spawn(move || {
                let faults = found(lie);
                for (name, count) in faults.as_object().unwrap() {
                    let expected = fault == Some(name) || (name == "lost" && matches!(lie, Lie::Cut | Lie::Hang));
                    assert_eq!(count.as_u64() > Some(0), expected, "{lie:?}: {faults}");
                }
            });
        }
    });
}

/// The faults of a server that lies, after a look at the exit code.
fn found(lie: Lie) -> Value {
    let url = format!("http://{}/{{topic}}", liar(lie));
    let urls = ["--subscribe-url", &url, "--publish-url", &url];
    let output = bench(&[&["fanout", "--readers", "3", "--seconds", "1", "--json"], &urls[..]].concat());
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    let honest = matches!(lie, Lie::None);
    assert_eq!((output.status.code(), &outcome["faultless"]), (Some(i32::from(!honest)), &honest.into()), "{lie:?}");
    outcome["targets"][0]["faults"].clone()
}

/// What a server does wrong with its tenth event.
#[derive(Clone, Copy, Debug)]
enum Lie {
    None,
    Drop,
    Repeat,
    Swap,
    Cut,
    Hang,
}

/// A server that sends what is posted to everybody, in chunks, and lies once.
fn liar(lie: Lie) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let readers: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
    let posted: Arc<Mutex<Vec<String>>> = Arc::default();
    thread::spawn(move || {
        for peer in listener.incoming().map_while(Result::ok) {
            let (readers, posted) = (readers.clone(), posted.clone());
            // A peer that goes away ends its thread.
            thread::spawn(move || serve(&peer, lie, &readers, &posted));
        }
    });
    address
}

fn serve(peer: &TcpStream, lie: Lie, readers: &Mutex<Vec<TcpStream>>, posted: &Mutex<Vec<String>>) -> Option<()> {
    let mut input = BufReader::new(peer);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            (input.read_line(&mut head).ok()? > 0).then_some(())?;
            if let Some(value) = head[start..].strip_prefix("Content-Length: ") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut output = peer;
        if head.starts_with("GET") {
            let fields = "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked";
            write!(output, "HTTP/1.1 200 OK\r\n{fields}\r\n\r\n3\r\n:\n\n\r\n").ok()?;
            readers.lock().unwrap().push(peer.try_clone().ok()?);
            continue;
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body).ok()?;
        let mut posted = posted.lock().unwrap();
        posted.push(String::from_utf8(body).ok()?);
        publish(&posted, lie, &mut readers.lock().unwrap());
        write!(output, "HTTP/1.1 204 No Content\r\n\r\n").ok()?;
    }
}

fn publish(posted: &[String], lie: Lie, readers: &mut Vec<TcpStream>) {
    let (now, before) = (posted.len() - 1, posted.len().saturating_sub(2));
    let frames: Vec<&str> = match (lie, now) {
        (Lie::Drop, 10) | (Lie::Swap, 10) => vec![],
        (Lie::Repeat, 10) => vec![&posted[now], &posted[now]],
        (Lie::Swap, 11) => vec![&posted[now], &posted[before]],
        (Lie::Cut, 10) => vec![&posted[now][..120]],
        _ => vec![&posted[now]],
    };
    if matches!((lie, now), (Lie::Hang, 10)) {
        for reader in readers.drain(..) {
            // The other end may have gone.
            let _ = reader.shutdown(std::net::Shutdown::Both);
        }
    }
    for frame in frames {
        let data = format!("data: {frame}\n\n");
        readers.retain_mut(|reader| write!(reader, "{:x}\r\n{data}\r\n", data.len()).is_ok());
    }
}
