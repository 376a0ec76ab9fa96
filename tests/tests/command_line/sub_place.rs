//! The place that `headwater sub --resume` keeps.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use headwater_testkit::{LocalHub, Request, until};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::program::{Program, Running};

const EVENTS: usize = 3000;

/// A hub with events of 300 bytes: more than pipes and sockets hold.
fn hub() -> (LocalHub, Vec<String>) {
    let hub = LocalHub::start();
    let expected: Vec<String> = (0..EVENTS).map(|number| format!("{number:0300}")).collect();
    let body: Vec<String> = expected.iter().map(|data| format!("data: {data}\n\n")).collect();
    let request = Request::post_as("text/event-stream", "/v1/topics/long", body.concat());
    drop(hub.client().send(&request).expect(201));
    (hub, expected)
}

fn read(hub: &LocalHub, folder: &TempDir) -> Program {
    let arguments = ["sub", "long", "--raw", "--since", "earliest", "--resume", "place.json", "--exit-at-end"];
    Program::new(hub.address(), &arguments).inside(folder.path())
}

fn take(running: &Running, lines: usize) -> Vec<String> {
    (0..lines).map(|_| running.line()).collect()
}

#[test]
fn after_a_kill_the_next_run_misses_nothing() {
    let (hub, expected) = hub();
    let folder = TempDir::new().unwrap();
    let running = read(&hub, &folder).start();
    let mut seen = take(&running, 1000);
    // It is there from the beginning, and says nothing until the first save.
    until("a place", || {
        seen.push(running.line());
        fs::read_to_string(folder.path().join("place.json")).is_ok_and(|text| !text.contains("\"\"")).then_some(())
    });
    running.signal(Signal::KILL);
    // What it had written by then is in the pipe.
    let killed = running.end();
    assert_eq!(killed.code, None);
    seen.extend(killed.lines);
    // The kill may have come in the middle of a line.
    seen.retain(|line| line.len() == 300);
    let again = read(&hub, &folder).run().well();
    let start = expected.iter().position(|data| *data == again[0]).unwrap();
    assert!(0 < start && start <= seen.len(), "it goes on at {start} after {}", seen.len());
    assert_eq!([&seen[..start], &again[..]].concat(), expected);
    assert_eq!(read(&hub, &folder).run().well(), [""; 0], "all is read");
}

#[test]
fn after_an_end_in_good_order_nothing_comes_twice_either() {
    for signal in [Signal::TERM, Signal::INT] {
        let (hub, expected) = hub();
        let folder = TempDir::new().unwrap();
        let running = read(&hub, &folder).start();
        let mut seen = take(&running, 1000);
        running.signal(signal);
        seen.extend(running.end().well());
        assert!(seen.len() < EVENTS);
        seen.extend(read(&hub, &folder).run().well());
        assert!(seen == expected, "{} events", seen.len());
    }
}

#[test]
fn a_count_ends_after_its_last_event() {
    let (hub, expected) = hub();
    let folder = TempDir::new().unwrap();
    let arguments = ["sub", "long", "--raw", "--since", "earliest", "--resume", "place.json", "--count", "2"];
    for expected in expected.chunks(2).take(3) {
        assert_eq!(Program::new(hub.address(), &arguments).inside(folder.path()).run().well(), expected);
    }
}

#[test]
fn a_file_that_cannot_be_used_is_a_failure_before_anything_is_read() {
    let (hub, _) = hub();
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("other.txt"), "no place").unwrap();
    for (file, why) in
        [("other.txt", "is no file of ids"), ("absent/place.json", "failed to write"), (".", "failed to")]
    {
        let arguments = ["sub", "long", "--since", "earliest", "--resume", file, "--exit-at-end"];
        let ended = Program::new(hub.address(), &arguments).inside(folder.path()).run();
        assert_eq!(ended.lines, [""; 0]);
        let failure = ended.failure(1);
        assert!(failure.contains(why) && failure.contains(file), "{failure}");
    }
}

#[test]
fn a_file_belongs_to_one_run_at_a_time() {
    let (hub, _) = hub();
    let folder = TempDir::new().unwrap();
    let arguments = ["sub", "other", "--raw", "--since", "earliest", "--resume", "place.json"];
    let running = Program::new(hub.address(), &arguments).inside(folder.path()).start();
    hub.client().publish("other", "one");
    assert_eq!(running.line(), "one");
    let failure = Program::new(hub.address(), &arguments).inside(folder.path()).run().failure(1);
    assert!(failure.contains("another run keeps its place in") && failure.contains("place.json"), "{failure}");
    running.signal(Signal::TERM);
    running.end().well();
    assert_eq!(read(&hub, &folder).run().well().len(), EVENTS, "the place of other topics");
}

#[test]
fn a_link_stays_a_link_and_a_mode_stays_a_mode() {
    let (hub, _) = hub();
    let folder = TempDir::new().unwrap();
    let [file, link] = ["kept.json", "place.json"].map(|name| folder.path().join(name));
    fs::write(&file, "{}").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("kept.json", &link).unwrap();
    assert_eq!(read(&hub, &folder).run().well().len(), EVENTS);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(read(&hub, &folder).run().well(), [""; 0], "the place is behind the link");
}

#[test]
fn a_place_that_can_no_longer_be_written_ends_it() {
    let (hub, _) = hub();
    let folder = TempDir::new().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let arguments = ["sub", "other", "--raw", "--since", "earliest", "--resume", "inner/place.json"];
    let running = Program::new(hub.address(), &arguments).inside(folder.path()).start();
    hub.client().publish("other", "one");
    assert_eq!(running.line(), "one");
    // It may be in the middle of a save.
    until("the folder to be gone", || fs::remove_dir_all(&inner).ok());
    hub.client().publish("other", "two");
    let failure = running.end().failure(1);
    assert!(failure.contains("failed to write inner/place.json"), "{failure}");
}
