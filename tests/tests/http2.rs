//! HTTP/2 with prior knowledge: many streams on one connection, and nothing on the wire that does not belong there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use headwater_testkit::peer::Connection;
use headwater_testkit::{Figures, Http2, Hub, Request, Signal, until};
use tempfile::TempDir;

fn publish(address: SocketAddr, topic: &str, data: &str) -> String {
    Connection::open(address).unwrap().publish(topic, data).unwrap().id()
}

/// nghttp with its word for every frame that comes.
struct Nghttp {
    child: Child,
    folder: TempDir,
}

impl Nghttp {
    fn get(urls: &[String]) -> Self {
        let folder = TempDir::new().unwrap();
        let said = File::create(folder.path().join("said")).unwrap();
        let mut command = Command::new("nghttp");
        command.arg("-v").args(urls).stdin(Stdio::null()).stderr(said.try_clone().unwrap()).stdout(said);
        let child = command.spawn().expect("nghttp of Debian's nghttp2-client");
        Self { child, folder }
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.path().join("said")).unwrap()).into_owned()
    }

    /// All it said, when it has ended.
    fn end(mut self) -> String {
        until("nghttp to end", || self.child.try_wait().unwrap());
        self.said()
    }
}

impl Drop for Nghttp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// SEC-02, BRW-07: as the frames show it
#[test]
fn sec_02_no_field_of_http_1_is_sent_on_http_2() {
    let hub = Hub::start();
    let address = hub.address();
    publish(address, "job", "x");
    publish(address, "job?final=done", "last");
    let targets = ["/v1/events?topic=job&since=earliest", "/healthz", "/v1/topics/none", "/metrics", "/", "/nothing"];
    let said = Nghttp::get(&targets.map(|target| format!("http://{address}{target}"))).end();
    let fields: Vec<&str> =
        said.lines().filter_map(|line| line.split_once("recv (stream_id=")).map(|(_, f)| f).collect();
    for status in [":status: 200", ":status: 404"] {
        assert!(fields.iter().any(|field| field.contains(status)), "no {status} in {said}");
    }
    assert!(fields.iter().any(|field| field.contains("content-type: text/event-stream")), "{said}");
    for name in ["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection"] {
        let sent = fields.iter().find(|field| field.to_lowercase().contains(&format!(") {name}:")));
        assert_eq!(sent, None);
    }
    let most = said.split_once("SETTINGS_MAX_CONCURRENT_STREAMS(0x03):").expect("no limit is told").1;
    let most: u32 = most.split(']').next().unwrap().parse().unwrap();
    assert!(most >= 100, "only {most} streams");
}

// BRW-06, BRW-07, BSG-08
#[test]
fn a_hundred_topics_on_a_hundred_streams_of_one_connection() {
    let hub = Hub::start();
    let address = hub.address();
    let connection = Http2::connect(address);
    let mut streams: Vec<_> =
        (0..100).map(|n| connection.stream(&Request::get(&format!("/v1/events?topic=t/{n}")))).collect();
    let query: Vec<String> = (0..100).map(|n| format!("topic=t/{n}")).collect();
    let mut all = connection.stream(&Request::get(&format!("/v1/events?{}", query.join("&"))));
    Figures::until(address, "all sessions", |figures| figures.sessions() == 101.0);

    let mut publisher = Connection::open(address).unwrap();
    let ids: Vec<Vec<String>> = (0..3)
        .map(|round| {
            let publish = |n: usize| publisher.publish(&format!("t/{n}"), &format!("{round} {n}")).unwrap().id();
            (0..100).map(publish).collect()
        })
        .collect();
    for (n, stream) in streams.iter_mut().enumerate() {
        let got: Vec<String> = stream.take(3).into_iter().map(|event| event.id).collect();
        let expected: Vec<String> = ids.iter().map(|round| round[n].clone()).collect();
        assert_eq!(got, expected, "topic {n}");
    }
    let got: Vec<String> = all.take(300).into_iter().map(|event| event.id).collect();
    assert_eq!(got, ids.concat());

    // KAL-05, RUN-01: a stream that is reset ends its session and no other.
    drop(streams.split_off(50));
    Figures::until(address, "half of them to end", |figures| figures.sessions() == 51.0);
    let id = publish(address, "t/0", "x");
    assert_eq!(streams[0].next().id, id);
    drop(connection);
    drop((streams, all));
    Figures::until(address, "all to end", |figures| figures.sessions() == 0.0);
}

// BUF-01: the bytes are those of HTTP/1.1.
#[test]
fn buf_01_the_bytes_are_the_same_as_on_http_1() {
    let hub = Hub::start();
    let address = hub.address();
    for data in ["one\ntwo", "", "é"] {
        publish(address, "job", data);
    }
    publish(address, "job?final=error", "last");
    let target = "/v1/events?topic=job&since=earliest";
    let mut old = Connection::open(address).unwrap().subscribe(target, &[]).unwrap();
    old.events.rest().unwrap();
    let mut new = Http2::connect(address).stream(&Request::get(target));
    new.rest();
    let after_delay = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(after_delay(new.raw()), after_delay(&old.events.text()));
}

// KAL-09, KAL-07
#[test]
fn kal_09_a_drain_says_goaway_and_ends_every_stream() {
    let mut hub = Hub::start();
    let address = hub.address();
    let watcher = Nghttp::get(&["a", "b"].map(|topic| format!("http://{address}/v1/events?topic={topic}")));
    let connection = Http2::connect(address);
    let mut stream = connection.stream(&Request::get("/v1/events?topic=a"));
    Figures::until(address, "three sessions", |figures| figures.sessions() == 3.0);
    let id = publish(address, "a", "x");
    until("the event", || watcher.said().contains(&id).then_some(()));
    hub.signal(Signal::TERM);
    let events = stream.rest();
    let kinds: Vec<&str> = events.iter().map(|event| event.event.as_str()).collect();
    assert_eq!(kinds, ["message", "headwater.closing"]);
    assert!(!stream.is_torn());
    assert!(hub.wait().success());
    let said = watcher.end();
    assert!(said.contains("recv GOAWAY frame"), "{said}");
    assert_eq!(said.matches("event: headwater.closing").count(), 2, "{said}");
    assert!(!said.contains("recv RST_STREAM"), "{said}");
}

// BRW-07: many short requests at the same time
#[test]
fn a_burst_of_requests_on_one_connection_is_answered() {
    let hub = Hub::start();
    let url = format!("http://{}/healthz", hub.address());
    let output = Command::new("h2load").args(["-n", "2000", "-c", "1", "-m", "100", &url]).output();
    let text = String::from_utf8(output.expect("h2load of Debian's nghttp2-client").stdout).unwrap();
    assert!(text.contains("2000 succeeded, 0 failed, 0 errored"), "{text}");
}

// RLB-11, T12, EVR-05: a stream that is not read is bounded, and goes on from the log when it is.
#[test]
fn t12_a_stream_that_is_not_read_waits_in_the_log() {
    let hub = Hub::builder().config("tail = \"64KiB\"").start();
    let address = hub.address();
    let slow = Http2::connect(address);
    let mut stream = slow.stream(&Request::get("/v1/events?topic=a"));
    let mut publisher = Connection::open(address).unwrap();
    let filler = "x".repeat(20_000);
    // More than all windows together.
    let ids: Vec<String> = (0..600).map(|_| publisher.publish("a", &filler).unwrap().id()).collect();
    let got: Vec<String> = stream.take(600).into_iter().map(|event| event.id).collect();
    assert_eq!(got, ids);
    assert!(Figures::of(address).get("headwater_catch_up_pages_total") > 0.0, "it never read the log");
}
