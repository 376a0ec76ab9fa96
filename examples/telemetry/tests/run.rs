//! Runs the program against a hub of a few lines that loses answers on purpose.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// One publish as the stand-in hub saw it.
#[derive(Clone, Debug)]
struct Publish {
    target: String,
    key: String,
    body: String,
    answered: bool,
}

#[test]
fn publishes_three_topics_and_repeats_a_lost_publish_with_its_key() {
    let (hub, publishes) = stand_in_hub();
    let mut program = Program::start(hub);
    let mut seen: Vec<Publish> = Vec::new();
    let end = Instant::now() + BOUND;
    while seen.iter().filter(|publish| publish.answered).count() < 6 {
        seen.push(publishes.recv_timeout(end.saturating_duration_since(Instant::now())).unwrap());
    }
    for kind in ["cpu", "memory", "network"] {
        let mine: Vec<_> = seen.iter().filter(|p| p.target.ends_with(&format!("/{kind}?event={kind}"))).collect();
        assert!(mine.len() >= 2, "{kind} in {seen:#?}");
        assert!(mine.iter().all(|p| p.target.starts_with("/v1/topics/telemetry/") && p.body.contains("\"at\":")));
    }
    // The stand-in swallows its second answer: the same key comes again, before any newer sample.
    assert!(!seen[1].answered && seen[1].key == seen[2].key && seen[1].body == seen[2].body, "{seen:#?}");
    let stored: Vec<&str> = seen.iter().filter(|p| p.answered).map(|p| p.key.as_str()).collect();
    assert_eq!(stored.iter().collect::<HashSet<_>>().len(), stored.len(), "no sample is stored twice");
    program.stop();
}

#[test]
fn serves_its_page_under_a_policy_that_names_the_hub_and_stops_at_sigterm() {
    let (hub, _publishes) = stand_in_hub();
    let mut program = Program::start(hub);
    let page = program.page;
    let index = get(page, "GET / HTTP/1.1");
    assert!(index.starts_with("HTTP/1.1 200 OK\r\n"), "{index}");
    assert!(index.contains(&format!("connect-src 'self' http://{hub};")), "{index}");
    assert!(index.contains("require-trusted-types-for 'script'") && index.contains("<title>Telemetry"), "{index}");
    for path in ["/app.js", "/chart.js", "/style.css", "/icon.svg"] {
        assert!(get(page, &format!("GET {path} HTTP/1.1")).starts_with("HTTP/1.1 200 OK\r\n"), "{path}");
    }
    assert!(get(page, "GET /hub.json HTTP/1.1").ends_with(&format!("{{\"hub\":\"http://{hub}\"}}")));
    assert!(get(page, "GET /../Cargo.toml HTTP/1.1").starts_with("HTTP/1.1 404"));
    assert!(get(page, "POST / HTTP/1.1").starts_with("HTTP/1.1 405"));
    program.stop();
}

/// The program as a child, killed at the end whatever happens.
struct Program {
    child: Child,
    page: SocketAddr,
}

impl Program {
    fn start(hub: SocketAddr) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_telemetry"))
            .args(["--hub", &hub.to_string(), "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let page =
            lines.find_map(|line| line.split_once("http://").filter(|_| line.starts_with("Page")).map(page_address));
        let page = page.expect("the program says where its page is");
        Self { child, page }
    }

    fn stop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let end = Instant::now() + BOUND;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(Instant::now() < end, "it does not stop");
            thread::yield_now();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn page_address((_, rest): (&str, &str)) -> SocketAddr {
    rest.trim_end_matches('/').parse().unwrap()
}

fn get(page: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(page).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    write!(stream, "{request}\r\nHost: {page}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Answers every publish with 201 but the second, at which it closes the connection.
fn stand_in_hub() -> (SocketAddr, Receiver<Publish>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut count = 0;
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            while let Some(mut publish) = read_publish(&mut reader) {
                count += 1;
                publish.answered = count != 2;
                let answered = publish.answered;
                if send.send(publish).is_err() {
                    return;
                }
                if !answered {
                    break;
                }
                let body = format!("{{\"id\":\"{count}-6f3a\"}}");
                let head = format!("HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n", body.len());
                reader.get_mut().write_all((head + &body).as_bytes()).unwrap();
            }
        }
    });
    (address, receive)
}

/// Reads one request; `None` when the connection ends.
fn read_publish(reader: &mut BufReader<TcpStream>) -> Option<Publish> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
    let target = line.split(' ').nth(1)?.to_owned();
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok()?;
        let Some((name, value)) = field.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "idempotency-key" => key = value.trim().to_owned(),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Publish { target, key, body: String::from_utf8(body).ok()?, answered: false })
}

const BOUND: Duration = Duration::from_secs(30);
