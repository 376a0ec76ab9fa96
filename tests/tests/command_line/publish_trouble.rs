//! What `headwater pub` does when it is stopped, when the hub cannot store, and with what is no hub.

use headwater_testkit::{LocalHub, StreamServer, until};
use rustix::process::Signal;

use crate::program::{Program, Running};

/// The command, publishing to a server that has answered its first question.
fn publishing_to(server: &StreamServer, arguments: &[&str]) -> Running {
    let url = server.url("");
    let arguments = [&["pub", "a", "--url", &url], arguments].concat();
    let running = Program::new(([127, 0, 0, 1], 1).into(), &arguments).start();
    let question = server.attempt();
    assert_eq!(question.request.method, "HEAD");
    question.answer(404, &[], "");
    running
}

#[track_caller]
fn stopped(mut running: Running, signal: Signal) -> String {
    running.signal(signal);
    // Its input goes on.
    assert_eq!(until("its end", || running.code()), Some(1), "{}", running.said());
    until("its last word", || running.said().ends_with('\n').then(|| running.said()))
}

#[test]
fn what_a_signal_cuts_is_not_published_and_named() {
    let hub = LocalHub::start();
    for (form, input, what) in [
        ("--lines", "one\npartial", "line 2"),
        ("--ndjson", "1\n2", "line 2"),
        ("--event-stream", "data: one\n\ndata: two\n", "an event"),
    ] {
        let topic = form.trim_start_matches('-');
        let mut running = Program::new(hub.address(), &["pub", topic, form, "--final", "done"]).start();
        running.write(input);
        running.line();
        let said = stopped(running, Signal::INT);
        let expected =
            format!("headwater: stopped in the middle of {what}, which is not published; 1 event is stored\n");
        assert_eq!(said, expected);
        let events = hub.client().poll(&format!("topic={topic}&since=earliest&wait=0"));
        assert_eq!(events["events"].as_array().unwrap().len(), 1, "the topic is not ended either");
    }

    let server = StreamServer::start();
    let mut running = publishing_to(&server, &[]);
    running.write("whole");
    let said = stopped(running, Signal::TERM);
    assert_eq!(said, "headwater: stopped before the end of standard input, which is not published\n");
    server.expect_no_attempt();
}

#[test]
fn it_says_why_it_waits_and_stops_when_it_is_told_to() {
    let server = StreamServer::start();
    let mut running = publishing_to(&server, &["--lines"]);
    running.write("one\n");
    let full = r#"{"type":"urn:headwater:problem:storage","title":"Full","detail":"The disk is full. Make room."}"#;
    for _ in 0..2 {
        server.attempt().answer(507, &["Content-Type: application/problem+json"], full);
    }
    let told = "headwater: the server answered with the status 507: The disk is full. Make room; \
                trying again for up to five minutes\n";
    let attempt = server.attempt();
    assert_eq!(running.said(), told, "once");
    attempt.answer(201, &["Content-Type: application/json"], r#"{"ids":["7-abcd"]}"#);
    assert_eq!(running.line(), "7-abcd");

    running.write("two\n");
    let page = "<html>\n<b>\x1b[31mUnsupported method</b>\n</html>\n";
    server.attempt().answer(501, &["Content-Type: text/html"], page);
    running.until_said("the status 501, which is not the answer of a hub; check the address (<html> <b>");
    let said = stopped(running, Signal::TERM);
    let last = said.lines().last().unwrap();
    assert_eq!(last, "headwater: stopped before the hub has said whether all is stored; 1 event is stored");
    assert!(!said.contains('\x1b'), "{said:?}");

    let server = StreamServer::start();
    let running = publishing_to(&server, &["x", "--quiet"]);
    server.attempt().answer(503, &[], "");
    let attempt = server.attempt();
    assert_eq!(running.said(), "");
    attempt.answer(201, &["Content-Type: application/json"], r#"{"ids":["8-abcd"]}"#);
    running.end().well();
}

#[test]
fn a_server_that_is_no_hub_is_not_asked_for_five_minutes() {
    let server = StreamServer::start();
    let running = publishing_to(&server, &["x", "--quiet"]);
    // Behind a gateway there may be a hub in a moment.
    server.attempt().answer(502, &["Content-Type: text/html"], "<h1>Bad gateway</h1>");
    server.attempt().answer(501, &["Content-Type: text/html"], "<b>Unsupported method</b>");
    let failure = running.end().failure(1);
    let expected = "the status 501, which is not the answer of a hub; check the address (<b>Unsupported method</b>)";
    assert!(failure.contains(expected), "{failure}");
    server.expect_no_attempt();

    // A hub that was there may come back.
    let url = server.url("");
    let _running = Program::new(([127, 0, 0, 1], 1).into(), &["pub", "a", "x", "--url", &url]).start();
    server.attempt().answer(404, &["Content-Type: application/problem+json"], "");
    server.attempt().answer(501, &[], "");
    server.attempt();
}

#[test]
fn an_answer_without_an_id_is_not_one_of_a_hub() {
    let server = StreamServer::start();
    let running = publishing_to(&server, &["x"]);
    let wrong = r#"{"ids":["1\u001b[31m-abcd"]}"#;
    server.attempt().answer(201, &["Content-Type: application/json"], wrong);
    let ended = running.end();
    assert_eq!(ended.lines, [""; 0]);
    let failure = ended.failure(1);
    assert!(failure.contains("is not one of a hub") && failure.contains("check the address"), "{failure}");
}

#[test]
fn what_is_read_is_bounded() {
    let hub = LocalHub::start();
    let large = vec![b'x'; (16 << 20) + 1];
    for (arguments, name) in [(&["pub", "large"][..], "standard input"), (&["pub", "large", "--lines"], "line 1")] {
        let failure = Program::new(hub.address(), arguments).run_with(&large).failure(1);
        assert_eq!(failure, format!("headwater: {name} is larger than 16 MiB, the most that is read as one event\n"));
    }
    let with_token = |content: &str, file: &str| {
        let program = Program::new(hub.address(), &["pub", "a", "x", "--token-file", file]).file("token", content);
        program.run().failure(2)
    };
    assert!(with_token("", "/dev/zero").contains("/dev/zero holds no token: it is larger than 8 KiB"));
    assert!(with_token("\n", "token").contains("the token cannot be sent: it is empty"));
    assert!(with_token("one\ntwo\n", "token").contains("the token cannot be sent: it has white space in it"));
}

#[test]
fn ids_that_cannot_be_printed_are_a_failure() {
    let hub = LocalHub::start();
    let failure = Program::printing_to("/dev/full", hub.address(), &["pub", "full", "x"]).run().failure(1);
    assert!(failure.starts_with("headwater: all is stored, but not every id could be printed: "), "{failure}");
    assert_eq!(hub.client().poll("topic=full&since=earliest&wait=0")["events"].as_array().unwrap().len(), 1);
    let mut running = Program::new(hub.address(), &["pub", "pipe", "--lines"]).start();
    running.write("one\n");
    running.line();
    running.close_output();
    running.write("two\nthree\n");
    running.end().well();
}
