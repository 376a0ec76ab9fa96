//! Age, limits, deletions, rewriting and restarts mixed at random: what the log says of a topic is what it serves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use headwater_log::disk::sim::{Loss, SimDisk};
use headwater_log::{Class, Classes, Embedded, EmbeddedOptions, Engine, Pattern, Retention};

use super::common::{Dice, ManualClock, Replay, append, delete, event, gap, keyed, read, seqs, topic};

const TOPICS: [&str; 7] = ["old/0", "old/1", "old/2", "lim/0", "lim/1", "other/0", "other/1"];

fn open(disk: &SimDisk, clock: &Arc<ManualClock>) -> Arc<Embedded> {
    let class = |pattern: &str, age, events| {
        let retention = Retention { age: Duration::from_secs(age), events, bytes: 0 };
        Class { topics: vec![Pattern::new(pattern).unwrap()], retention, ..Class::default() }
    };
    let classes = Classes::new(vec![class("old/**", 600, 0), class("lim/**", 0, 3)], class("**", 0, 0));
    let options = EmbeddedOptions {
        segment_bytes: 4096,
        classes,
        idempotency_window: Duration::from_secs(60),
        clock: clock.clone(),
        disk: Arc::new(disk.clone()),
        ..EmbeddedOptions::new("/log")
    };
    Embedded::open(options).unwrap_or_else(|error| panic!("failed to {error}"))
}

/// What is served and said of a topic: its events, first, last and count, and the places of gaps after each number.
#[derive(Debug, PartialEq)]
struct Said {
    served: Vec<u64>,
    info: (u64, u64, u64),
    places: Vec<Option<u64>>,
}

fn ask(log: &Embedded, name: &str, newest: u64) -> Said {
    let info = log.topic(&topic(name)).map_or((0, 0, 0), |info| (info.first, info.last, info.events));
    let places = (0..newest).step_by(5).map(|after| gap(&*log, &[name], after)).collect();
    Said { served: seqs(&read(log, &[name], 0)), info, places }
}

/// Compares what is said of every topic with what is served; `newest` is the newest event each ever had.
fn check(log: &Embedded, newest: &HashMap<&str, u64>) {
    let all = || TOPICS.map(|name| ask(log, name, newest.get(name).copied().unwrap_or(0)));
    // What runs in the background may remove something in between.
    let (said, everything, usage) = loop {
        let (said, everything, usage) = (all(), seqs(&read(log, &["**"], 0)), log.usage());
        if said == all() {
            break (said, everything, usage);
        }
    };
    for (name, Said { served, info, places }) in TOPICS.iter().zip(&said) {
        let ends = (served.first().copied().unwrap_or(0), served.last().copied().unwrap_or(0), served.len() as u64);
        assert_eq!(*info, ends, "{name}");
        for (after, place) in (0..).step_by(5).zip(places) {
            let next = served.iter().find(|seq| **seq > after);
            let place = place.unwrap_or(after);
            assert!(place >= after && next.is_none_or(|next| place < *next), "{name} after {after}: {place}, {next:?}");
        }
    }
    let mut merged: Vec<_> = said.iter().flat_map(|said| &said.served).copied().collect();
    merged.sort_unstable();
    assert_eq!(everything, merged);
    assert_eq!(usage.events, merged.len() as u64);
}

#[test]
fn what_is_said_of_a_topic_is_what_is_served() {
    for seed in 0..6 {
        let _replay = Replay(format!("seed {seed}"));
        let (mut dice, clock) = (Dice(seed), ManualClock::new());
        let mut disk = SimDisk::new(seed);
        let mut log = open(&disk, &clock);
        let mut newest = HashMap::new();
        for step in 0..300 {
            let name = TOPICS[dice.below(TOPICS.len())];
            match dice.below(40) {
                0 => {
                    delete(&*log, name).unwrap();
                }
                1..=4 => log.keep(),
                5..=6 => clock.advance(Duration::from_secs(dice.below(400) as u64)),
                7 => {
                    disk = disk.reboot([Loss::Nothing, Loss::All, Loss::Tail][dice.below(3)]);
                    log = open(&disk, &clock);
                }
                _ => {
                    let data = "x".repeat(dice.below(400));
                    let last = TOPICS[dice.below(TOPICS.len())];
                    let batch = vec![event(name, &data), keyed(last, &format!("{step}"), "y")];
                    for (name, receipt) in [name, last].into_iter().zip(append(&*log, batch).unwrap()) {
                        newest.insert(name, receipt.seq);
                    }
                }
            }
            if step % 10 == 9 {
                check(&log, &newest);
            }
        }
    }
}
