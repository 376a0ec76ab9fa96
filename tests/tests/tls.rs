//! TLS: the same streams, certificates that change while they run, and peers that speak something else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

use headwater_testkit::peer::{Connection, Stream};
use headwater_testkit::{Certificate, Hub, PATIENCE, TlsStream, until};
use tempfile::TempDir;

/// A hub that speaks TLS, and what it shows.
struct Secured {
    hub: Hub,
    certificate: Certificate,
    folder: TempDir,
}

impl Secured {
    fn start(config: &str) -> Self {
        let folder = TempDir::with_prefix("headwater-tls-").unwrap();
        let certificate = Certificate::new();
        certificate.write(folder.path());
        let hub = Hub::builder().config(config).config(&Certificate::table(folder.path())).start();
        Self { hub, certificate, folder }
    }

    fn connect(&self) -> Connection<TlsStream> {
        self.certificate.connect(self.hub.address(), &["http/1.1"]).unwrap()
    }

    fn subscribe(&self, query: &str) -> Stream<TlsStream> {
        let stream = self.connect().subscribe(query, &[]).unwrap();
        assert_eq!(stream.head.status, 200);
        stream
    }

    fn publish(&self, topic: &str, data: &str) -> String {
        self.connect().publish(topic, data).unwrap().id()
    }

    /// What is published arrives on a stream that was there before.
    #[track_caller]
    fn check(&self, stream: &mut Stream<TlsStream>) {
        let id = self.publish("a", "still there");
        assert_eq!(stream.events.expect().id, id);
    }

    fn figure(&self, name: &str) -> u64 {
        let metrics = self.connect().get("/metrics").unwrap();
        let line = metrics.text().lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        line.unwrap().parse().unwrap()
    }

    fn sessions(&self) -> u64 {
        self.figure("headwater_sessions")
    }
}

// BUF-01, SEC-01, SEC-14, BSG-01: HTTP/1.1 and HTTP/2 over TLS, and without it, carry the same bytes.
#[test]
fn buf_01_streams_over_tls_have_the_same_bytes() {
    let secured = Secured::start("");
    let plain = Hub::start();
    for (topic, data) in [("job", "one\ntwo"), ("other", "x"), ("job", "é"), ("job?final=done", "last")] {
        secured.publish(topic, data);
        Connection::open(plain.address()).unwrap().publish(topic, data).unwrap();
    }
    let query = "?topic=job&since=earliest";
    let mut over_tls = secured.subscribe(query);
    let mut without = Connection::open(plain.address()).unwrap().subscribe(query, &[]).unwrap();
    // An end that is not announced with TLS's own goodbye would be an error here: a cut looks different.
    let events = over_tls.events.rest().unwrap();
    assert_eq!(events.last().unwrap().event, "headwater.end");
    assert_eq!(events.len(), without.events.rest().unwrap().len());
    let rest = |text: &str| text.split_once("\nid: ").unwrap().1.to_owned();
    // The two logs have different epochs.
    let epoch = |id: &str| id.split_once('-').unwrap().1.to_owned();
    let ours = over_tls.events.text().replace(&epoch(over_tls.events.cursor()), &epoch(without.events.cursor()));
    assert_eq!(rest(&ours), rest(&without.events.text()));

    let head = &over_tls.head;
    assert_eq!(head.get("connection"), Some("close"));
    assert_eq!((head.get("content-length"), head.get("transfer-encoding")), (None, None));
    assert!(head.get("strict-transport-security").is_some_and(|age| age.starts_with("max-age=")));
    assert_eq!(without.head.get("strict-transport-security"), None);

    let url = format!("https://{}/v1/events{query}", secured.hub.address());
    let curl = Command::new("curl").args(["-ksS", "--http2", "-w", "%{http_version}", &url]).output().unwrap();
    let text = String::from_utf8(curl.stdout).unwrap();
    let (text, version) = text.split_at(text.len() - 1);
    assert_eq!((rest(text), version), (rest(&over_tls.events.text()), "2"));
}

// BRW-07
#[test]
fn protocols_are_chosen_by_alpn() {
    let secured = Secured::start("");
    for (offered, chosen) in [(&["h2", "http/1.1"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)] {
        let connection = secured.certificate.connect(secured.hub.address(), offered).unwrap();
        let got = connection.stream().conn.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        assert_eq!(got.as_deref(), chosen);
    }
    // Who offers nothing speaks HTTP/1.1.
    let mut connection = secured.certificate.connect(secured.hub.address(), &[]).unwrap();
    assert_eq!(connection.get("/healthz").unwrap().status(), 200);
}

#[test]
fn a_reload_shows_another_certificate_and_keeps_streams() {
    let mut secured = Secured::start("");
    let address = secured.hub.address();
    let mut stream = secured.subscribe("?topic=a");
    let config = Certificate::table(secured.folder.path());

    // Half of a change is no certificate: the old one stays.
    std::fs::write(secured.folder.path().join("cert.pem"), "no certificate").unwrap();
    secured.hub.reload(&config);
    secured.hub.logged("the configuration stays as it was");
    secured.check(&mut stream);

    let other = Certificate::new();
    other.write(secured.folder.path());
    secured.hub.reload(&config);
    secured.hub.logged("configuration reloaded");
    assert!(secured.certificate.connect(address, &[]).is_err(), "the old certificate is still shown");
    secured.certificate = other;
    secured.check(&mut stream);
}

// SEC-14, T10: whoever does not speak TLS is not waited for.
#[test]
fn sec_14_a_peer_that_speaks_no_tls_is_hung_up_on() {
    let secured = Secured::start("[limits]\nhead_timeout = \"1s\"");
    let ended = |first: &[u8]| {
        let mut socket = TcpStream::connect(secured.hub.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.write_all(first).unwrap();
        let mut answer = Vec::new();
        match socket.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
        }
        assert!(!answer.starts_with(b"HTTP/"), "plain text on a TLS port: {answer:?}");
    };
    ended(b"GET /v1/events?topic=a HTTP/1.1\r\nhost: localhost\r\n\r\n");
    ended(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    // Nothing at all, and the beginning of a handshake.
    ended(b"");
    ended(&[0x16, 0x03, 0x01, 0x02]);
    assert_eq!(secured.connect().get("/healthz").unwrap().status(), 200);
}

// KAL-05, KAL-07
#[test]
fn kal_07_ends_of_streams_over_tls() {
    let mut secured = Secured::start("heartbeat = \"1h\"");
    let gone = secured.subscribe("?topic=a");
    let mut stays = secured.subscribe("?topic=a");
    until("two sessions", || (secured.sessions() == 2).then_some(()));
    drop(gone);
    until("the end of one", || (secured.sessions() == 1).then_some(()));
    assert!(secured.hub.terminate().success());
    let events = stays.events.rest().expect("a clean end");
    assert_eq!(events.last().unwrap().event, "headwater.closing");
    assert!(!stays.events.torn());
}

// RLB-07, T13: stalled readers are evicted whatever carries their stream.
#[test]
fn t13_a_stalled_reader_over_tls_is_evicted() {
    let secured = Secured::start("heartbeat = \"1s\"\n[limits]\nstall_timeout = \"1s\"");
    let stalled = secured.subscribe("?topic=a");
    let mut healthy = secured.subscribe("?topic=a");
    let filler = "x".repeat(100_000);
    let mut publisher = secured.connect();
    for _ in 0..200 {
        let id = publisher.publish("a", &filler).unwrap().id();
        assert_eq!(healthy.events.expect().id, id);
        healthy.events.forget_bytes();
    }
    until("the stalled one to go", || (secured.sessions() == 1).then_some(()));
    assert_eq!(secured.figure("headwater_sessions_closed_total{reason=\"stalled\"}"), 1);
    drop(stalled);
}
