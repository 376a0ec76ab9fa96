//! Runs the program as a user does: real sockets, stopped, killed and started again on its folder.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use headwater_testkit::{Client, Event, Request, Sse, until};

/// The program as a child, killed at the end whatever happens.
struct Program {
    child: Child,
    client: Client,
}

impl Program {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_embedded"))
            .args(["127.0.0.1:0".as_ref(), folder.as_os_str()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address: SocketAddr =
            line.trim().strip_prefix("Open http://").unwrap().trim_end_matches('/').parse().unwrap();
        Self { child, client: Client::new(address) }
    }

    fn say(&self, message: &str) -> String {
        self.client.send(&Request::post_as("text/plain", "/say", message)).expect(200).text().to_owned()
    }

    fn events(&self, query: &str) -> Sse {
        self.client.stream(&Request::get(&format!("/events{query}")))
    }

    /// Has it stop in good order.
    fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = until("the program to stop", || self.child.try_wait().unwrap());
        assert!(status.success(), "{status}");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have stopped already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ids(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.id.as_str()).collect()
}

#[test]
fn a_page_goes_on_where_it_was_after_the_program_was_stopped_and_killed() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    assert!(program.client.get("/").expect(200).text().contains("new EventSource(\"/events?since=earliest\")"));
    let mut page = program.events("?since=earliest");
    let said = [program.say("Hello"), program.say("how many?")];
    let mut seen = page.take(3);
    let data: Vec<&str> = seen.iter().map(|event| event.data.as_str()).collect();
    assert_eq!((data, seen[2].event.as_str()), (vec!["Hello", "how many?", "2 since I was started"], "bot"));
    assert_eq!(ids(&seen)[..2], said);

    // It says that it goes.
    program.stop();
    let last = page.rest();
    assert_eq!(last.iter().map(|event| event.event.as_str()).collect::<Vec<_>>(), ["headwater.closing"]);
    assert!(last[0].data.contains("\"drain\""), "{last:?}");

    // Said while the page was away; what was answered survives a kill.
    let program = Program::start(folder.path());
    let away = program.say("are you there?");
    drop(program);
    let program = Program::start(folder.path());
    let mut back =
        program.client.stream(&Request::get("/events?since=earliest").header("Last-Event-ID", page.cursor()));
    let now = program.say("Hello again");
    seen = back.take(2);
    assert_eq!(ids(&seen), [away, now]);
    program.stop();
}

#[test]
fn what_the_hub_refuses_is_told_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::start(folder.path());
    let refused = program.client.send(&Request::post_as("text/plain", "/say", "x".repeat(300 << 10))).expect(413);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert_eq!(refused.json()["detail"], "The data of the event is larger than 262144 bytes, the most this hub takes.");
    assert_eq!(program.client.get("/events?since=yesterday").status(), 400);
    program.stop();
}
