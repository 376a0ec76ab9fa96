//! Logs of every format version still open. A fixture is never written again; a new version adds one.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_event_stream::EventType;
use headwater_log::clock::Clock;
use headwater_log::{Class, Classes, Embedded, EmbeddedOptions, EndReason, Engine, NewEvent, Pattern, Retention};

use super::common::{ManualClock, append, delete, end, event, gap, keyed, put, read, seqs, topic};

fn open(folder: &Path, clock: &Arc<ManualClock>) -> Arc<Embedded> {
    let retention = Retention { age: Duration::ZERO, events: 0, bytes: 0 };
    let implied = Class { retention, ..Class::default() };
    let limited = Retention { events: 3, ..retention };
    let class = |pattern: &str, retention| Class {
        topics: vec![Pattern::new(pattern).unwrap()],
        retention,
        ..Class::default()
    };
    let old = Retention { age: Duration::from_secs(600), ..retention };
    let classes = Classes::new(vec![class("limited/**", limited), class("old/**", old)], implied);
    let options =
        EmbeddedOptions { segment_bytes: 4096, classes, clock: clock.clone(), ..EmbeddedOptions::new(folder) };
    Embedded::open(options).unwrap_or_else(|error| panic!("failed to {error}"))
}

/// Writes what [`version_1_opens`] expects, once per version, into the folder that the environment names.
#[test]
#[ignore = "makes a fixture: FIXTURE=folder cargo test -p headwater-log --test embedded -- --ignored make_the_fixture"]
fn make_the_fixture() {
    let folder = std::env::var("FIXTURE").unwrap();
    let clock = ManualClock::new();
    let log = open(Path::new(&folder), &clock);
    for _ in 0..30 {
        put(&*log, event("old/1", &"o".repeat(200)));
    }
    clock.advance(Duration::from_secs(3600));
    super::common::eventually("the old ones go", || log.topic(&topic("old/1")).is_none());
    let full = NewEvent {
        event_type: Some(EventType::new("tick").unwrap()),
        key: Some("k".into()),
        ..keyed("all", "once", "line\nline\u{e9}")
    };
    append(&*log, vec![full, end("done", EndReason::Cancelled)]).unwrap();
    for at in 0..50 {
        append(&*log, vec![event("many", &format!("{at} {}", "x".repeat(100))), event("limited/1", "y")]).unwrap();
    }
    put(&*log, event("gone", "x"));
    delete(&*log, "gone").unwrap();
    put(&*log, event("many", ""));
    log.close();
    fs::remove_file(Path::new(&folder).join("lock")).unwrap();
}

#[test]
fn version_1_opens() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1");
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(3601));
    let log = open(folder.path(), &clock);

    let all = &read(&*log, &["all"], 0)[0];
    assert_eq!((all.seq, &*all.data, all.time), (31, "line\nline\u{e9}", clock.now() - 1_000_000));
    assert_eq!(all.event_type.as_ref().map(EventType::as_str), Some("tick"));
    assert_eq!(all.key.as_deref(), Some("k"));
    assert_eq!(log.topic(&topic("done")).unwrap().end, Some(EndReason::Cancelled));
    let many = read(&*log, &["many"], 0);
    assert_eq!((many.len(), &many[49].data[..3], &*many[50].data), (51, "49 ", ""));
    assert_eq!(seqs(&read(&*log, &["limited/*"], 0)), [128, 130, 132]);
    assert_eq!(log.topic(&topic("gone")), None);
    assert_eq!(gap(&*log, &["gone"], 0), Some(133));
    assert_eq!(gap(&*log, &["old/1"], 7), Some(30));
    assert_eq!((log.bounds().before_first, log.bounds().head), (30, 135));
    let again = append(&*log, vec![keyed("all", "once", "")]).unwrap()[0];
    assert_eq!((again.seq, again.duplicate), (31, true));
    assert_eq!(put(&*log, event("many", "next")), 136);
}
