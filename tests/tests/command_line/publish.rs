//! What `headwater pub` stores, from every kind of input, and what it says of it.

use headwater_testkit::{Certificate, Client, Hub, Issuer, LocalHub, Request, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Ended, Program};

/// Type and data of all events of a topic, and their ids.
fn stored(client: &Client, topic: &str) -> (Vec<(String, String)>, Vec<String>) {
    let page = client.poll(&format!("topic={topic}&since=earliest&wait=0&limit=10000"));
    let events = page["events"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pairs = events.iter().map(|event| (text(&event["event"]), text(&event["data"]))).collect();
    (pairs, events.iter().map(|event| text(&event["id"])).collect())
}

fn message(data: &str) -> (String, String) {
    ("message".to_owned(), data.to_owned())
}

fn publish(hub: &LocalHub, arguments: &[&str], input: &[u8]) -> Ended {
    Program::new(hub.address(), &[&["pub"], arguments].concat()).run_with(input)
}

#[test]
fn one_event_comes_from_an_argument_or_from_standard_input() {
    let hub = LocalHub::start();
    let mut printed = publish(&hub, &["one", "{\"total\": 12}", "--type", "order.paid", "--key", "42"], b"").well();
    printed.extend(publish(&hub, &["one"], "two\nlines, é\n".as_bytes()).well());
    printed.extend(publish(&hub, &["one", ""], b"not read").well());
    let (events, ids) = stored(&hub.client(), "one");
    let paid = ("order.paid".to_owned(), "{\"total\": 12}".to_owned());
    assert_eq!(events, [paid, message("two\nlines, é"), message("")]);
    assert_eq!(printed, ids);
    assert_eq!(hub.client().poll("topic=one&since=earliest&wait=0")["events"][0]["key"], "42");

    let json = publish(&hub, &["json", "x", "--json"], b"").well();
    assert_eq!(json, [json!({ "id": stored(&hub.client(), "json").1[0] }).to_string()]);
    assert_eq!(publish(&hub, &["quiet", "x", "--quiet"], b"").well(), [""; 0]);
    let failure = publish(&hub, &["bytes"], b"\xff").failure(1);
    assert_eq!(failure, "headwater: standard input is no UTF-8 text\n");
    assert_eq!(stored(&hub.client(), "bytes").0, []);
}

#[test]
fn every_line_becomes_an_event() {
    let hub = LocalHub::start();
    let printed = publish(&hub, &["lines", "--lines", "--type", "line"], b"one\r\n\ntwo\\n three\nno end").well();
    let (events, ids) = stored(&hub.client(), "lines");
    let data: Vec<&str> = events.iter().map(|(_, data)| &**data).collect();
    assert_eq!(data, ["one", "", "two\\n three", "no end"]);
    assert!(events.iter().all(|(name, _)| name == "line"));
    assert_eq!(printed, ids);
    assert_eq!(publish(&hub, &["none", "--lines"], b"").well(), [""; 0]);

    let ended = publish(&hub, &["json", "--ndjson"], b"{\"a\": 1}\n\n[2]\nnot json\n3\n");
    assert_eq!(ended.lines.len(), 2);
    let failure = ended.failure(1);
    let expected = "headwater: line 4 is not JSON: expected ident at its byte 2; 2 events are stored\n";
    assert_eq!(failure, expected);
    assert_eq!(stored(&hub.client(), "json").0, [message("{\"a\": 1}"), message("[2]")]);
}

#[test]
fn an_event_stream_is_taken_over_with_its_types() {
    let hub = LocalHub::start();
    let stream = "\u{feff}retry: 5\n: comment\nid: 7\nevent: token\ndata: Hel\n\nid: 8\n\ndata: two\ndata: lines\n\n";
    let printed = publish(&hub, &["answer", "--event-stream", "--final", "done"], stream.as_bytes()).well();
    let (events, ids) = stored(&hub.client(), "answer");
    let end = ("headwater.end".to_owned(), "{\"reason\":\"done\",\"topic\":\"answer\"}".to_owned());
    assert_eq!(events, [("token".to_owned(), "Hel".to_owned()), message("two\nlines"), end]);
    assert_eq!(printed, ids, "the ids are those of the hub");

    let ended = publish(&hub, &["cut", "--event-stream"], b"data: whole\n\ndata: cut");
    assert_eq!(ended.lines.len(), 1);
    let failure = ended.failure(1);
    assert!(failure.contains("in the middle of an event") && failure.ends_with("; 1 event is stored\n"), "{failure}");
}

#[test]
fn what_comes_is_published_as_it_comes() {
    let hub = LocalHub::start();
    for (form, write) in [("--lines", "x\n"), ("--ndjson", "1\n"), ("--event-stream", "data: x\n\n")] {
        let mut running = Program::new(hub.address(), &["pub", "live", form]).start();
        for _ in 0..2 {
            running.write(write);
            let id = running.line();
            assert_eq!(stored(&hub.client(), "live").1.last(), Some(&id));
        }
        running.signal(Signal::TERM);
        // Its input goes on.
        let code = until("its end", || running.code());
        assert_eq!((code, running.said().as_str()), (Some(0), ""), "a signal ends it in good order");
    }
}

#[test]
fn a_topic_can_be_ended() {
    let hub = LocalHub::start();
    assert_eq!(publish(&hub, &["jobs/1", "100 %", "--final", "error"], b"").well().len(), 2);
    assert_eq!(publish(&hub, &["jobs/2", "", "--final", "cancelled"], b"").well().len(), 1);
    assert_eq!(publish(&hub, &["jobs/3", "--final", "done"], b"").well().len(), 1);
    for (topic, reason) in [("jobs/1", "error"), ("jobs/2", "cancelled"), ("jobs/3", "done")] {
        assert_eq!(hub.client().topic(topic).json()["finished"], reason);
    }
    let ended = publish(&hub, &["jobs/1", "--lines"], b"a\nb\n");
    assert_eq!(ended.lines, [""; 0]);
    let failure = ended.failure(1);
    assert!(failure.starts_with("headwater: event 1: the publish to the topic \"jobs/1\" was refused"), "{failure}");
    assert!(failure.contains("with the status 409: ") && failure.ends_with("; 0 events are stored\n"), "{failure}");
}

#[test]
fn an_idempotency_key_holds_from_run_to_run() {
    let hub = LocalHub::start();
    let one = || publish(&hub, &["pay", "12", "--idempotency-key", "order-42"], b"").well();
    assert_eq!(one(), one());
    let import = |input: &[u8]| publish(&hub, &["rows", "--lines", "--idempotency-key", "import-7"], input).well();
    let first = import(b"a\nb\n");
    let again = import(b"a\nb\nc\n");
    assert_eq!(first, again[..2]);
    assert_eq!(stored(&hub.client(), "rows").0, [message("a"), message("b"), message("c")]);
    // The keys are those of a streaming publish.
    let request = Request::post_as("text/event-stream", "/v1/topics/rows?idempotency_key=import-7", "data: a\n\n");
    assert_eq!(hub.client().send(&request).json()["ids"], json!([first[0]]));
}

#[test]
fn an_event_that_is_refused_ends_it_and_says_which() {
    let hub = LocalHub::with("[[class]]\ntopics = [\"**\"]\nmax_event = \"1KiB\"");
    let input = format!("a\nb\n{}\n", "x".repeat(2000));
    let ended = publish(&hub, &["small", "--lines"], input.as_bytes());
    assert_eq!(ended.lines, stored(&hub.client(), "small").1);
    let failure = ended.failure(1);
    assert!(failure.starts_with("headwater: event 3: ") && failure.contains("413"), "{failure}");
    assert!(failure.ends_with("; 2 events are stored\n"), "{failure}");
    for (arguments, code) in [
        (&["a//b", "x"][..], 2),
        (&["a", "x", "--lines"], 2),
        (&["a", "x", "--type", "headwater.gap"], 2),
        (&["a", "x", "--type", "a\nb"], 2),
        (&["$hub/x", "x"], 1),
    ] {
        let ended = publish(&hub, arguments, b"");
        assert_eq!((ended.code, ended.lines.len()), (Some(code), 0), "{}", ended.errors);
    }
}

#[test]
fn access_and_addresses_are_those_of_sub() {
    let hub = LocalHub::with(&Issuer::config());
    let right = Issuer::token(&json!({ "headwater": { "publish": ["a"] } }));
    assert_eq!(publish(&hub, &["a", "x", "--token", &right], b"").well().len(), 1);
    let missing = publish(&hub, &["a", "x"], b"").failure(1);
    assert!(missing.contains("the status 401") && missing.contains("; name a token with --token-file"), "{missing}");
    assert!(!missing.contains(".;"), "{missing}");
    let forbidden = publish(&hub, &["b", "x", "--token", &right], b"").failure(1);
    assert!(forbidden.contains("the status 403") && !forbidden.contains(&right), "{forbidden}");
    let nobody = publish(&hub, &["a", "x", "--url", "http://no-such-host.invalid"], b"").failure(1);
    assert!(nobody.starts_with("headwater: there is no answer from http://no-such-host.invalid: "), "{nobody}");

    // Where a token was revoked, its file is read again.
    let token = |id: &str| Issuer::token(&json!({ "jti": id, "headwater": { "publish": ["a"] } }));
    let program = Program::new(hub.address(), &["pub", "a", "--lines", "--token-file", "token"]);
    let mut running = program.file("token", &token("old")).start();
    running.write("one\n");
    drop(running.line());
    std::fs::write(running.folder.path().join("token"), token("new")).unwrap();
    let revoke = Request::post("/v1/admin/revocations", "{\"token\":\"old\"}").bearer(&Issuer::admin());
    drop(hub.client().send(&revoke).expect(201));
    running.write("two\n");
    assert_eq!(running.end().well().len(), 1);

    let folder = TempDir::new().unwrap();
    Certificate::new().write(folder.path());
    let hub = Hub::builder().config(&Certificate::table(folder.path())).start();
    let url = format!("https://localhost:{}", hub.address().port());
    let arguments = ["pub", "a", "x", "--url", &url, "--ca", "cert.pem"];
    assert_eq!(Program::new(hub.address(), &arguments).inside(folder.path()).run().well().len(), 1);
}

#[test]
fn ten_thousand_lines_arrive_once_and_in_order_through_a_restart() {
    let mut hub = Hub::builder().config("retry = \"100ms\"").start();
    let expected: Vec<String> = (0..10_000).map(|number| number.to_string()).collect();
    let mut running = Program::new(hub.address(), &["pub", "many", "--lines"]).start();
    let (first, rest) = expected.split_at(5000);
    running.write(&(first.join("\n") + "\n"));
    let mut printed = vec![running.line()];
    hub.restart();
    running.write(&(rest.join("\n") + "\n"));
    printed.extend(running.end().well());
    let read = Program::new(hub.address(), &["sub", "many", "--exit-at-end", "--raw"]).run().well();
    assert!(read == expected, "{} events", read.len());
    let (_, ids) = stored(&hub.client(), "many");
    assert_eq!(printed, ids);
}

#[test]
fn on_a_terminal_it_says_that_it_waits_for_input() {
    let hub = LocalHub::start();
    let mut running = Program::on_terminal(hub.address(), &["pub", "typed"]).start();
    assert_eq!(running.line().trim_end(), "headwater: reading from the terminal; Ctrl-D ends the input");
    running.write("by hand\n\u{4}");
    until("the event", || (stored(&hub.client(), "typed").0 == [message("by hand")]).then_some(()));
    running.end().well();
}
