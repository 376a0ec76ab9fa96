//! Many small segments: everything is read, found and opened again over sealed ones as over the newest.

use std::sync::Arc;

use headwater_log::{Class, Classes, Embedded, EmbeddedOptions, Engine, Pattern, Retention};

use super::common::{Dice, ManualClock, append, event, gap, keyed, seqs, topic};
use super::{data, read};

/// Small segments, two chains, nothing removed.
fn options(folder: &std::path::Path, clock: &Arc<ManualClock>) -> EmbeddedOptions {
    let retention = Retention { age: std::time::Duration::ZERO, events: 0, bytes: 0 };
    let implied = Class { retention, ..Class::default() };
    let other = Class { topics: vec![Pattern::new("b/**").unwrap()], ..implied.clone() };
    let classes = Classes::new(vec![other], implied);
    EmbeddedOptions { segment_bytes: 4096, classes, clock: clock.clone(), ..EmbeddedOptions::new(folder) }
}

fn names(at: usize) -> String {
    format!("{}/{}", ["a", "b"][at % 2], at % 23)
}

#[test]
fn every_event_is_read_by_topic_by_pattern_and_over_all() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let mut log = Embedded::open(options(folder.path(), &clock)).unwrap();
    let mut dice = Dice(7);
    let mut all: Vec<(u64, String, String)> = Vec::new();
    for round in 0..400 {
        let batch: Vec<_> = (0..1 + dice.below(5)).map(|_| dice.below(200)).collect();
        let events = batch.iter().map(|at| keyed(&names(*at), &format!("{round}/{at}"), &"x".repeat(*at)));
        let receipts = append(&*log, events.collect()).unwrap();
        for (at, receipt) in batch.iter().zip(receipts).filter(|(_, receipt)| !receipt.duplicate) {
            all.push((receipt.seq, names(*at), "x".repeat(*at)));
        }
        if round % 100 == 99 {
            drop(log);
            log = Embedded::open(options(folder.path(), &clock)).unwrap();
        }
        if round % 20 == 0 {
            check(&*log, &all, all[dice.below(all.len())].0);
        }
    }
    assert!(log.usage().segments > 10, "{:?}", log.usage());
    assert_eq!(log.usage().events, all.len() as u64);
    for after in [0, 1, 300, 700] {
        check(&*log, &all, after);
    }
    let first = append(&*log, vec![keyed(&all[0].1, &format!("0/{}", all[0].2.len()), "again")]).unwrap();
    assert_eq!((first[0].seq, first[0].duplicate), (all[0].0, true));
}

fn check(log: &dyn Engine, all: &[(u64, String, String)], after: u64) {
    type Case = (&'static [&'static str], fn(&str) -> bool);
    let wanted: [Case; 5] = [
        (&["**"], |_| true),
        (&["a/*"], |name| name.starts_with("a/")),
        (&["b/1"], |name| name == "b/1"),
        (&["b/1", "a/4", "a/18"], |name| ["b/1", "a/4", "a/18"].contains(&name)),
        (&["*/2", "b/1", "nobody"], |name| name.ends_with("/2") || name == "b/1"),
    ];
    for (patterns, matches) in wanted {
        let expected: Vec<_> = all.iter().filter(|(seq, name, _)| *seq > after && matches(name)).collect();
        let got = read(log, patterns, after);
        assert_eq!(seqs(&got), expected.iter().map(|(seq, ..)| *seq).collect::<Vec<_>>(), "{patterns:?} {after}");
        assert_eq!(data(&got), expected.iter().map(|(_, _, data)| &**data).collect::<Vec<_>>());
    }
    let of: Vec<_> = all.iter().filter(|(_, name, _)| name == "a/4").collect();
    if let Some((first, ..)) = of.first() {
        let info = log.topic(&topic("a/4")).unwrap();
        assert_eq!((info.first, info.events), (*first, of.len() as u64));
    }
    assert_eq!(gap(log, &["**"], 0), None);
}

#[test]
fn thousands_of_topics_with_one_event_each() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let options = EmbeddedOptions { segment_bytes: 64 << 10, ..options(folder.path(), &clock) };
    let log = Embedded::open(options.clone()).unwrap();
    for thousand in 0..5 {
        append(&*log, (0..1000).map(|at| event(&format!("t/{thousand}/{at}"), "")).collect()).unwrap();
    }
    drop(log);
    let log = Embedded::open(options).unwrap();
    assert_eq!((log.usage().topics, log.usage().events), (5000, 5000));
    assert_eq!(seqs(&read(&*log, &["t/4/999"], 0)), [5000]);
    assert_eq!(read(&*log, &["t/2/*"], 0).len(), 1000);
    assert_eq!(log.topics("t/3/", None, 10_000).len(), 1000);
}

#[test]
fn large_events_and_large_batches() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let log = Embedded::open(options(folder.path(), &clock)).unwrap();
    let large = "x".repeat(256 << 10);
    append(&*log, vec![event("t", &large), event("b/t", &large)]).unwrap();
    append(&*log, (0..1000).map(|_| event("t", &large[..1000])).collect()).unwrap();
    drop(log);
    let log = Embedded::open(options(folder.path(), &clock)).unwrap();
    let all = read(&*log, &["**"], 0);
    assert_eq!((all.len(), all[1].data.len()), (1002, 256 << 10));
}

#[test]
fn a_damaged_footer_is_made_again() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let log = Embedded::open(options(folder.path(), &clock)).unwrap();
    for _ in 0..100 {
        append(&*log, vec![event("a/1", &"x".repeat(100)), event("b/1", "y")]).unwrap();
    }
    drop(log);
    let mut files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let sealed = files.iter().find(|path| path.to_string_lossy().ends_with(".seg")).unwrap();
    let mut bytes = std::fs::read(sealed).unwrap();
    let at = bytes.len() - 60;
    bytes[at] ^= 1;
    std::fs::write(sealed, &bytes).unwrap();
    let log = Embedded::open(options(folder.path(), &clock)).unwrap();
    assert_eq!((read(&*log, &["**"], 0).len(), read(&*log, &["b/1"], 0).len()), (200, 100));
    bytes[at] ^= 1;
    assert_eq!(std::fs::read(sealed).unwrap(), bytes);
}
