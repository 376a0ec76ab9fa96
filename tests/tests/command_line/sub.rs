//! What `headwater sub` shows, and when it ends.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use headwater_testkit::{Client, Hub, LocalHub, Request, StreamServer, until};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::program::Program;

fn publish(client: &Client, target: &str, data: &str) {
    drop(client.send(&Request::post(&format!("/v1/topics/{target}"), data)).expect(201));
}

/// A hub with one event of everything that has to be kept apart.
fn hub_with_events() -> LocalHub {
    let hub = LocalHub::start();
    publish(&hub.client(), "orders/42?event=order.paid", "{\"total\": 12}");
    publish(&hub.client(), "orders/43", "two\nlines, a\ttab and \\n");
    publish(&hub.client(), "elsewhere", "x");
    publish(&hub.client(), "orders/44?final=done", "\u{1b}[31mred");
    hub
}

#[test]
fn in_a_pipe_an_event_is_one_line_that_can_be_taken_apart() {
    let hub = hub_with_events();
    let ended = Program::new(hub.address(), &["sub", "orders/*", "--exit-at-end"]).run();
    assert!(ended.errors.contains("headwater: the topic orders/44 is finished: done\n"), "{}", ended.errors);
    let fields: Vec<Vec<String>> = ended.well().iter().map(|line| line.split('\t').map(unescape).collect()).collect();
    let without_id: Vec<&[String]> = fields.iter().map(|fields| &fields[1..]).collect();
    assert_eq!(
        without_id,
        [
            ["orders/42", "order.paid", "{\"total\": 12}"],
            ["orders/43", "message", "two\nlines, a\ttab and \\n"],
            ["orders/44", "message", "\u{1b}[31mred"]
        ]
    );
    let again = Program::new(hub.address(), &["sub", "orders/*", "--since", &fields[1][0], "--exit-at-end"]).run();
    assert_eq!(again.well().len(), 1, "an id is a place to start after");
}

fn unescape(field: &str) -> String {
    let mut text = String::new();
    let mut chars = field.chars();
    while let Some(char) = chars.next() {
        text.push(match char {
            '\\' => match chars.next().unwrap() {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                other => other,
            },
            other => other,
        });
    }
    text
}

#[test]
fn raw_is_the_data_and_nothing_else() {
    let hub = hub_with_events();
    let ended = Program::new(hub.address(), &["sub", "orders/*", "--exit-at-end", "--raw", "--quiet"]).run();
    assert_eq!(ended.errors, "");
    assert_eq!(ended.well(), ["{\"total\": 12}", "two", "lines, a\ttab and \\n", "\u{1b}[31mred"]);
}

#[test]
fn json_has_every_item_with_its_kind() {
    let hub = hub_with_events();
    let arguments = ["sub", "orders/43", "--since", "7-beef", "--json"];
    let running = Program::new(hub.address(), &arguments).start();
    let gap: Value = serde_json::from_str(&running.line()).unwrap();
    assert_eq!((&gap["kind"], &gap["reason"], &gap["requested"]), (&json!("gap"), &json!("epoch"), &json!("7-beef")));
    assert!(gap["resumed_at"].is_string() && gap["id"] == gap["resumed_at"]);
    publish(&hub.client(), "orders/43?event=a", "two\nlines");
    let event: Value = serde_json::from_str(&running.line()).unwrap();
    let id = event["id"].clone();
    assert!(id.is_string());
    assert_eq!(event, json!({ "kind": "event", "id": id, "topic": "orders/43", "type": "a", "data": "two\nlines" }));
    publish(&hub.client(), "orders/43?final=error", "");
    let end: Value = serde_json::from_str(&running.line()).unwrap();
    assert_eq!((&end["kind"], &end["topic"], &end["reason"]), (&json!("end"), &json!("orders/43"), &json!("error")));
    let ended = running.end();
    assert_eq!(ended.errors, "", "what is on standard output is not said again");
    assert_eq!(ended.well(), [""; 0]);
}

#[test]
fn on_a_terminal_it_is_for_people_and_cannot_be_steered_by_data() {
    let hub = hub_with_events();
    let shown = |variable: Option<(&str, &str)>| {
        let program = Program::on_terminal(hub.address(), &["sub", "orders/*", "--since", "earliest", "-n", "3"]);
        let program = match variable {
            Some((name, value)) => program.variable(name, value),
            None => program,
        };
        program.run().well().join("\n").replace('\r', "")
    };
    let coloured = shown(None);
    let paid = "\u{1b}[0m \u{1b}[36morders/42\u{1b}[0m \u{1b}[33morder.paid\u{1b}[0m {\"total\": 12}\n\u{1b}[2m";
    assert!(coloured.contains(paid), "{coloured:?}");
    assert!(coloured.contains("\u{1b}[36morders/43\u{1b}[0m two\n    lines, a    tab and \\n\n"), "{coloured:?}");
    assert!(coloured.contains("\u{fffd}[31mred"), "{coloured:?}");
    assert!(coloured.starts_with("headwater: reading orders/* from http://127.0.0.1:"), "{coloured:?}");
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let plain = shown(Some(variable));
        assert!(plain.contains(" orders/42 order.paid {\"total\": 12}\n"), "{plain:?}");
        assert!(!plain.contains('\u{1b}'), "{plain:?}");
    }
}

#[test]
fn nothing_reaches_a_terminal_that_could_steer_it() {
    let hub = LocalHub::start();
    let data = "\u{1b}]0;title\u{7}, \u{9b}31m, \u{7f}, \u{202e}turned\u{202c}\tand\nmore";
    publish(&hub.client(), "odd", data);
    let shown = |form: &str| {
        let program =
            Program::on_terminal(hub.address(), &["sub", "odd", "--since", "earliest", "-n", "1", form, "--quiet"]);
        program.run().well().join("\n").replace('\r', "")
    };
    let raw = shown("--raw");
    assert!(raw.contains("\u{fffd}]0;title\u{fffd}, \u{fffd}31m, \u{fffd}, \u{fffd}turned\u{fffd}"), "{raw:?}");
    let json = shown("--json");
    assert!(
        json.chars().all(|char| char == '\n' || (!char.is_control() && !"\u{202e}\u{202c}".contains(char))),
        "{json:?}"
    );
    let line: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(line["data"], data, "nothing is lost of it");
}

#[test]
fn it_leaves_when_nobody_reads_it_any_more_though_nothing_comes() {
    let hub = hub_with_events();
    let lines = Program::piped(hub.address(), &["sub", "orders/*", "--since", "earliest"], "head -n 1").run().well();
    assert!(lines.len() == 1 && lines[0].contains("orders/42"), "{lines:?}");
}

#[test]
fn a_place_that_is_none_is_a_wrong_argument() {
    let hub = LocalHub::start();
    for since in ["yesterday", "2020-13-01T00:00:00Z"] {
        let failure = Program::new(hub.address(), &["sub", "orders/*", "--since", since]).run().failure(2);
        assert!(failure.contains("since"), "{failure}");
    }
    let program = Program::new(hub.address(), &["sub", "orders/*", "--ca", "no.pem"]).file("no.pem", "no certificate");
    assert!(program.run().failure(2).contains("no.pem holds no certificate"));
}

#[test]
fn at_the_end_of_what_is_there_it_leaves() {
    let hub = LocalHub::start();
    let read = |topic: &str| Program::new(hub.address(), &["sub", topic, "--exit-at-end", "--raw"]).run().well();
    assert_eq!(read("empty"), [""; 0], "of an empty log");
    let expected: Vec<String> = (0..3000).map(|number| number.to_string()).collect();
    let mut publisher = hub.client().publisher();
    let body: Vec<String> = expected.iter().map(|data| format!("data: {data}\n\n")).collect();
    drop(publisher.send(&Request::post_as("text/event-stream", "/v1/topics/full", body.concat())).expect(201));
    assert_eq!(read("full"), expected);
    publisher.publish("other", "the newest event of the hub");
    assert_eq!(read("full"), expected);
    assert_eq!(read("empty"), [""; 0], "of a log of other topics");
}

#[test]
fn what_is_published_meanwhile_does_not_keep_it() {
    let hub = LocalHub::start();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut publisher = hub.client().publisher();
            while !done.load(Ordering::Relaxed) {
                publisher.publish("busy", "x");
            }
        });
        let lines = Program::new(hub.address(), &["sub", "busy", "--exit-at-end"]).run();
        done.store(true, Ordering::Relaxed);
        lines.well();
    });
}

#[test]
fn it_ends_after_the_last_event_of_finished_topics() {
    let hub = LocalHub::start();
    publish(&hub.client(), "jobs/1?final=done", "a");
    let running = Program::new(hub.address(), &["sub", "jobs/1", "jobs/2", "--since", "earliest", "--raw"]).start();
    assert_eq!(running.line(), "a");
    publish(&hub.client(), "jobs/2?final=cancelled", "b");
    assert_eq!(running.line(), "b");
    assert_eq!(running.end().well(), [""; 0]);
    let late = Program::new(hub.address(), &["sub", "jobs/1"]).run();
    assert_eq!(late.errors, "headwater: every topic is finished, and read to its end\n");
    late.well();
}

#[test]
fn a_restart_of_the_hub_is_told_and_survived() {
    let mut hub = Hub::builder().config("retry = \"100ms\"").start();
    hub.client().publish("survivor", "before");
    let running = Program::new(hub.address(), &["sub", "survivor", "--since", "earliest", "--raw"]).start();
    assert_eq!(running.line(), "before");
    hub.restart();
    hub.client().publish("survivor", "after");
    assert_eq!(running.line(), "after");
    running.until_said("connected again");
    assert!(running.said().contains("; trying again in "), "{}", running.said());
    running.signal(Signal::TERM);
    assert_eq!(running.end().well(), [""; 0]);
}

#[test]
fn whoever_has_read_enough_is_no_error() {
    let hub = LocalHub::start();
    let mut publisher = hub.client().publisher();
    publisher.publish("pipe", "x");
    let mut running = Program::new(hub.address(), &["sub", "pipe", "--since", "earliest"]).start();
    drop(running.line());
    running.close_output();
    let code = until("its end", || {
        publisher.publish("pipe", "y");
        running.code()
    });
    assert_eq!((code, running.said().as_str()), (Some(0), ""));
}

#[test]
fn a_long_replay_shows_how_far_it_is() {
    let server = StreamServer::start();
    let url = server.url("");
    let arguments = ["sub", "a", "--exit-at-end", "--url", &url];
    let running = Program::watched(([127, 0, 0, 1], 1).into(), &arguments).start();
    let mut stream = server.attempt();
    stream.open();
    let question = server.attempt();
    assert_eq!(question.request.method, "HEAD");
    question.answer(200, &["Headwater-Cursor: 1000000-abcd"], "");
    let screen = running.folder.path().join("screen");
    let mut events = 250_000..;
    let shown = until("the bar", || {
        let event = events.next().unwrap();
        stream.write(format!("id: {event}-abcd\ndata: x\n\n"));
        let screen = fs::read_to_string(&screen).unwrap_or_default();
        screen.contains("% of the log up to its head").then_some(screen)
    });
    assert!(shown.contains(" 0 % of the log") && shown.contains("[>"), "{shown:?}");
    let draws = |screen: &str| screen.matches("% of the log").count();
    let before = draws(&shown);
    stream.write(events.by_ref().take(1000).map(|event| format!("id: {event}-abcd\ndata: x\n\n")).collect::<String>());
    stream.write("id: 750000-abcd\ndata: x\n\n");
    let shown = until("two thirds", || {
        let screen = fs::read_to_string(&screen).unwrap();
        screen.contains("] 67 % of the log").then_some(screen)
    });
    assert!(draws(&shown) - before < 500, "it is not drawn for every event");
    stream.write("id: 1000000-abcd\ndata: x\n\n");
    let written = running.folder.path().join("events");
    until("the last event", || fs::read_to_string(&written).unwrap().contains("1000000-abcd").then_some(()));
    // What it was drawn on is clean afterwards.
    let screen = fs::read_to_string(&screen).unwrap();
    running.end().well();
    assert!(!fs::read_to_string(&written).is_ok_and(|text| text.contains('%')), "{screen}");
}

#[test]
fn an_event_that_is_too_large_is_left_out_and_told() {
    let hub = LocalHub::start();
    publish(&hub.client(), "a", &"x".repeat(2000));
    publish(&hub.client(), "a", "small");
    let arguments = ["sub", "a", "--exit-at-end", "--raw"];
    assert_eq!(Program::new(hub.address(), &arguments).run().well(), [&"x".repeat(2000), "small"]);
    let arguments = [&arguments[..], &["--max-event", "1KiB"]].concat();
    let ended = Program::new(hub.address(), &arguments).run();
    assert_eq!(ended.errors, "headwater: an event is left out because it is larger than --max-event\n");
    assert_eq!(ended.well(), ["small"]);
    let failure = Program::new(hub.address(), &["sub", "a", "--max-event", "1000"]).run();
    assert!(failure.errors.contains("1000 has no unit") && failure.code == Some(2), "{failure:?}");
}
