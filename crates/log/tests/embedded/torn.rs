//! Torn ends and flipped bits (R4): opening finds the exact prefix or refuses, and never serves a bad record.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use headwater_log::disk::{Disk, sim::SimDisk};
use headwater_log::{Class, Classes, Embedded, EmbeddedOptions, Engine, OpenError, Pattern, StoredEvent};

use super::common::{Dice, Replay, append, event, put, read};

const FOLDER: &str = "/log";

fn open(disk: &SimDisk) -> Result<Arc<Embedded>, OpenError> {
    let other = Class { topics: vec![Pattern::new("b/**").unwrap()], ..Class::default() };
    let classes = Classes::new(vec![other], Class::default());
    let options =
        EmbeddedOptions { segment_bytes: 4096, classes, disk: Arc::new(disk.clone()), ..EmbeddedOptions::new(FOLDER) };
    Embedded::open(options)
}

fn everything(log: &dyn Engine) -> Vec<Arc<StoredEvent>> {
    read(log, &["**"], 0)
}

/// What is left of a log after the damage; its order and ids go on.
fn prefix(disk: &SimDisk, whole: &[Arc<StoredEvent>], expected: usize) {
    let log = open(disk).unwrap_or_else(|error| panic!("failed to {error}"));
    assert_eq!(everything(&*log), whole[..expected]);
    let next = put(&*log, event("a/1", "next"));
    assert!(next > whole[whole.len() - 1].seq, "{next} was used before");
    log.close();
    drop(log);
    let log = open(disk).unwrap_or_else(|error| panic!("failed to {error}"));
    assert_eq!(everything(&*log).len(), expected + 1);
}

/// The newest segment of a chain.
fn newest(disk: &SimDisk, chain: &str) -> (PathBuf, u64) {
    let mut files = disk.files().into_iter();
    files.rfind(|(path, _)| path.to_string_lossy().starts_with(&format!("{FOLDER}/{chain}-"))).unwrap()
}

/// A stretch of a file.
type Stretch = (PathBuf, u64, u64);

/// A log whose last group is one batch, and where that batch begins and ends in its file.
fn with_last_batch(batch: &[(&str, &str)]) -> (SimDisk, Vec<Arc<StoredEvent>>, Vec<Stretch>) {
    let disk = SimDisk::new(4);
    let log = open(&disk).unwrap();
    for at in 0..5 {
        append(&*log, vec![event("a/1", &format!("first {at}")), event("b/1", "x")]).unwrap();
    }
    let before = disk.fork();
    append(&*log, batch.iter().map(|(name, data)| event(name, data)).collect()).unwrap();
    let whole = everything(&*log);
    log.close();
    let places = ["0000", "0001"].map(|chain| {
        let (path, _) = newest(&disk, chain);
        (path.clone(), end_of(&before, &path), end_of(&disk, &path))
    });
    (disk, whole, places.into_iter().filter(|(_, start, end)| start < end).collect())
}

/// Where the zeros begin that a file ends with.
fn end_of(disk: &SimDisk, path: &Path) -> u64 {
    let file = disk.open(path).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at as u64 + 1)
}

#[test]
fn cut_at_every_byte_of_the_last_two_records() {
    let (disk, whole, places) = with_last_batch(&[("a/1", "one"), ("a/2", "two")]);
    let (path, start, end) = &places[0];
    // At the very start nothing shows that there was another group.
    for length in start + 1..*end {
        let _replay = Replay(format!("cut at {length} of {start}..{end}"));
        let disk = disk.fork();
        disk.open(path).unwrap().set_len(length).unwrap();
        prefix(&disk, &whole, whole.len() - 2);
    }
}

#[test]
fn flip_every_byte_of_the_last_two_records() {
    let (disk, whole, places) = with_last_batch(&[("a/1", "one"), ("a/2", "two")]);
    let (path, start, end) = &places[0];
    for at in *start..*end {
        let _replay = Replay(format!("flip at {at} of {start}..{end}"));
        let disk = disk.fork();
        disk.flip(path, at, 1 << (at % 8)).unwrap();
        prefix(&disk, &whole, whole.len() - 2);
    }
}

#[test]
fn a_batch_over_two_chains_is_all_or_nothing() {
    let (disk, whole, places) = with_last_batch(&[("a/1", "one"), ("b/2", "two")]);
    assert_eq!(places.len(), 2);
    for (path, start, end) in &places {
        for at in start + 1..*end {
            let _replay = Replay(format!("{} at {at} of {start}..{end}", path.display()));
            let flipped = disk.fork();
            flipped.flip(path, at, 1 << (at % 8)).unwrap();
            prefix(&flipped, &whole, whole.len() - 2);
            let cut = disk.fork();
            cut.open(path).unwrap().set_len(at).unwrap();
            prefix(&cut, &whole, whole.len() - 2);
        }
    }
}

/// Many groups in several segments of two chains.
fn long() -> (SimDisk, Vec<Arc<StoredEvent>>) {
    let disk = SimDisk::new(5);
    let log = open(&disk).unwrap();
    for at in 0..60 {
        append(&*log, vec![event("a/1", &"x".repeat(100 + at)), event(["b/1", "a/2"][at % 2], "y")]).unwrap();
    }
    let whole = everything(&*log);
    log.close();
    (disk, whole)
}

#[test]
fn damage_before_a_sound_group_is_refused_and_nothing_is_touched() {
    let (disk, _) = long();
    let (path, _) = newest(&disk, "0001");
    let end = end_of(&disk, &path);
    for at in 0..end / 2 {
        let _replay = Replay(format!("flip at {at} of {end}"));
        let disk = disk.fork();
        disk.flip(&path, at, 1).unwrap();
        let files = disk.files();
        match open(&disk).err() {
            Some(OpenError::Damaged { file, offset }) => assert!(file == path && offset <= at),
            other => panic!("{other:?}"),
        }
        assert_eq!(disk.files(), files);
    }
}

#[test]
fn a_missing_or_emptied_chain_is_refused() {
    let (disk, _) = long();
    let (path, _) = newest(&disk, "0000");
    let emptied = disk.fork();
    emptied.open(&path).unwrap().set_len(0).unwrap();
    assert!(open(&emptied).is_err());
    let gone = disk.fork();
    gone.remove(&path).unwrap();
    assert!(open(&gone).is_err());
    let gone = disk.fork();
    gone.remove(&Path::new(FOLDER).join("manifest")).unwrap();
    assert_eq!(open(&gone).err(), Some(OpenError::Missing(Path::new(FOLDER).join("manifest"))));
}

/// Flips and cuts at random places: the log opens with a prefix, or not at all; what it serves is what was stored.
fn random_spots(count: u64) {
    let (disk, whole) = long();
    let files: Vec<_> =
        disk.files().into_iter().filter(|(path, length)| *length > 0 && !path.ends_with("lock")).collect();
    for spot in 0..count {
        let mut dice = Dice(spot);
        let (path, length) = &files[dice.below(files.len())];
        let at = dice.below(*length as usize) as u64;
        let cut = dice.one_in(4);
        let _replay = Replay(format!("spot {spot}: {} at {at}, cut {cut}", path.display()));
        let disk = disk.fork();
        match cut {
            true => disk.open(path).unwrap().set_len(at).unwrap(),
            false => disk.flip(path, at, 1 << dice.below(8)).unwrap(),
        }
        let Ok(log) = open(&disk) else { continue };
        let mut reader = log.reader(super::common::selection(&["**"]), 0);
        let mut served = Vec::new();
        // A record of a sealed segment is only looked at when it is read; then the reader says what is wrong.
        let ended = loop {
            match reader.next_page(7, 1 << 20) {
                Ok(page) if page.events.is_empty() => break true,
                Ok(page) => served.extend(page.events),
                Err(_) => break false,
            }
        };
        assert_eq!(served, whole[..served.len()]);
        if ended && !cut {
            assert!(served.len() + 2 >= whole.len(), "only the last group may be missing: {}", served.len());
        }
        log.close();
    }
}

#[test]
fn random_spots_are_noticed() {
    random_spots(1500);
}

#[test]
#[ignore = "takes minutes"]
fn a_hundred_thousand_random_spots_are_noticed() {
    random_spots(100_000);
}
