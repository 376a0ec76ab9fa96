//! HTTP/2 with prior knowledge: many streams on one connection, and nothing on the wire that does not belong there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use headwater_testkit::peer::Connection;
use headwater_testkit::{Certificate, Figures, Frame, Frames, Http2, Hub, LocalHub, Process, Request, Signal, until};
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

/// Evicts soon, and does nothing else by itself.
const SOON: &str = "heartbeat = \"1h\"\nmax_age = 0\n[limits]\nstall_timeout = \"1s\"";

/// The data of a stream up to this text; what else comes on the connection goes to `others`.
fn read_until(frames: &mut Frames, stream: u32, text: &str, others: &mut Vec<Frame>) {
    let mut data = Vec::new();
    while !String::from_utf8_lossy(&data).contains(text) {
        let frame = frames.frame().expect("the connection is over");
        if frame.kind == Frame::DATA && frame.stream == stream {
            if !frame.payload.is_empty() {
                let taken = frame.payload.len() as u32;
                frames.open_window(0, taken);
                frames.open_window(stream, taken);
            }
            data.extend_from_slice(&frame.payload);
        } else if frame.kind != Frame::HEADERS {
            others.push(frame);
        }
    }
}

// T12, RLB-07, RLB-11: a stream whose client opens no window is reset, and it alone.
#[test]
fn t12_a_stalled_stream_is_reset_and_its_neighbours_go_on() {
    let hub = Hub::builder().config(SOON).start();
    let address = hub.address();
    let mut frames = Frames::connect(address, 0);
    let never = frames.get("/v1/events?topic=a");
    let healthy = frames.get("/v1/events?topic=a");
    let no_longer = frames.get("/v1/events?topic=a");
    frames.open_window(healthy, 60_000);
    frames.open_window(no_longer, 30_000);
    let mut others = Vec::new();
    read_until(&mut frames, healthy, "id: ", &mut others);
    let filler = "x".repeat(10_000);
    for _ in 0..10 {
        let id = publish(address, "a", &filler);
        read_until(&mut frames, healthy, &format!("id: {id}"), &mut others);
    }
    let figures = Figures::until(address, "both to be evicted", |figures| figures.closed("stalled") == 2.0);
    assert_eq!(figures.sessions(), 1.0, "{figures:?}");
    let id = publish(address, "a", "still there");
    read_until(&mut frames, healthy, &format!("id: {id}"), &mut others);
    let mut reset: Vec<u32> = others.iter().filter(|f| f.kind == Frame::RST_STREAM).map(|f| f.stream).collect();
    reset.sort_unstable();
    assert_eq!(reset, [never, no_longer]);
    assert!(others.iter().all(|frame| frame.kind != Frame::GOAWAY));
    let got: usize = others.iter().filter(|f| f.stream == no_longer).map(|f| f.payload.len()).sum();
    assert!((20_000..=30_004).contains(&got), "{got} bytes for a window of 30,000");

    // Its place is free, and a new stream of the same connection is served.
    let again = frames.get("/v1/events?topic=b");
    frames.open_window(again, 60_000);
    let id = {
        Figures::until(address, "the new stream", |figures| figures.sessions() == 2.0);
        publish(address, "b", "x")
    };
    read_until(&mut frames, again, &format!("id: {id}"), &mut others);
}

// T12, RLB-07: a reader that opens a little window now and then moves on, and is not stalled.
#[test]
fn t12_a_slow_stream_is_not_a_stalled_one() {
    let hub = Hub::builder().config(SOON).start();
    let address = hub.address();
    let mut frames = Frames::connect(address, 1000);
    let slow = frames.get("/v1/events?topic=a");
    Figures::until(address, "the session", |figures| figures.sessions() == 1.0);
    let id = publish(address, "a", &"x".repeat(5000));
    let mut data = Vec::new();
    while !String::from_utf8_lossy(&data).contains(&id) {
        let frame = frames.expect(Frame::DATA);
        data.extend_from_slice(&frame.payload);
        if data.len() >= 1000 {
            // Several times the limit for all of it, and a fraction of it for each step.
            let step = Instant::now();
            until("the next step", || (step.elapsed() > Duration::from_millis(200)).then_some(()));
            frames.open_window(slow, 300);
        }
    }
    assert_eq!(Figures::of(address).closed("stalled"), 0.0);
}

// T12, T13, RLB-09: connections that take no bytes at all hold little, and end.
#[test]
fn t12_a_connection_on_which_nothing_moves_ends() {
    let hub = Hub::builder().config(SOON).start();
    let address = hub.address();
    let process = Process(hub.pid());
    // So that the log has its files.
    publish(address, "a", "first");
    let descriptors = process.descriptors();
    let filler = "x".repeat(100_000);
    let mut stuck: Vec<Frames> = (0..10).map(|_| Frames::connect(address, 1 << 30)).collect();
    for frames in &mut stuck {
        frames.open_window(0, 1 << 30);
        for _ in 0..20 {
            frames.get("/v1/events?topic=a");
        }
    }
    Figures::until(address, "the sessions", |figures| figures.sessions() == 200.0);
    let before = process.resident();
    let mut publisher = Connection::open(address).unwrap();
    for _ in 0..100 {
        assert_eq!(publisher.publish("a", &filler).unwrap().status(), 201);
    }
    let growth = process.resident().saturating_sub(before);
    println!("{} KiB more for 200 streams", growth >> 10);
    // The tail and the log's own buffers, and for each stream what the limit says.
    assert!(growth < 48 << 20, "{growth} bytes more");
    let figures = Figures::until(address, "the sessions to be evicted", |figures| figures.sessions() == 0.0);
    assert_eq!(figures.closed("stalled") + figures.closed("client"), 200.0);
    assert!(figures.closed("stalled") > 0.0, "{figures:?}");
    drop(publisher);
    process.until_descriptors(descriptors);
    drop(stuck);
}

// T12, T13: the same under TLS.
#[test]
fn t12_a_stalled_stream_over_tls_is_reset() {
    let folder = TempDir::new().unwrap();
    let certificate = Certificate::new();
    certificate.write(folder.path());
    let hub = Hub::builder().config(SOON).config(&Certificate::table(folder.path())).start();
    let connect = |protocol| certificate.connect(hub.address(), &[protocol]).unwrap();
    let mut frames = Frames::over(connect("h2").into_stream(), 0);
    let stalled = frames.get("/v1/events?topic=a");
    let frame = frames.expect(Frame::RST_STREAM);
    assert_eq!(frame.stream, stalled);
    let metrics = connect("http/1.1").get("/metrics").unwrap();
    assert!(metrics.text().contains("closed_total{reason=\"stalled\"} 1"), "{}", metrics.text());
    // The connection is as good as before.
    let next = frames.get("/healthz");
    assert_eq!(frames.expect(Frame::HEADERS).stream, next);
}

// T11: streams that are opened only to be reset end their connection, and cost nobody else anything.
#[test]
fn t11_a_rapid_reset_ends_its_connection() {
    let hub = Hub::start();
    let address = hub.address();
    let connection = Http2::connect(address);
    let mut healthy = connection.stream(&Request::get("/v1/events?topic=a"));
    let mut frames = Frames::connect(address, 65_535);
    let mut flood = Vec::new();
    for _ in 0..2000 {
        let (stream, request) = frames.request("/v1/events?topic=a");
        flood.extend_from_slice(&request);
        flood.extend_from_slice(&Frame::encode(Frame::RST_STREAM, 0, stream, &8u32.to_be_bytes()));
    }
    // It may be hung up on before all of it is sent.
    let _ = frames.send(&flood);
    let mut told = None;
    while let Some(frame) = frames.frame() {
        if frame.kind == Frame::GOAWAY {
            told = Some(frame.error());
        }
    }
    // With much unread the kernel may cut off what was said last.
    assert!(told.is_none_or(|error| error == 11), "told {told:?} and not to calm down");
    Figures::until(address, "the streams to end", |figures| figures.sessions() == 1.0);
    let id = publish(address, "a", "x");
    assert_eq!(healthy.next().id, id);
}

// T11: no more streams than announced
#[test]
fn t11_streams_over_the_limit_are_refused() {
    let hub = Hub::start();
    let address = hub.address();
    let mut frames = Frames::connect(address, 65_535);
    frames.open_window(0, 1 << 20);
    let streams: Vec<u32> = (0..300).map(|_| frames.get("/v1/events?topic=a")).collect();
    let refused: Vec<Frame> = (0..50).map(|_| frames.expect(Frame::RST_STREAM)).collect();
    assert!(refused.iter().all(|frame| frame.error() == 7 && frame.stream >= streams[250]), "{refused:?}");
    Figures::until(address, "the sessions", |figures| figures.sessions() == 250.0);
}

// T11: who asks and does not listen is not listened to; nothing piles up.
#[test]
fn t11_floods_of_pings_and_settings_pile_nothing_up() {
    let hub = Hub::builder().config(SOON).start();
    let address = hub.address();
    let process = Process(hub.pid());
    let connection = Http2::connect(address);
    let mut healthy = connection.stream(&Request::get("/v1/events?topic=a"));
    // What is opened with the first event is open before anything is counted.
    let id = publish(address, "a", "first");
    assert_eq!(healthy.next().id, id);
    let before = process.resident();
    let descriptors = process.descriptors();
    for frame in [Frame::encode(Frame::PING, 0, 0, &[0; 8]), Frame::encode(Frame::SETTINGS, 0, 0, &[])] {
        let mut frames = Frames::connect(address, 65_535);
        frames.stream().set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        let burst = frame.repeat(4096);
        // Until it is no longer read, or hung up on.
        let sent = (0..1000).take_while(|_| frames.send(&burst).is_ok()).count();
        println!("{} KiB were read", (sent * burst.len()) >> 10);
        assert!(sent < 1000, "it is read without end");
    }
    let growth = process.resident().saturating_sub(before);
    assert!(growth < 16 << 20, "{growth} bytes more");
    process.until_descriptors(descriptors);
    let id = publish(address, "a", "x");
    assert_eq!(healthy.next().id, id);
}

// T24, T9: a proxy that goes by one of the names and a hub that goes by the other would not speak of the same thing
#[test]
fn t24_a_host_beside_another_authority_is_refused() {
    let hub = LocalHub::start();
    let http2 = Http2::connect(hub.address());
    let topics = Request::get("/v1/topics");
    let own = hub.address().to_string();
    assert_eq!(http2.send(&topics.clone().header("Host", &own)).status(), 200, "the same in both");
    let port = hub.address().port();
    for other in ["localhost", "127.0.0.1", "hub.example", &format!("localhost:{port}"), &format!("{own}0"), ""] {
        let refused = http2.send(&topics.clone().header("Host", other)).expect(400);
        assert_eq!(refused.json()["field"], "Host", "{other:?}");
    }
    let twice = topics.clone().header("Host", &own).header("Host", &own);
    assert_eq!(http2.send(&twice).status(), 400);
    let stream = Request::get("/v1/events?topic=a").header("Host", "localhost");
    assert_eq!(http2.send(&stream).status(), 400);
    assert_eq!(http2.send(&topics).status(), 200, "the connection goes on");
}
