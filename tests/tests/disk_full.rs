//! A full disk (R5): publishers are told, readers are served, and publishing goes on by itself when there is space.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use headwater_testkit::peer::{Connection, Received, Stream};
use headwater_testkit::{Hub, SmallDisk, until};

const CONFIG: &str = r#"
segment = "256KiB"
tail = "64KiB"
heartbeat = "1s"

[[class]]
topics = ["**"]
max_event = "64KiB"
"#;

// R5
#[test]
fn r5_a_full_disk_refuses_publishes_and_recovers_by_itself() {
    let disk = SmallDisk::mount(4 << 20, 1000);
    full_and_back(&disk, || disk.take(1 << 20));
}

// R5
#[test]
fn r5_no_file_left_is_the_same() {
    let disk = SmallDisk::mount(64 << 20, 64);
    full_and_back(&disk, || disk.take_files());
}

/// `take` takes what the hub needs to go on, and says where it lies.
fn full_and_back(disk: &SmallDisk, take: impl FnOnce() -> PathBuf) {
    let mut hub = Hub::builder().config(CONFIG).data(&disk.path().join("data")).start();
    let address = hub.address();
    let taken = take();
    let mut reader = Connection::open(address).unwrap().subscribe("?topic=a/*", &[]).unwrap();
    let mut publisher = Publisher::new(address);
    publisher.publish_until_refused();

    // Readers: the stream that was there, a replay, and a silent topic that still has its heartbeat.
    expect(&mut reader, &publisher.acknowledged);
    let mut replay = Connection::open(address).unwrap().subscribe("?topic=a/*&since=earliest", &[]).unwrap();
    expect(&mut replay, &publisher.acknowledged);
    let mut silent = Connection::open(address).unwrap().subscribe("?topic=silent", &[]).unwrap();
    silent.events.read_until(|text| text.contains("\n:"));

    let ready = Connection::open(address).unwrap().get("/readyz").unwrap();
    assert_eq!((ready.status(), ready.json()["type"].as_str().unwrap()), (503, "urn:headwater:problem:disk-full"));
    assert_eq!(Connection::open(address).unwrap().get("/healthz").unwrap().status(), 200);
    publisher.publish_until_refused();

    if taken.is_dir() {
        fs::remove_dir_all(taken).unwrap();
    } else {
        fs::remove_file(taken).unwrap();
    }
    let before = publisher.acknowledged.len();
    until("publishing to go on by itself", || publisher.publish().then_some(()));
    publisher.publish_until_count(before + 20);
    until("readiness", || (Connection::open(address).unwrap().get("/readyz").unwrap().status() == 200).then_some(()));
    expect(&mut reader, &publisher.acknowledged[before..]);
    expect(&mut replay, &publisher.acknowledged[before..]);

    // What was refused is nowhere, and what was acknowledged survives.
    hub.kill();
    hub.restart();
    let mut replay = Connection::open(address).unwrap().subscribe("?topic=a/*&since=earliest", &[]).unwrap();
    expect(&mut replay, &publisher.acknowledged);
    let marker = Connection::open(address).unwrap().publish("a/marker", "last").unwrap().id();
    assert_eq!(replay.events.expect().id, marker);
}

struct Publisher {
    connection: Connection,
    sent: usize,
    /// Id and data of what was answered with 201, in order.
    acknowledged: Vec<(String, String)>,
}

impl Publisher {
    fn new(address: SocketAddr) -> Self {
        Self { connection: Connection::open(address).unwrap(), sent: 0, acknowledged: Vec::new() }
    }

    /// Publishes one event; whether it was stored.
    fn publish(&mut self) -> bool {
        self.sent += 1;
        let data = format!("{} {}", self.sent, "x".repeat(8000));
        let answer = self.connection.publish(&format!("a/{}", self.sent % 3), &data).unwrap();
        match answer.status() {
            201 => self.acknowledged.push((answer.id(), data)),
            507 => {
                assert_eq!(answer.head.get("content-type"), Some("application/problem+json"));
                assert_eq!(answer.json()["status"], 507);
            }
            _ => panic!("{answer:?}"),
        }
        answer.status() == 201
    }

    fn publish_until_refused(&mut self) {
        until("the disk to be full", || (!self.publish()).then_some(()));
    }

    fn publish_until_count(&mut self, count: usize) {
        until("more events", || (self.publish() && self.acknowledged.len() >= count).then_some(()));
    }
}

/// The next events of the stream are exactly these.
#[track_caller]
fn expect(stream: &mut Stream, expected: &[(String, String)]) {
    for (id, data) in expected {
        let Received { id: got, data: got_data, event, .. } = stream.events.expect();
        assert_eq!((&got, &got_data, event.as_str()), (id, data, "message"));
    }
}
