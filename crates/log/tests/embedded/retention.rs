//! Removal by age, count, bytes and deletion: at once from reads, later from the disk, exact in what it says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use headwater_log::{Class, Classes, Durability, Embedded, EmbeddedOptions, Engine, Gap, Pattern, Retention};

use super::common::{
    ManualClock, append, delete, drain, event, eventually, gap, keyed, put, read, selection, seqs, topic,
};

const MINUTE: Duration = Duration::from_secs(60);

fn class(pattern: &str, age: Duration, events: u64, bytes: u64) -> Class {
    let topics = vec![Pattern::new(pattern).unwrap()];
    Class { topics, retention: Retention { age, events, bytes }, ..Class::default() }
}

fn open(folder: &Path, clock: &Arc<ManualClock>, classes: &[Class]) -> Arc<Embedded> {
    let implied = class("**", Duration::ZERO, 0, 0);
    let classes = Classes::new(classes.to_vec(), implied);
    let options =
        EmbeddedOptions { segment_bytes: 4096, classes, clock: clock.clone(), ..EmbeddedOptions::new(folder) };
    Embedded::open(options).unwrap_or_else(|error| panic!("failed to {error}"))
}

fn fill(log: &dyn Engine, name: &str, count: usize) {
    for _ in 0..count {
        put(log, event(name, &"x".repeat(200)));
    }
}

#[test]
fn old_events_go_with_their_segments_and_give_their_space_back() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let classes = [class("a/**", 10 * MINUTE, 0, 0)];
    let log = open(folder.path(), &clock, &classes);
    fill(&*log, "a/1", 100);
    fill(&*log, "b/1", 10);
    let full = log.usage();
    clock.advance(9 * MINUTE);
    let young = put(&*log, event("a/2", "young"));
    clock.advance(2 * MINUTE);
    eventually("the old segments go", || log.topic(&topic("a/1")).is_none());
    assert!(log.usage().bytes < full.bytes / 2, "{:?} of {full:?}", log.usage());
    assert_eq!(gap(&*log, &["a/1"], 5), Some(100));
    assert_eq!(gap(&*log, &["a/1"], 100), None);
    assert_eq!(gap(&*log, &["b/1"], 0), None);
    assert_eq!(seqs(&read(&*log, &["a/**"], 0)), [young]);
    assert_eq!(read(&*log, &["b/1"], 0).len(), 10);
    drop(log);

    let log = open(folder.path(), &clock, &classes);
    assert_eq!(gap(&*log, &["a/1"], 5), Some(100));
    assert_eq!(gap(&*log, &["a/*"], 5), Some(100));
    assert_eq!(gap(&*log, &["b/1"], 0), None);
    assert_eq!((log.bounds().before_first, log.bounds().head), (100, young));
    clock.advance(10 * MINUTE);
    eventually("a quiet chain is emptied too", || log.topic(&topic("a/2")).is_none());
    let next = put(&*log, event("a/2", "next"));
    assert!(next > young);
}

#[test]
fn without_the_marks_everything_before_the_hole_counts_as_removed() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let classes = [class("a/**", 10 * MINUTE, 0, 0)];
    let log = open(folder.path(), &clock, &classes);
    fill(&*log, "a/1", 100);
    put(&*log, event("b/1", "x"));
    clock.advance(11 * MINUTE);
    eventually("the old segments go", || log.topic(&topic("a/1")).is_none());
    drop(log);
    std::fs::remove_file(folder.path().join("marks")).unwrap();
    let log = open(folder.path(), &clock, &classes);
    assert!(gap(&*log, &["a/1"], 5).is_some());
    assert_eq!(gap(&*log, &["b/1"], 100), None);
    assert_eq!(seqs(&read(&*log, &["b/1"], 0)), [101]);
}

#[test]
fn limits_per_topic_hold_at_once_and_space_comes_back() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let classes = [class("a/**", Duration::ZERO, 10, 0), class("b/**", Duration::ZERO, 0, 1000)];
    let log = open(folder.path(), &clock, &classes);
    let mut reader = log.reader(selection(&["a/1"]), 0);
    for at in 1..=200 {
        fill(&*log, "a/1", 1);
        fill(&*log, "b/1", 1);
        assert_eq!(log.topic(&topic("a/1")).unwrap().events, at.min(10));
        assert_eq!(log.topic(&topic("b/1")).unwrap().events, at.min(4));
    }
    let page = reader.next_page(100, 1 << 20).unwrap();
    assert_eq!((page.gap, page.events.len()), (Some(Gap { after: 0, upto: 379 }), 10));
    assert_eq!(gap(&*log, &["b/1"], 0), Some(392));
    eventually("dead space is given back", || log.usage().bytes < 20_000);
    let check = |log: &dyn Engine| {
        assert_eq!(seqs(&read(log, &["a/1"], 0)), (381..400).step_by(2).collect::<Vec<_>>());
        assert_eq!(seqs(&read(log, &["**"], 390)), [391, 393, 394, 395, 396, 397, 398, 399, 400]);
        assert_eq!(gap(log, &["a/1"], 370), Some(379));
        assert_eq!(gap(log, &["a/1"], 379), None);
        assert_eq!(log.usage().events, 14);
    };
    check(&*log);
    drop(log);
    let log = open(folder.path(), &clock, &classes);
    check(&*log);
    assert_eq!(put(&*log, event("a/1", "next")), 401);
}

#[test]
fn a_deleted_topic_gives_its_space_back_and_may_come_again() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let log = open(folder.path(), &clock, &[]);
    fill(&*log, "keep", 3);
    fill(&*log, "a", 100);
    let mut reader = log.reader(selection(&["a", "keep"]), 3);
    assert_eq!(reader.next_page(10, 1 << 20).unwrap().events.len(), 10);
    assert_eq!(delete(&*log, "a"), Ok(true));
    let (events, gaps) = drain(&mut *reader);
    assert_eq!((events.len(), gaps), (0, vec![103]));
    let again = put(&*log, event("a", "again"));
    eventually("dead space is given back", || log.usage().bytes < 12_000);
    assert_eq!(seqs(&read(&*log, &["**"], 0)), [1, 2, 3, again]);
    drop(log);
    let log = open(folder.path(), &clock, &[]);
    assert_eq!(seqs(&read(&*log, &["**"], 0)), [1, 2, 3, again]);
    assert_eq!(gap(&*log, &["a"], 50), Some(103));
}

#[test]
fn a_class_that_moves_in_the_configuration_takes_no_others_events() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let (short, long) = (class("a/**", MINUTE, 0, 0), class("b/**", 100 * MINUTE, 0, 0));
    let log = open(folder.path(), &clock, &[short.clone(), long.clone()]);
    fill(&*log, "a/1", 50);
    fill(&*log, "b/1", 50);
    drop(log);
    let log = open(folder.path(), &clock, &[long, short]);
    clock.advance(2 * MINUTE);
    eventually("the short-lived ones go", || log.topic(&topic("a/1")).is_none());
    assert_eq!(read(&*log, &["b/1"], 0).len(), 50);
    drop(log);

    // A topic under another class: what it has stays in order, whichever chain it is in.
    let log = open(folder.path(), &clock, &[class("b/1", Duration::ZERO, 0, 0)]);
    fill(&*log, "b/1", 50);
    assert_eq!(read(&*log, &["b/1"], 0).len(), 100);
    log.set_classes(Classes::new(vec![class("b/**", Duration::ZERO, 20, 0)], Class::default()));
    assert_eq!(seqs(&read(&*log, &["b/1"], 0)), (131..=150).collect::<Vec<_>>());
    fill(&*log, "b/1", 1);
    assert_eq!(seqs(&read(&*log, &["b/*"], 0)), (132..=151).collect::<Vec<_>>());
}

#[test]
fn keys_outlive_events_that_a_limit_removed() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let classes = [class("a/**", MINUTE, 2, 0)];
    let log = open(folder.path(), &clock, &classes);
    let first = put(&*log, keyed("a/1", "k", "first"));
    fill(&*log, "a/1", 200);
    clock.advance(2 * MINUTE);
    eventually("space comes back", || log.usage().bytes < 10_000);
    drop(log);
    let log = open(folder.path(), &clock, &classes);
    let receipt = append(&*log, vec![keyed("a/1", "k", "first")]).unwrap()[0];
    assert_eq!((receipt.seq, receipt.duplicate), (first, true));
}

#[test]
fn events_in_memory_go_when_their_room_is_full_and_with_the_process() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let memory = Class { durability: Durability::Memory, ..class("m/**", Duration::ZERO, 0, 0) };
    let options = || EmbeddedOptions {
        classes: Classes::new(vec![memory.clone()], Class::default()),
        memory_bytes: 10_000,
        clock: clock.clone(),
        ..EmbeddedOptions::new(folder.path())
    };
    let log = Embedded::open(options()).unwrap();
    put(&*log, event("disk", "x"));
    fill(&*log, "m/1", 100);
    let left = read(&*log, &["m/*"], 0);
    assert!((10..30).contains(&left.len()), "{}", left.len());
    assert_eq!(gap(&*log, &["m/1"], 0), Some(left[0].seq - 1));
    assert_eq!(seqs(&read(&*log, &["**"], 0)).len(), left.len() + 1);
    let head = log.bounds().head;
    drop(log);
    let log = Embedded::open(options()).unwrap();
    assert_eq!(seqs(&read(&*log, &["**"], 0)), [1]);
    assert!(log.bounds().head >= head, "ids are never used again");
    assert!(gap(&*log, &["m/1"], head).is_some());
    assert_eq!(gap(&*log, &["disk"], 0), None);
    assert!(put(&*log, event("m/1", "next")) > head);
}
