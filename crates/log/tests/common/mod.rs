//! What the tests of the engines share: a clock they set, calls that wait for their answer, short ways to name things.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "every test uses its part and fails on what is missing"
)]

pub mod ledger;
pub mod model;
pub mod script;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use headwater_log::clock::Clock;
use headwater_log::{
    AppendError, EndReason, Engine, NewEvent, Pattern, Reader, Receipt, Selection, StoredEvent, Timestamp, Topic,
};

/// Longest wait for an answer. Only a hang reaches it.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that stands still until it is told.
#[derive(Debug)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_700_000_000_000_000)))
    }

    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_micros() as u64, Ordering::SeqCst);
    }

    pub fn set_back(&self, by: Duration) {
        self.0.fetch_sub(by.as_micros() as u64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.load(Ordering::SeqCst)
    }
}

pub fn time(stamp: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(stamp)
}

pub fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

pub fn selection(patterns: &[&str]) -> Arc<Selection> {
    Arc::new(Selection::new(patterns.iter().map(|text| Pattern::new(text).unwrap())))
}

pub fn event(name: &str, data: &str) -> NewEvent {
    NewEvent { topic: topic(name), event_type: None, key: None, idempotency_key: None, data: data.into(), end: None }
}

pub fn keyed(name: &str, key: &str, data: &str) -> NewEvent {
    NewEvent { idempotency_key: Some(key.into()), ..event(name, data) }
}

pub fn end(name: &str, reason: EndReason) -> NewEvent {
    NewEvent { end: Some(reason), ..event(name, "") }
}

/// What retention counts of an event.
pub fn size(event: &StoredEvent) -> u64 {
    let kind = event.event_type.as_ref().map_or(0, |kind| kind.as_str().len());
    (event.topic.as_str().len() + kind + event.key.as_ref().map_or(0, |key| key.len()) + event.data.len()) as u64
}

/// Appends and waits for the outcome.
pub fn append(engine: &dyn Engine, batch: Vec<NewEvent>) -> Result<Vec<Receipt>, AppendError> {
    let (told, outcome) = mpsc::channel();
    engine.append(batch, Box::new(move |result| drop(told.send(result))));
    outcome.recv_timeout(PATIENCE).expect("the append was never answered")
}

/// Appends one event that must be taken; its sequence number.
pub fn put(engine: &dyn Engine, event: NewEvent) -> u64 {
    append(engine, vec![event]).unwrap()[0].seq
}

/// Deletes and waits for the outcome.
pub fn delete(engine: &dyn Engine, name: &str) -> Result<bool, AppendError> {
    let (told, outcome) = mpsc::channel();
    engine.delete(&topic(name), Box::new(move |result| drop(told.send(result))));
    outcome.recv_timeout(PATIENCE).expect("the deletion was never answered")
}

/// Everything a reader has, with the gaps it told.
pub fn drain(reader: &mut dyn Reader) -> (Vec<Arc<StoredEvent>>, Vec<u64>) {
    let (mut events, mut gaps) = (Vec::new(), Vec::new());
    loop {
        let page = reader.next_page(100, 1 << 20).unwrap();
        gaps.extend(page.gap.map(|gap| gap.upto));
        if page.events.is_empty() && !page.untold {
            return (events, gaps);
        }
        events.extend(page.events);
    }
}

/// Where a reader who has had everything up to a place goes on, if something is missing after it.
pub fn gap(engine: &dyn Engine, patterns: &[&str], after: u64) -> Option<u64> {
    engine.resume(selection(patterns), after).1.map(|gap| {
        assert_eq!(gap.after, after);
        gap.upto
    })
}

/// Everything of a selection after a place.
pub fn read(engine: &dyn Engine, patterns: &[&str], after: u64) -> Vec<Arc<StoredEvent>> {
    drain(&mut *engine.reader(selection(patterns), after)).0
}

pub fn seqs(events: &[Arc<StoredEvent>]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

/// Waits until something holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never happened: {what}");
        std::thread::yield_now();
    }
}

/// Dice that fall the same way for a seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Says how to repeat a run when the test fails in it.
pub struct Replay(pub String);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay: {}", self.0);
        }
    }
}
