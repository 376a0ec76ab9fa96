//! Damaged segment files: a log opens with events that were appended, in order and unchanged, or is refused; it never makes
//! one up.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock, mpsc};

use headwater_log::disk::sim::SimDisk;
use headwater_log::{Embedded, EmbeddedOptions, Engine, NewEvent, Pattern, Selection, Topic};

/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    static SOUND: OnceLock<(SimDisk, Vec<String>)> = OnceLock::new();
    let (sound, appended) = SOUND.get_or_init(sound_log);
    let disk = sound.fork();
    let files: Vec<(PathBuf, u64)> = disk.files().into_iter().filter(|(_, length)| *length > 0).collect();
    for damage in input.chunks_exact(4).take(8) {
        let (path, length) = &files[usize::from(damage[0]) % files.len()];
        // Near the beginning of a file most bytes mean something; the rest is room for later.
        let offset = u64::from(u16::from_le_bytes([damage[1], damage[2]])) % (*length).min(2048);
        disk.flip(path, offset, damage[3]).expect("the byte is there");
    }
    let Ok(log) = Embedded::open(options(&disk)) else { return };
    let all = Arc::new(Selection::new([Pattern::new("**").expect("a pattern")]));
    let mut reader = log.reader(all, 0);
    let mut read = Vec::new();
    while let Ok(page) = reader.next_page(100, 1 << 20) {
        if page.events.is_empty() {
            break;
        }
        read.extend(page.events.iter().map(|event| format!("{} {} {}", event.seq, event.topic, event.data)));
    }
    let mut rest = appended.iter();
    assert!(read.iter().all(|event| rest.any(|other| other == event)), "{read:?} is no part of {appended:?}");
    log.close();
}

fn sound_log() -> (SimDisk, Vec<String>) {
    let disk = SimDisk::new(7);
    let log = Embedded::open(options(&disk)).expect("an empty disk");
    log.set_listener(Box::new(|_| ()));
    let mut appended = Vec::new();
    for round in 0..6_u64 {
        let batch: Vec<NewEvent> = (0..3).map(|n| event(&format!("t/{n}"), &format!("event {round}.{n}"))).collect();
        let texts: Vec<String> = batch.iter().map(|event| format!("{} {}", event.topic, event.data)).collect();
        let (done, outcome) = mpsc::channel();
        log.append(batch, Box::new(move |result| drop(done.send(result))));
        let receipts = outcome.recv().expect("an answer").expect("a sound disk");
        appended.extend(receipts.iter().zip(texts).map(|(receipt, text)| format!("{} {text}", receipt.seq)));
    }
    log.close();
    (disk, appended)
}

fn options(disk: &SimDisk) -> EmbeddedOptions {
    let mut options = EmbeddedOptions::new("/log");
    options.segment_bytes = 1 << 16;
    options.disk = Arc::new(disk.clone());
    options
}

fn event(topic: &str, data: &str) -> NewEvent {
    NewEvent {
        topic: Topic::new(topic).expect("a topic"),
        event_type: None,
        key: None,
        idempotency_key: None,
        data: data.into(),
        end: None,
    }
}
