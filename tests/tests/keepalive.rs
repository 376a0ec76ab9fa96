//! How streams stay open, and how their ends are noticed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use headwater_testkit::peer::{Connection, Stream};
use headwater_testkit::{BlackHole, Figures, Hub, PATIENCE, Process, until};

fn subscribe(address: SocketAddr, query: &str) -> Stream {
    let stream = Connection::open(address).unwrap().subscribe(query, &[]).unwrap();
    assert_eq!(stream.head.status, 200);
    stream
}

fn publish(address: SocketAddr, topic: &str, data: &str) -> String {
    Connection::open(address).unwrap().publish(topic, data).unwrap().id()
}

// KAL-01, IDG-11, EVR-01
#[test]
fn kal_01_a_heartbeat_comes_after_silence_and_carries_the_cursor_on() {
    let hub = Hub::builder().config("heartbeat = \"1s\"").start();
    let address = hub.address();
    let mut stream = subscribe(address, "?topic=mine");
    stream.events.read_until(|text| text.contains("\n:"));
    // Nothing has happened in the log: the comment comes alone.
    let text = stream.events.text();
    assert!(text.split_once("\n:").unwrap().1.trim_start_matches([':', '\n']).is_empty(), "{text:?}");

    // Others' events move the cursor on without being shown.
    let other = publish(address, "others", "x");
    stream.events.read_until(|text| text.contains(&other));
    assert_eq!(stream.events.cursor(), other);
    let mine = publish(address, "mine", "y");
    assert_eq!(stream.events.expect().id, mine);
}

// KAL-01: who is never silent for that long never gets one.
#[test]
fn kal_01_no_heartbeat_on_a_stream_that_is_not_silent() {
    let hub = Hub::builder().config("heartbeat = \"2s\"").start();
    let address = hub.address();
    let mut busy = subscribe(address, "?topic=busy");
    let mut silent = subscribe(address, "?topic=silent");
    silent.socket().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut sent = 0;
    let mut longest = Duration::ZERO;
    let mut last = Instant::now();
    // As long as the silent neighbour needs for two of them.
    while silent.events.text().matches("\n:").count() < 2 {
        publish(address, "busy", "x");
        sent += 1;
        assert_eq!(busy.events.expect().data, "x");
        longest = longest.max(last.elapsed());
        last = Instant::now();
        // Nothing yet is no error.
        let _ = silent.events.read_more();
    }
    // On a machine that stops for longer than the interval the stream was silent after all.
    if longest < Duration::from_millis(1500) {
        assert!(!busy.events.text().contains("\n:"), "after {sent} events: {}", busy.events.text());
    }
}

// KAL-03, BUF-10, RLB-11
#[test]
fn kal_03_options_of_accepted_sockets() {
    let hub = Hub::start();
    let stream = subscribe(hub.address(), "?topic=a");
    let port = stream.socket().local_addr().unwrap().port();
    let filter = format!("dport = :{port}");
    // The timer starts when the last bytes are acknowledged.
    until("the keepalive timer", || {
        let shown = ss(&["-tnoe", &filter]);
        // 30 s of silence, and then probes.
        let timer = shown.split_once("timer:(keepalive,")?.1;
        assert!(timer.starts_with("29") || timer.starts_with("30") || timer.starts_with("2"), "{shown}");
        Some(())
    });
    let memory = ss(&["-tnm", &filter]);
    let buffer: u64 = memory.split_once("tb").unwrap().1.split(',').next().unwrap().parse().unwrap();
    // The kernel doubles what is asked for.
    assert!(buffer <= 64 << 10, "the kernel may hold {buffer} bytes: {memory}");
}

fn ss(arguments: &[&str]) -> String {
    let output = Command::new("ss").args(["-H"]).args(arguments).output().expect("ss of Debian's iproute2");
    String::from_utf8(output.stdout).unwrap()
}

// KAL-04, T10: the limits on heads and bodies are for those.
#[test]
fn kal_04_limits_on_requests_do_not_cut_a_stream() {
    let config = "heartbeat = \"1s\"\n[limits]\nhead_timeout = \"500ms\"\nbody_timeout = \"500ms\"";
    let hub = Hub::builder().config(config).start();
    let address = hub.address();
    let mut stream = subscribe(address, "?topic=a");
    // A head that is begun with it is cut long before.
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nho").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    stream.events.read_until(|text| text.matches("\n:").count() >= 3);
    let id = publish(address, "a", "x");
    assert_eq!(stream.events.expect().id, id);
}

// KAL-05, RUN-01, RUN-02: noticed at once, and counted once
#[test]
fn kal_05_a_client_that_leaves_is_noticed_at_once() {
    let hub = Hub::builder().config("heartbeat = \"1h\"").start();
    let address = hub.address();
    let mut closed = 0.0;
    for leave in [
        (|stream| drop(stream)) as fn(Stream),
        |stream| {
            // RST instead of FIN.
            let socket = socket2::SockRef::from(stream.socket());
            socket.set_linger(Some(Duration::ZERO)).unwrap();
        },
        |stream| {
            // A client that says it will send nothing more has left, as far as streams go.
            stream.socket().shutdown(Shutdown::Write).unwrap();
            until_closed(&stream);
        },
    ] {
        let stream = subscribe(address, "?topic=a");
        Figures::until(address, "the session", |figures| figures.sessions() == 1.0);
        leave(stream);
        closed += 1.0;
        let figures = Figures::until(address, "the end of the session", |figures| figures.sessions() == 0.0);
        assert_eq!(figures.closed("client"), closed);
    }
    // Nobody is left to write to, and nothing is reported as a fault.
    publish(address, "a", "x");
    let faults: Vec<_> = hub.log().into_iter().filter(|line| line.contains("ERROR") || line.contains("WARN")).collect();
    assert_eq!(faults, Vec::<String>::new());
    Process(hub.pid()).until_descriptors(64);
}

fn until_closed(stream: &Stream) {
    let mut socket = stream.socket();
    // A reset is an end, too.
    while socket.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}
}

// BSG-06, KAL-05, G9, R8: peers that vanish without a word are found by what they do not acknowledge.
#[test]
fn bsg_06_black_holed_clients_are_found_within_the_bound() {
    let hub = Hub::builder().config("heartbeat = \"1s\"").start();
    let address = hub.address();
    let mut network = BlackHole::new();
    let mut neighbour = subscribe(address, "?topic=a");
    Figures::until(address, "the neighbour", |figures| figures.sessions() == 1.0);
    let descriptors = Process(hub.pid()).descriptors();
    let lost: Vec<Stream> =
        (0..200).map(|_| Connection::over(network.connect(address)).subscribe("?topic=a", &[]).unwrap()).collect();
    Figures::until(address, "all sessions", |figures| figures.sessions() == 201.0);
    network.swallow();
    let vanished = Instant::now();
    // One more heartbeat, and then the time that data may stay unacknowledged.
    let bound = Duration::from_secs(45) + PATIENCE;
    while Figures::of(address).sessions() > 1.0 {
        assert!(vanished.elapsed() < bound, "{} left after {bound:?}", Figures::of(address).sessions());
        neighbour.events.read_more().unwrap();
    }
    println!("all found after {:?}", vanished.elapsed());
    Process(hub.pid()).until_descriptors(descriptors + 8);
    let id = publish(address, "a", "x");
    assert_eq!(neighbour.events.expect().id, id);
    drop(lost);
}

// KAL-06, EVR-04
#[test]
fn kal_06_a_stream_of_maximum_age_is_ended_and_resumes_without_loss() {
    let hub = Hub::builder().config("max_age = \"1s\"\nheartbeat = \"1s\"\nretry = \"100ms\"").start();
    let address = hub.address();
    let mut cursor: Option<String> = None;
    let mut seen = Vec::new();
    let mut sent = Vec::new();
    for round in 0..3 {
        sent.push(publish(address, "a", &format!("between {round}")));
        let fields: Vec<_> = cursor.iter().map(|cursor| ("last-event-id", cursor.as_str())).collect();
        let query = if round == 0 { "?topic=a&since=earliest" } else { "?topic=a" };
        let mut stream = Connection::open(address).unwrap().subscribe(query, &fields).unwrap();
        sent.push(publish(address, "a", &format!("during {round}")));
        let mut events = stream.events.rest().unwrap();
        let closing = events.pop().unwrap();
        assert_eq!((closing.event.as_str(), &closing.json()["reason"]), ("headwater.closing", &"max_age".into()));
        assert!((50..=150).contains(&closing.json()["reconnect_ms"].as_u64().unwrap()), "{closing:?}");
        assert!(!stream.events.torn());
        seen.extend(events.into_iter().map(|event| event.id));
        cursor = Some(stream.events.cursor().to_owned());
    }
    assert_eq!(seen, sent);
    assert_eq!(Figures::of(address).closed("max_age"), 3.0);
}

// KAL-06: streams of one age end in another order than they began in.
#[test]
fn kal_06_streams_of_one_age_do_not_end_together() {
    const STREAMS: usize = 60;
    let hub = Hub::builder().config("max_age = \"2s\"").start();
    let address = hub.address();
    let order_of_ends = || {
        let ends = Mutex::new(Vec::new());
        let streams: Vec<_> = (0..STREAMS).map(|_| subscribe(address, "?topic=a")).collect();
        thread::scope(|scope| {
            for (number, mut stream) in streams.into_iter().enumerate() {
                let ends = &ends;
                scope.spawn(move || {
                    assert_eq!(stream.events.rest().unwrap().last().unwrap().event, "headwater.closing");
                    ends.lock().unwrap().push(number);
                });
            }
        });
        ends.into_inner().unwrap()
    };
    // Of all pairs about half change places, if the machine does not sleep over all the ends.
    let mixed = (0..5).any(|_| {
        let ends = order_of_ends();
        let swapped = |n: usize| ends[n + 1..].iter().filter(|later| **later < ends[n]).count();
        (0..STREAMS).map(swapped).sum::<usize>() > STREAMS * (STREAMS - 1) / 10
    });
    assert!(mixed, "streams end in the order in which they began");
}
