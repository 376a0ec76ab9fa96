//! Behind real reverse proxies, set up as the book says: streams pass at once, stay open and end well.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use headwater_testkit::peer::{Connection, Events, Stream};
use headwater_testkit::{Figures, Hub, Proxy, ProxyKind, batching_hop, until};

const BOOK: &str = include_str!("../../docs/src/buffers.md");

/// The configuration the book gives for this proxy.
fn recipe(kind: ProxyKind) -> &'static str {
    let block = BOOK.split_once(&format!("```{}\n", kind.name())).expect("a recipe in the book").1;
    block.split_once("```").unwrap().0
}

fn subscribe(address: SocketAddr, query: &str) -> Stream {
    let stream = Connection::open(address).unwrap().subscribe(query, &[]).unwrap();
    assert_eq!(stream.head.status, 200, "{:?}", stream.head);
    assert_eq!(stream.head.get("content-type"), Some("text/event-stream"), "{:?}", stream.head);
    stream
}

fn publish(hub: &Hub, topic: &str, data: &str) -> String {
    Connection::open(hub.address()).unwrap().publish(topic, data).unwrap().id()
}

/// Each event arrives before the next is published: nothing on the way waits for more.
#[track_caller]
fn check_lock_step(hub: &Hub, topic: &str, stream: &mut Stream) {
    for number in 0..20 {
        let data = format!("event {number}");
        let id = publish(hub, topic, &data);
        let event = stream.events.expect();
        assert_eq!((event.id, event.data), (id, data));
    }
}

// BUF-01, BUF-09, BSG-02, BSG-04, R10
#[test]
fn buf_09_the_recipes_of_the_book_pass_streams_on_at_once() {
    for kind in ProxyKind::ALL {
        println!("{}", kind.name());
        let hub = Hub::start();
        let proxy = kind.start(recipe(kind), hub.address());
        let mut through = subscribe(proxy.address(), "?topic=a");
        let mut direct = subscribe(hub.address(), "?topic=a");
        // The first block comes before there is any event.
        through.events.read_until(|text| text.ends_with("\n\n"));
        check_lock_step(&hub, "a", &mut through);

        // The same bytes on every way, but for the first block with its random delay.
        direct.events.read_until(|text| text.contains("event 19\n\n"));
        let after_first = |stream: &Stream| stream.events.text().split_once("\n\n").unwrap().1.to_owned();
        assert_eq!(after_first(&through), after_first(&direct));

        // EVR-05: the cursor gets through, too.
        let cursor = through.events.cursor().to_owned();
        let missed = publish(&hub, "a", "missed");
        drop(through);
        let mut back =
            Connection::open(proxy.address()).unwrap().subscribe("?topic=a", &[("last-event-id", &cursor)]).unwrap();
        assert_eq!(back.events.expect().id, missed);
    }
}

// KAL-05: with the next heartbeat at the latest; HAProxy looks after its client only when it has something for it.
#[test]
fn kal_05_departures_behind_proxies_are_noticed() {
    let hub = Hub::builder().config("heartbeat = \"1s\"").start();
    for kind in ProxyKind::ALL {
        let proxy = kind.start(recipe(kind), hub.address());
        let stream = subscribe(proxy.address(), "?topic=a");
        Figures::until(hub.address(), "the session", |figures| figures.sessions() == 1.0);
        drop(stream);
        Figures::until(hub.address(), kind.name(), |figures| figures.sessions() == 0.0);
    }
}

// KAL-07, BSG-10: a drain gets through as a clean end.
#[test]
fn kal_07_a_drain_is_a_clean_end_behind_proxies() {
    for kind in ProxyKind::ALL {
        let mut hub = Hub::start();
        let proxy = kind.start(recipe(kind), hub.address());
        let mut stream = subscribe(proxy.address(), "?topic=a");
        check_lock_step(&hub, "a", &mut stream);
        assert!(hub.terminate().success());
        let rest = stream.events.rest().unwrap_or_else(|error| panic!("{}: {error}", kind.name()));
        assert_eq!(rest.last().map(|event| event.event.as_str()), Some("headwater.closing"), "{}", kind.name());
        assert!(!stream.events.torn());
    }
}

/// The recipe of the book with idle limits of this many seconds.
fn impatient(kind: ProxyKind, seconds: u32) -> String {
    let text = match kind {
        ProxyKind::Caddy => recipe(kind).replace(
            "header_up Host {upstream_hostport}",
            "header_up Host {upstream_hostport}\ntransport http {\nread_timeout 1h\n}",
        ),
        _ => recipe(kind).to_owned(),
    };
    assert!(text.contains("1h"), "no idle limit in the recipe for {}", kind.name());
    text.replace("1h", &format!("{seconds}s"))
}

// KAL-02, KAL-01, TRN-05: heartbeats below the idle limits of the way keep a silent stream open, and are needed for it.
#[test]
fn kal_02_heartbeats_keep_silent_streams_open() {
    let hub = Hub::builder().config("heartbeat = \"1s\"").start();
    let mute = Hub::builder().config("heartbeat = \"1h\"").start();
    let start = |kind: ProxyKind, hub: &Hub| {
        let proxy = kind.start(&impatient(kind, 3), hub.address());
        let stream = subscribe(proxy.address(), "?topic=silent");
        (kind, proxy, stream)
    };
    let mut beating: Vec<_> = ProxyKind::ALL.map(|kind| start(kind, &hub)).into();
    let silent: Vec<_> = ProxyKind::ALL.map(|kind| start(kind, &mute)).into();
    for (kind, _proxy, mut stream) in silent {
        // Cut, with or without an error. The limit is what this test is about, so it has to be there.
        let end = stream.events.receive();
        let cut = !end.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(cut, "{} has no idle limit of 3 s: {end:?}", kind.name());
    }
    for (_, _, stream) in &mut beating {
        stream.events.read_until(|text| text.matches("\n:").count() >= 10);
    }
    let id = publish(&hub, "silent", "x");
    for (kind, _proxy, mut stream) in beating {
        assert_eq!(stream.events.expect().id, id, "{}", kind.name());
    }
}

// KAL-02
#[test]
#[ignore = "takes ten minutes"]
fn kal_02_ten_silent_minutes_with_the_defaults_of_hub_and_proxies() {
    let hub = Hub::builder().config("max_age = 0").start();
    let open = |kind: ProxyKind| {
        // Without the longer limits of the recipe, as far as there are defaults.
        let text = match kind {
            ProxyKind::Nginx => recipe(kind).replace("proxy_read_timeout 1h;", ""),
            ProxyKind::Haproxy => recipe(kind).replace("1h", "50s"),
            ProxyKind::Caddy => recipe(kind).to_owned(),
        };
        let proxy = kind.start(&text, hub.address());
        let stream = subscribe(proxy.address(), "?topic=silent");
        (proxy, stream)
    };
    let mut open: Vec<_> = ProxyKind::ALL.map(open).into();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(600) {
        for (_, stream) in &mut open {
            assert!(stream.events.read_more().unwrap());
        }
    }
    let id = publish(&hub, "silent", "x");
    for (_, stream) in &mut open {
        assert_eq!(stream.events.expect().id, id);
    }
}

/// nginx as it is, with nothing said about buffering.
const BARE: &str = "location / {\nproxy_pass http://127.0.0.1:7070;\nproxy_set_header Host 127.0.0.1:7070;\n}";

// BUF-09: the header of the answer is enough.
#[test]
fn buf_09_x_accel_buffering_alone_suffices_for_nginx() {
    let hub = Hub::start();
    let proxy = ProxyKind::Nginx.start(BARE, hub.address());
    let mut stream = subscribe(proxy.address(), "?topic=a");
    check_lock_step(&hub, "a", &mut stream);
}

// BUF-07
#[test]
fn buf_07_gzip_on_the_way_does_not_hold_events_back() {
    let hub = Hub::start();
    let config = format!("gzip on;\ngzip_types *;\ngzip_proxied any;\ngzip_min_length 0;\nserver:\n{BARE}");
    let proxy = ProxyKind::Nginx.start(&config, hub.address());
    let mut curl = Curl::get(proxy.address(), "/v1/events?topic=a");
    Figures::until(hub.address(), "the session", |figures| figures.sessions() == 1.0);
    for number in 0..20 {
        let id = publish(&hub, "a", &format!("event {number}"));
        assert_eq!(curl.events.expect().id, id);
    }
    let head = Connection::open(proxy.address()).unwrap().subscribe("?topic=a", &[("accept-encoding", "gzip")]);
    assert_eq!(head.unwrap().head.get("content-encoding"), Some("gzip"), "nothing was compressed");
}

/// A client that can unpack what it gets.
struct Curl {
    child: Child,
    events: Events<ChildStdout>,
}

impl Curl {
    fn get(address: SocketAddr, target: &str) -> Self {
        let url = format!("http://{address}{target}");
        let mut command = Command::new("curl");
        command.args(["-sSN", "--compressed", "--max-time", "60", &url]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("curl");
        let events = Events::new(child.stdout.take().unwrap());
        Self { child, events }
    }
}

impl Drop for Curl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// BUF-08
#[test]
fn buf_08_the_hop_that_batches_is_named() {
    let hub = Hub::start();
    let start = |config: &str, before: SocketAddr| ProxyKind::Nginx.start(config, before);
    let good = start(BARE, hub.address());
    // Deaf to what the hub says about buffering. It passes the header on, so the hop after it is not to blame.
    let deaf =
        BARE.replace("location / {", "location / {\nproxy_buffering on;\nproxy_ignore_headers X-Accel-Buffering;");
    let deaf = start(&deaf, good.address());
    let outer = start(BARE, deaf.address());
    let chain =
        [("hub", hub.address()), ("good", good.address()), ("deaf", deaf.address()), ("outer", outer.address())];
    assert_eq!(batching_hop(&chain[..2], Duration::from_secs(10)), None);
    assert_eq!(batching_hop(&chain, Duration::from_secs(3)), Some("deaf"));
}

// SEC-12
#[test]
fn sec_12_a_caching_proxy_never_mixes_up_two_users() {
    let hub = Hub::start();
    let config = format!(
        "proxy_cache_path cache keys_zone=zone:1m;\nserver:\nproxy_cache zone;\nproxy_cache_valid any 1h;\n\
         proxy_cache_key $uri$is_args$args;\nproxy_cache_lock on;\nproxy_cache_lock_timeout 1s;\n\
         add_header x-cache $upstream_cache_status always;\n{BARE}"
    );
    let proxy = ProxyKind::Nginx.start(&config, hub.address());
    // A stream that ends is the kind of answer that a cache could keep.
    let ask = |user: &str, target: &str, accept: &str| {
        let mut connection = Connection::open(proxy.address()).unwrap();
        let fields = [("cookie", user), ("accept", accept)];
        let answer = connection.request("GET", target, &fields, b"").unwrap();
        assert_eq!(answer.head.get("x-cache"), Some("MISS"), "{target} as {accept}: {answer:?}");
        answer.text().to_owned()
    };
    for accept in ["text/event-stream", "application/x-ndjson", "application/json"] {
        let topic = format!("job/{}", accept.len());
        let target = format!("/v1/events?topic={topic}&since=earliest");
        publish(&hub, &topic, "for the first");
        publish(&hub, &format!("{topic}?final=done"), "its end");
        let first = ask("user=first", &target, accept);
        assert!(first.contains("for the first"), "{first}");
        Connection::open(hub.address()).unwrap().request("DELETE", &format!("/v1/topics/{topic}"), &[], b"").unwrap();
        publish(&hub, &topic, "for the second");
        publish(&hub, &format!("{topic}?final=done"), "its end");
        let second = ask("user=second", &target, accept);
        assert!(second.contains("for the second") && !second.contains("for the first"), "{second}");
    }
    // Two at the same time on one address are two streams of the hub.
    let mut streams = [subscribe(proxy.address(), "?topic=both"), subscribe(proxy.address(), "?topic=both")];
    Figures::until(hub.address(), "two sessions", |figures| figures.sessions() == 2.0);
    let id = publish(&hub, "both", "x");
    assert!(streams.iter_mut().all(|stream| stream.events.expect().id == id));
    // Figures and errors are as little for keeping.
    ask("user=first", "/metrics", "*/*");
    ask("user=first", "/v1/topics/none", "*/*");
}

#[test]
fn proxies_that_are_not_needed_any_more_are_gone() {
    let hub = Hub::start();
    let proxy: Proxy = ProxyKind::Haproxy.start(recipe(ProxyKind::Haproxy), hub.address());
    let address = proxy.address();
    drop(proxy);
    until("the port to be closed", || std::net::TcpStream::connect(address).is_err().then_some(()));
}
