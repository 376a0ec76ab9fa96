//! Kill -9 under load (R1): nothing acknowledged is lost, nothing is reordered, no id is used twice, and readers that
//! resume see every event exactly once.
//!
//! `HEADWATER_KILLS` sets how many kills (default 50), `HEADWATER_SEED` repeats a run's choices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use headwater_testkit::load::{History, Publisher, Reader};
use headwater_testkit::peer::Connection;
use headwater_testkit::{Figures, Hub};

/// Small segments, so that kills also hit the change from one file to the next, and two classes, so that a batch
/// touches two chains of files.
const CONFIG: &str = r#"
segment = "64KiB"
tail = "64KiB"
retry = "100ms"

[[class]]
topics = ["orders/**"]
max_event = "16KiB"

[[class]]
topics = ["prices/**"]
max_event = "16KiB"

[[class]]
topics = ["**"]
max_event = "16KiB"
"#;

const PUBLISHERS: usize = 8;
/// Events per second of each publisher.
const RATE: f64 = 250.0;

// R1, guarantees 1 to 5, G1 to G7, BSG-07, IDG-01, IDG-02, IDG-04, IDG-06
#[test]
fn r1_kills_lose_reorder_and_repeat_nothing() {
    let kills: usize = number("HEADWATER_KILLS", 50);
    let seed: u64 = number("HEADWATER_SEED", fastrand::u64(..));
    println!("{kills} kills, HEADWATER_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);

    let mut hub = Hub::builder().config(CONFIG).start();
    let address = hub.address();
    let stop = Arc::new(AtomicBool::new(false));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|number| {
            let (publisher, stop) = (Publisher::new(number, address, random.fork()), stop.clone());
            thread::spawn(move || publisher.run(RATE, &stop))
        })
        .collect();
    let readers: Vec<_> = Reader::kinds(address).into_iter().map(|reader| thread::spawn(|| reader.run())).collect();

    for kill in 0..kills {
        // Short intervals are the likelier ones: most of what can go wrong goes wrong right after a start.
        let after = Duration::from_millis(50) + Duration::from_millis(1950).mul_f64(random.f64().powi(3));
        pass(after);
        hub.kill();
        let down = Instant::now();
        hub.restart();
        println!("kill {kill} after {after:?}, back after {:?}", down.elapsed());
    }
    pass(Duration::from_millis(200));
    stop.store(true, Ordering::Relaxed);
    let batches = publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect();
    let history = History::close(address, batches);
    history.check();
    for reader in readers {
        reader.join().unwrap().check(&history);
    }
    assert!(!hub.log().iter().any(|line| line.contains("panicked")), "the hub panicked");
}

// IDG-04, G6: what is kept in memory may be lost, its ids may not come again.
#[test]
fn idg_04_ids_of_events_lost_with_memory_are_not_used_again() {
    let mut hub = Hub::builder().config("[[class]]\ntopics = [\"memory/**\"]\ndurability = \"memory\"").start();
    let mut highest = 0;
    for round in 0..20 {
        let mut connection = Connection::open(hub.address()).unwrap();
        let mut ids = Vec::new();
        for n in 0..round {
            let topic = if n % 3 == 1 { "disk/a" } else { "memory/a" };
            ids.push(connection.publish(topic, "x").unwrap().id());
        }
        for id in ids {
            let seq: u64 = id.split('-').next().unwrap().parse().unwrap();
            assert!(seq > highest, "{seq} was given again, or after {highest}");
            highest = seq;
        }
        hub.kill();
        hub.restart();
    }
}

// EVR-11, G1, G5: limits per topic hold over kills while the background gives space back, and take nothing else.
#[test]
fn retention_under_kills_keeps_the_newest_events_and_gives_space_back() {
    const KEPT: usize = 50;
    let mut random = fastrand::Rng::new();
    let class = format!("[[class]]\ntopics = [\"**\"]\nmax_event = \"16KiB\"\nretention = {{ events = {KEPT} }}");
    let mut hub = Hub::builder().config(&format!("segment = \"64KiB\"\n{class}")).start();
    let (mut sent, mut acknowledged) = (0, Vec::new());
    let filler = "x".repeat(4000);
    for _ in 0..10 {
        let kill_at = sent + random.usize(20..80);
        let mut connection = Connection::open(hub.address()).unwrap();
        while sent < kill_at {
            sent += 1;
            connection.publish("a", &format!("{sent} {filler}")).unwrap();
            acknowledged.push(sent);
        }
        // One more is on its way, acknowledged or not.
        sent += 1;
        let length = filler.len();
        let head = format!("POST /v1/topics/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
        connection.send(format!("{head}{sent} {}", &filler[sent.to_string().len() + 1..]).as_bytes()).unwrap();
        hub.kill();
        hub.restart();

        let answer = Connection::open(hub.address())
            .unwrap()
            .request("GET", "/v1/events?topic=a&since=earliest&wait=0", &[("accept", "application/json")], b"")
            .unwrap();
        let events = answer.json()["events"].as_array().unwrap().clone();
        let number = |event: &serde_json::Value| -> usize {
            event["data"].as_str().unwrap().split(' ').next().unwrap().parse().unwrap()
        };
        let stored: Vec<usize> = events.iter().map(number).collect();
        assert_eq!(stored.len(), KEPT.min(acknowledged.len()), "{stored:?}");
        assert!(stored.is_sorted_by(|a, b| a < b), "{stored:?}");
        let lost: Vec<_> = acknowledged.iter().filter(|n| **n >= stored[0] && !stored.contains(n)).collect();
        assert!(lost.is_empty(), "acknowledged, inside the limit and lost: {lost:?}");
    }
    Figures::until(hub.address(), "space to come back", |figures| {
        figures.get("headwater_log_bytes") < (sent * filler.len() / 2) as f64
    });
}

// G1, G3: not only events are acknowledged.
#[test]
fn what_was_answered_holds_after_a_kill() {
    let mut hub = Hub::start();
    let address = hub.address();
    let request = |method: &str, target: &str, key: &str| {
        let mut connection = Connection::open(address).unwrap();
        let fields: Vec<_> = Some(("idempotency-key", key)).filter(|(_, key)| !key.is_empty()).into_iter().collect();
        connection.request(method, target, &fields, b"x").unwrap()
    };
    for round in 0..10 {
        let topic = |name: &str| format!("/v1/topics/{name}/{round}");
        let first = request("POST", &topic("key"), "the key");
        assert_eq!(request("POST", &topic("ended"), "").status(), 201);
        assert_eq!(request("POST", &format!("{}?final=done", topic("ended")), "").status(), 201);
        assert_eq!(request("POST", &topic("deleted"), "").status(), 201);
        assert!(matches!(request("DELETE", &topic("deleted"), "").status(), 200 | 204));
        hub.kill();
        hub.restart();
        let again = request("POST", &topic("key"), "the key");
        assert_eq!((again.status(), again.id()), (200, first.id()));
        assert_eq!(request("POST", &topic("ended"), "").status(), 409);
        let mut ended = Connection::open(address).unwrap();
        assert_eq!(ended.get(&format!("/v1/events?topic=ended/{round}")).unwrap().status(), 204);
        let deleted = request("GET", &topic("deleted"), "");
        assert!(deleted.status() == 404 || deleted.json()["events"] == 0, "{deleted:?}");
    }
}

/// Lets the load run for a while.
fn pass(time: Duration) {
    thread::sleep(time);
}

fn number<T: std::str::FromStr>(variable: &str, default: T) -> T {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")),
        Err(_) => default,
    }
}
