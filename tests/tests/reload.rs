//! SIGHUP: what can change changes, streams go on, and a file that cannot be used changes nothing.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use headwater_testkit::peer::{Connection, Stream};
use headwater_testkit::{Hub, Signal, until};

/// A hub with a stream that was opened before anything was reloaded.
struct Watched {
    hub: Hub,
    stream: Stream,
}

impl Watched {
    fn start(config: &str) -> Self {
        let hub = Hub::builder().config(config).start();
        let stream = subscribe(&hub, "?topic=watched");
        Self { hub, stream }
    }

    /// Writes another configuration, sends SIGHUP and waits until the hub has said this once more than before.
    fn reload(&mut self, config: &str, says: &str) {
        let count = |hub: &Hub| hub.log().iter().filter(|line| line.contains(says)).count();
        let before = count(&self.hub);
        self.hub.reload(config);
        until(&format!("{says:?} in the log"), || (count(&self.hub) > before).then_some(()));
    }

    fn publish(&self, topic: &str, size: usize) -> u16 {
        Connection::open(self.hub.address()).unwrap().publish(topic, &"x".repeat(size)).unwrap().status()
    }

    /// The stream goes on as if nothing had happened.
    #[track_caller]
    fn check_stream(&mut self) {
        let id = Connection::open(self.hub.address()).unwrap().publish("watched", "news").unwrap().id();
        assert_eq!(self.stream.events.expect().id, id);
    }
}

fn subscribe(hub: &Hub, query: &str) -> Stream {
    Connection::open(hub.address()).unwrap().subscribe(query, &[]).unwrap()
}

const RELOADED: &str = "configuration reloaded";

#[test]
fn other_limits_and_another_heartbeat_hold_from_the_next_request_on() {
    let class = |size: &str| format!("heartbeat = \"1h\"\n[[class]]\ntopics = [\"a/**\"]\nmax_event = \"{size}\"");
    let mut watched = Watched::start(&class("1KiB"));
    assert_eq!(watched.publish("a/b", 2000), 413);
    assert_eq!(watched.stream.head.get("headwater-heartbeat"), Some("3600"));

    watched.reload(&class("10KiB"), RELOADED);
    assert_eq!(watched.publish("a/b", 2000), 201);
    watched.check_stream();

    watched.reload(&class("1KiB").replace("1h", "1s"), RELOADED);
    assert_eq!(watched.publish("a/b", 2000), 413);
    let mut silent = subscribe(&watched.hub, "?topic=silent");
    assert_eq!(silent.head.get("headwater-heartbeat"), Some("1"));
    silent.events.read_until(|text| text.contains("\n:"));
    watched.check_stream();
    assert!(watched.hub.terminate().success());
}

// EVR-11: and it holds for what is there already.
#[test]
fn another_retention_removes_what_is_too_much() {
    let class = |events: u32| format!("[[class]]\ntopics = [\"a\"]\nretention = {{ events = {events} }}");
    let mut watched = Watched::start(&class(100));
    for _ in 0..10 {
        assert_eq!(watched.publish("a", 10), 201);
    }
    let count = |hub: &Hub| {
        let topic = Connection::open(hub.address()).unwrap().get("/v1/topics/a").unwrap().json();
        topic["events"].as_u64().unwrap_or_else(|| panic!("{topic}"))
    };
    assert_eq!(count(&watched.hub), 10);
    watched.reload(&class(3), RELOADED);
    until("the old events to go", || (count(&watched.hub) == 3).then_some(()));
    watched.check_stream();
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing_and_is_named_with_the_place() {
    let good = "[[class]]\ntopics = [\"a/**\"]\nmax_event = \"1KiB\"";
    let mut watched = Watched::start(good);
    let kept = "the configuration stays as it was";
    for (broken, place) in [
        ("[[class]]\ntopics = [\"a/**\"]\nmax_event = \"1MB of data\"", "headwater.toml:3:"),
        ("colour = \"red\"", "colour"),
        ("[[class", "headwater.toml:1:"),
        ("[tls]\ncertificate = \"no-such-file.pem\"\nkey = \"no-such-file.pem\"", "tls"),
    ] {
        let said = watched.hub.log().len();
        watched.reload(broken, kept);
        let said = watched.hub.log().split_off(said);
        assert!(said.iter().any(|line| line.contains(kept) && line.contains(place)), "{place:?} not in {said:?}");
        assert_eq!(watched.publish("a/b", 2000), 413);
        assert_eq!(watched.publish("a/b", 500), 201);
        watched.check_stream();
    }
    // Removed is not broken: the defaults.
    std::fs::remove_file(watched.hub.config_file()).unwrap();
    watched.hub.signal(Signal::HUP);
    watched.hub.logged("headwater.toml");
    watched.check_stream();
}

#[test]
fn what_waits_for_a_restart_is_named() {
    let mut watched = Watched::start("tail = \"1MiB\"");
    watched.reload("tail = \"2MiB\"\nheartbeat = \"20s\"", RELOADED);
    watched.hub.logged("`tail` has changed and waits for the next start");
    assert_eq!(subscribe(&watched.hub, "?topic=b").head.get("headwater-heartbeat"), Some("20"));
    watched.check_stream();
}
