//! Wall clocks that jump (R6): order and ids do not follow them, and nobody is sent away.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use headwater_testkit::peer::{Connection, Stream};
use headwater_testkit::{Figures, Hub};
use serde_json::Value;
use tempfile::TempDir;

/// A hub whose wall clock is ours. Its monotonic clock is not, as the kernel's never jumps.
struct Jumping {
    hub: Hub,
    /// Holds the file that tells the time.
    folder: TempDir,
}

impl Jumping {
    fn start(config: &str) -> Self {
        let folder = TempDir::with_prefix("headwater-clock-").unwrap();
        let file = folder.path().join("time");
        fs::write(&file, "+0").unwrap();
        let builder = Hub::builder()
            .config(config)
            .variable("LD_PRELOAD", library().to_str().unwrap())
            .variable("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap())
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Self { hub: builder.start(), folder }
    }

    /// Sets its clock, running or not, off by what libfaketime calls for example `-1h`.
    fn set(&self, offset: &str) {
        // In one step, as the hub reads it at any moment.
        let new = self.folder.path().join("new");
        fs::write(&new, offset).unwrap();
        fs::rename(new, self.folder.path().join("time")).unwrap();
    }

    fn publish(&self, count: usize) -> Vec<String> {
        let mut connection = Connection::open(self.hub.address()).unwrap();
        (0..count).map(|_| connection.publish("a", "x").unwrap().id()).collect()
    }

    fn subscribe(&self, query: &str) -> Stream {
        Connection::open(self.hub.address()).unwrap().subscribe(query, &[]).unwrap()
    }

    /// The ids of one long-poll.
    fn read(&self, query: &str) -> Vec<String> {
        self.poll(query)["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["id"].as_str().unwrap().into())
            .collect()
    }

    fn poll(&self, query: &str) -> Value {
        let mut connection = Connection::open(self.hub.address()).unwrap();
        let target = format!("/v1/events?topic=a&wait=0&{query}");
        connection.request("GET", &target, &[("accept", "application/json")], b"").unwrap().json()
    }
}

fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|file| file.is_file());
    found.expect("no libfaketime; install Debian's package faketime")
}

#[track_caller]
fn check_growing(ids: &[String]) {
    let seqs: Vec<u64> = ids.iter().map(|id| id.split('-').next().unwrap().parse().unwrap()).collect();
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
}

// IDG-05, R6, IDG-04: between two runs
#[test]
fn idg_05_a_clock_set_back_or_forward_between_runs_changes_no_order_and_no_id() {
    let mut jumping = Jumping::start("");
    let mut ids = jumping.publish(20);
    for offset in ["-1h", "+1h", "-1d", "+0"] {
        jumping.hub.kill();
        jumping.set(offset);
        jumping.hub.restart();
        let cursor = ids.last().unwrap().clone();
        let new = jumping.publish(20);
        assert_eq!(jumping.read(&format!("last_event_id={cursor}")), new, "with {offset}");
        // What was published just now is not older than a minute, whatever the time.
        let recent = jumping.read("since=60s");
        assert!(recent.ends_with(&new), "with {offset}: {recent:?} does not end with {new:?}");
        ids.extend(new);
        check_growing(&ids);
        assert_eq!(jumping.read("since=earliest"), ids, "with {offset}");
    }
}

// IDG-05, R6: in a running hub
#[test]
fn idg_05_a_clock_that_jumps_disturbs_no_stream() {
    // Retention by age goes by the clock, so it is not part of this.
    let forever = "[[class]]\ntopics = [\"**\"]\nretention = { age = 0 }";
    let jumping = Jumping::start(&format!("heartbeat = \"1s\"\n{forever}"));
    let mut stream = jumping.subscribe("?topic=a");
    let mut silent = jumping.subscribe("?topic=silent");
    let mut ids = jumping.publish(5);
    for offset in ["-1h", "+1d", "+0", "-1d"] {
        jumping.set(offset);
        let beats = silent.events.text().matches("\n:").count();
        ids.extend(jumping.publish(5));
        silent.events.read_until(|text| text.matches("\n:").count() > beats + 1);
    }
    let got: Vec<String> = ids.iter().map(|_| stream.events.expect().id).collect();
    assert_eq!(got, ids);
    check_growing(&ids);
    assert_eq!(Figures::of(jumping.hub.address()).sessions(), 2.0);
    assert_eq!(jumping.read("since=earliest"), ids);
}

// IDG-06, G3: a repeat is known although the clock says it comes before the first.
#[test]
fn idg_06_a_repeat_is_known_after_the_clock_was_set_back() {
    let mut jumping = Jumping::start("");
    let publish = |hub: &Hub| {
        let mut connection = Connection::open(hub.address()).unwrap();
        connection.request("POST", "/v1/topics/a", &[("idempotency-key", "once")], b"x").unwrap()
    };
    let first = publish(&jumping.hub);
    assert_eq!(first.status(), 201);
    jumping.set("-1h");
    let second = publish(&jumping.hub);
    assert_eq!((second.status(), second.id()), (200, first.id()));
    jumping.hub.restart();
    let third = publish(&jumping.hub);
    assert_eq!((third.status(), third.id()), (200, first.id()));
}
