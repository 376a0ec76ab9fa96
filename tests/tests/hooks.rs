//! Webhooks: signed, in order, at least once, whatever happens to the hub or the receiver.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headwater_testkit::{Hub, Request, until};
use serde_json::{Value, json};

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "b3RoZXIgc2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXM=";

/// A request as it came.
#[derive(Clone, Debug)]
struct Call {
    head: Vec<(String, String)>,
    body: String,
}

/// Somebody who is told: answers with the next of its statuses, then with 200.
struct Receiver {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    statuses: Arc<Mutex<VecDeque<u16>>>,
}

impl Call {
    fn header(&self, name: &str) -> &str {
        &self.head.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).unwrap().1
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// `topic.occupied rooms/1`.
    fn told(&self) -> String {
        let body = self.json();
        format!("{} {}", body["type"].as_str().unwrap(), body["data"]["topic"].as_str().unwrap())
    }

    /// Whether it was signed with this secret, as the specification says.
    fn is_signed_with(&self, secret: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(secret).unwrap());
        let signed = format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let signature = self.header("webhook-signature").strip_prefix("v1,").unwrap();
        hmac::verify(&key, signed.as_bytes(), &STANDARD.decode(signature).unwrap()).is_ok()
    }
}

impl Receiver {
    fn start() -> Self {
        Self::on("127.0.0.1:0".parse().unwrap())
    }

    fn on(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let receiver =
            Self { address: listener.local_addr().unwrap(), calls: Arc::default(), statuses: Arc::default() };
        let (calls, statuses) = (receiver.calls.clone(), receiver.statuses.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Some((call, mut stream)) = read(stream.unwrap()) else { continue };
                calls.lock().unwrap().push(call);
                let status = statuses.lock().unwrap().pop_front().unwrap_or(200);
                // The hub may have been killed meanwhile.
                let _ = write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        receiver
    }

    fn answer(&self, statuses: &[u16]) {
        self.statuses.lock().unwrap().extend(statuses);
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Waits for so many calls.
    #[track_caller]
    fn wait_for(&self, count: usize) -> Vec<Call> {
        until(&format!("{count} calls"), || Some(self.calls()).filter(|calls| calls.len() >= count))
    }
}

fn read(stream: TcpStream) -> Option<(Call, TcpStream)> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    assert_eq!(line, "POST /hook HTTP/1.1\r\n");
    let mut head = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        head.push((name.to_owned(), value.to_owned()));
    }
    let mut call = Call { head, body: String::new() };
    let length: u64 = call.header("content-length").parse().unwrap();
    reader.take(length).read_to_string(&mut call.body).ok()?;
    Some((call, stream))
}

fn config(address: SocketAddr, secret: &str) -> String {
    format!(
        "retry = \"100ms\"\ndrain = \"100ms\"\n[[class]]\ntopics = [\"rooms/**\"]\npresence = true\n\
         [[hook]]\nid = \"app\"\nurl = \"http://{address}/hook\"\nsecret = \"whsec_{secret}\"\ntopics = [\"rooms/**\", \"jobs/*\"]\n\
         events = [\"topic.occupied\", \"topic.vacated\", \"topic.finished\"]\n"
    )
}

fn finish(hub: &Hub, topic: &str) -> String {
    let answer = hub.client().send(&Request::post(&format!("/v1/topics/{topic}?final=done"), "")).expect(201);
    answer.json()["id"].as_str().unwrap().to_owned()
}

fn told(calls: &[Call]) -> Vec<String> {
    calls.iter().map(Call::told).collect()
}

#[test]
fn the_first_reader_the_last_one_and_the_end_are_told_and_signed() {
    let receiver = Receiver::start();
    let hub = Hub::builder().config(&config(receiver.address, SECRET)).start();
    let client = hub.client();
    let streams = [client.events("topic=rooms/1"), client.events("topic=rooms/1"), client.events("topic=other")];
    assert_eq!(told(&receiver.wait_for(1)), ["topic.occupied rooms/1"]);
    client.publish("jobs/1", "step");
    client.publish("other/1", "nobody's business");
    finish(&hub, "other/1");
    let end = finish(&hub, "jobs/1");
    receiver.wait_for(2);
    drop(streams);
    let calls = receiver.wait_for(3);
    assert_eq!(told(&calls), ["topic.occupied rooms/1", "topic.finished jobs/1", "topic.vacated rooms/1"]);
    for call in &calls {
        assert!(call.is_signed_with(SECRET) && !call.is_signed_with(OTHER), "{call:?}");
        assert_eq!(call.header("content-type"), "application/json");
        assert!(call.json()["timestamp"].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(calls[1].header("webhook-id"), end, "the id of the event, so that repeats can be told");
    assert_eq!(calls[1].json()["data"], json!({ "topic": "jobs/1", "reason": "done" }));
    until("the metrics", || (client.metric("headwater_hook_delivered_total") == 3.0).then_some(()));
    assert_eq!(client.metric("headwater_hook_failed_total") + client.metric("headwater_hook_lag_seconds"), 0.0);
    assert!(!hub.log().iter().any(|line| line.contains(SECRET)), "SEC-06");
}

#[test]
fn what_was_not_taken_is_told_again_in_order() {
    let receiver = Receiver::start();
    receiver.answer(&[500, 302, 429]);
    let hub = Hub::builder().config(&config(receiver.address, SECRET)).start();
    for job in ["jobs/1", "jobs/2"] {
        finish(&hub, job);
    }
    let calls = receiver.wait_for(5);
    let first = "topic.finished jobs/1";
    assert_eq!(told(&calls), [first, first, first, first, "topic.finished jobs/2"]);
    assert!(calls[..4].iter().all(|call| call.header("webhook-id") == calls[0].header("webhook-id")));
    assert!(calls.iter().all(|call| call.is_signed_with(SECRET)));
    until("the metrics", || (hub.client().metric("headwater_hook_delivered_total") == 2.0).then_some(()));
    assert_eq!(hub.client().metric("headwater_hook_retries_total"), 3.0);
}

#[test]
fn nothing_is_missed_while_the_receiver_and_then_the_hub_is_down() {
    // An address where nobody is.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut hub = Hub::builder().config(&config(address, SECRET)).start();
    finish(&hub, "jobs/1");
    finish(&hub, "jobs/2");
    until("a retry", || (hub.client().metric("headwater_hook_retries_total") >= 1.0).then_some(()));
    hub.kill();
    let receiver = Receiver::on(address);
    hub.restart();
    let calls = receiver.wait_for(2);
    assert_eq!(told(&calls), ["topic.finished jobs/1", "topic.finished jobs/2"]);
    until("its place to be kept", || (hub.client().metric("headwater_hook_delivered_total") == 2.0).then_some(()));
    finish(&hub, "jobs/3");
    receiver.wait_for(3);
    // What was taken is not told again, but for the last, of which the hub may not have kept that it was.
    hub.kill();
    hub.restart();
    finish(&hub, "jobs/4");
    let calls = until("the last", || {
        Some(receiver.calls()).filter(|calls| calls.last().unwrap().told() == "topic.finished jobs/4")
    });
    let repeats = calls.len() - 4;
    assert!(repeats <= 1, "{:?}", told(&calls));
}

#[test]
fn a_reload_takes_another_secret_and_switches_on_again_what_was_gone() {
    let receiver = Receiver::start();
    let mut hub = Hub::builder().config(&config(receiver.address, SECRET)).start();
    finish(&hub, "jobs/1");
    assert!(receiver.wait_for(1)[0].is_signed_with(SECRET));
    hub.reload(&config(receiver.address, OTHER));
    hub.logged("configuration reloaded");
    finish(&hub, "jobs/2");
    let calls = receiver.wait_for(2);
    let last = calls.last().unwrap();
    assert!(last.told() == "topic.finished jobs/2" && last.is_signed_with(OTHER), "{calls:?}");
    // Gone: nothing more until the next reload, and nothing is lost.
    receiver.answer(&[410]);
    finish(&hub, "jobs/3");
    hub.logged("the hook is off until the next reload");
    finish(&hub, "jobs/4");
    let before = receiver.calls().len();
    hub.reload(&config(receiver.address, OTHER));
    let calls = receiver.wait_for(before + 2);
    assert_eq!(told(&calls[before..]), ["topic.finished jobs/3", "topic.finished jobs/4"]);
    // A hook that cannot be used changes nothing.
    hub.reload(&config(receiver.address, "&"));
    let said = hub.logged("the configuration stays as it was");
    assert!(said.contains("hook \"app\""), "{said}");
}
