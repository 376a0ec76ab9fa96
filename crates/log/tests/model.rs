//! Both engines against a plain model of a log: random operations, every answer compared.
//!
//! Covers IDG-02, IDG-03, IDG-05, IDG-06 and, with the embedded engine reopened at random, G3, G4, G6, G7.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::model::Model;
use common::{ManualClock, append, delete, drain, event, selection, time, topic};
use headwater_event_stream::EventType;
use headwater_log::clock::Clock;
use headwater_log::disk::sim::{Loss, SimDisk};
use headwater_log::{
    Class, Classes, Durability, Durable, Embedded, EmbeddedOptions, EndReason, Engine, Gap, Memory, MemoryOptions,
    NewEvent, Pattern, Reader, Retention, Selection, Topic,
};
use proptest::prelude::*;

/// An engine under test, with a way to end it and start it again if it has one.
struct Subject {
    engine: Arc<dyn Engine>,
    reopen: Option<Box<dyn FnMut() -> Arc<Embedded>>>,
    /// The same engine, for what only this one has.
    embedded: Option<Arc<Embedded>>,
    /// It is not closed before it is opened again: the power goes.
    crash: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<NewEvent>),
    Delete(usize),
    Read { selection: Vec<usize>, after: u64, page: usize, bytes: usize },
    OpenReader { selection: Vec<usize>, after: u64 },
    Resume { selection: Vec<usize>, after: u64 },
    Page { reader: usize, page: usize },
    Seek(i64),
    Topics { prefix: usize, after: Option<usize>, limit: usize },
    Clock(i64),
    Keep,
    Reopen,
}

const TOPICS: &[&str] = &["a", "a/b", "a/c", "b/x", "b/y/z", "c", "$hub/s", "m", "m/1", "z/1", "z/2"];
const PATTERNS: &[&str] =
    &["a", "a/b", "a/*", "a/**", "*", "**", "b/**", "b/*/z", "$hub/**", "m/**", "c", "*/1", "nobody", "nobody/**"];
const PREFIXES: &[&str] = &["", "a", "a/", "b", "m", "$", "nobody"];
const WINDOW: Duration = Duration::from_secs(600);

fn classes() -> Classes {
    let class = |pattern: &str, durability, events, bytes| Class {
        topics: vec![Pattern::new(pattern).unwrap()],
        durability,
        retention: Retention { age: Duration::ZERO, events, bytes },
        ..Class::default()
    };
    let unlimited = Class { retention: Retention { age: Duration::ZERO, events: 0, bytes: 0 }, ..Class::default() };
    Classes::new(
        vec![
            class("a/**", Durability::Disk, 3, 0),
            class("b/**", Durability::Disk, 0, 60),
            class("m/**", Durability::Memory, 4, 0),
            class("z/**", Durability::Disk, 0, 0),
        ],
        unlimited,
    )
}

fn new_event() -> impl Strategy<Value = NewEvent> {
    let text = prop_oneof![4 => "[a-z]{0,12}", 1 => "\\PC{0,20}", 1 => Just("line\nline\r\n\u{0}".to_owned())];
    let end = prop_oneof![Just(EndReason::Done), Just(EndReason::Error), Just(EndReason::Cancelled)];
    (
        0..TOPICS.len(),
        text,
        prop::option::weighted(0.3, "[a-z.]{1,6}"),
        prop::option::weighted(0.2, "[a-z]{1,4}"),
        prop::option::weighted(0.4, "[k-p]"),
        prop::option::weighted(0.05, end),
    )
        .prop_map(|(at, data, kind, key, idempotency_key, end)| match end {
            Some(_) => NewEvent { end, idempotency_key: idempotency_key.map(Into::into), ..event(TOPICS[at], "") },
            None => NewEvent {
                event_type: kind.map(|kind| EventType::new(&kind).unwrap()),
                key: key.map(Into::into),
                idempotency_key: idempotency_key.map(Into::into),
                ..event(TOPICS[at], &data)
            },
        })
}

fn step() -> impl Strategy<Value = Step> {
    let selected = || prop::collection::vec(0..PATTERNS.len(), 1..4);
    prop_oneof![
        10 => prop::collection::vec(new_event(), 1..6).prop_map(Step::Append),
        1 => (0..TOPICS.len()).prop_map(Step::Delete),
        3 => (selected(), any::<u64>(), 1..9usize, prop_oneof![Just(1 << 20), 1..40usize])
            .prop_map(|(selection, after, page, bytes)| Step::Read { selection, after, page, bytes }),
        2 => (selected(), any::<u64>()).prop_map(|(selection, after)| Step::OpenReader { selection, after }),
        4 => (any::<usize>(), 1..5usize).prop_map(|(reader, page)| Step::Page { reader, page }),
        3 => (selected(), any::<u64>()).prop_map(|(selection, after)| Step::Resume { selection, after }),
        2 => (-5_000_000..5_000_000i64).prop_map(Step::Seek),
        2 => (0..PREFIXES.len(), prop::option::of(0..TOPICS.len()), 0..12usize)
            .prop_map(|(prefix, after, limit)| Step::Topics { prefix, after, limit }),
        2 => prop_oneof![4 => 0..2_000_000i64, 1 => -2_000_000..0i64, 1 => Just(700_000_000i64)].prop_map(Step::Clock),
        1 => Just(Step::Keep),
        1 => Just(Step::Reopen),
    ]
}

/// A reader kept over many steps, with what it should say next.
struct Kept {
    reader: Box<dyn Reader>,
    selection: Arc<Selection>,
    /// Where it began.
    start: u64,
    /// The end of its newest page.
    place: u64,
    /// Removals up to this turn are not its business.
    turn: u64,
    delivered: HashSet<u64>,
    /// The gaps it told.
    told: Vec<Gap>,
}

struct Run {
    subject: Subject,
    model: Model,
    clock: Arc<ManualClock>,
    readers: Vec<Kept>,
    told: Arc<Mutex<Vec<Durable>>>,
    /// The latest time a deletion was made at.
    deleted_at: u64,
}

impl Run {
    fn new(subject: Subject, clock: Arc<ManualClock>) -> Self {
        let mut run = Self {
            subject,
            model: Model::new(classes(), WINDOW.as_micros() as u64),
            clock,
            readers: Vec::new(),
            told: Arc::default(),
            deleted_at: 0,
        };
        run.listen();
        run
    }

    fn listen(&mut self) {
        let told = Arc::clone(&self.told);
        self.subject.engine.set_listener(Box::new(move |durable| told.lock().unwrap().push(durable)));
    }

    fn step(&mut self, step: Step) {
        let engine = Arc::clone(&self.subject.engine);
        match step {
            Step::Append(batch) => {
                let before = self.model.head;
                let outcome = append(&*engine, batch.clone());
                self.model.append(&batch, self.clock.now(), &outcome);
                let told = std::mem::take(&mut *self.told.lock().unwrap());
                let told: Vec<_> = told.into_iter().flat_map(|durable| durable.events).collect();
                let mut stored: Vec<_> = self.model.events.iter().filter(|event| event.seq > before).cloned().collect();
                stored.extend(self.model.removed.iter().map(|(event, _)| event).filter(|e| e.seq > before).cloned());
                stored.sort_by_key(|event| event.seq);
                assert_eq!(told, stored, "the listener hears every event before it is acknowledged");
            }
            Step::Delete(at) => {
                let known = delete(&*engine, TOPICS[at]).unwrap();
                self.deleted_at = self.deleted_at.max(self.clock.now());
                self.model.delete(&topic(TOPICS[at]), known, engine.bounds().head);
                let told = std::mem::take(&mut *self.told.lock().unwrap());
                let deleted: Vec<Topic> =
                    told.into_iter().flat_map(|durable| durable.deleted).map(|(t, _)| t).collect();
                assert_eq!(deleted, if known { vec![topic(TOPICS[at])] } else { vec![] });
            }
            Step::Read { selection, after, page, bytes } => {
                let (selection, after) = (select(&selection), after % (self.model.head + 2));
                self.read(&mut *engine.reader(Arc::clone(&selection), after), &selection, after, page, bytes);
            }
            Step::OpenReader { selection, after } => {
                let (selection, start) = (select(&selection), after % (self.model.head + 2));
                let reader = engine.reader(Arc::clone(&selection), start);
                let (delivered, told) = (HashSet::new(), Vec::new());
                let turn = self.model.turn;
                self.readers.push(Kept { reader, selection, start, place: start, turn, delivered, told });
            }
            Step::Resume { selection, after } => {
                let (selection, start) = (select(&selection), after % (self.model.head + 2));
                let (reader, gap) = engine.resume(Arc::clone(&selection), start);
                self.model.check_gap(&selection, start, gap);
                let (delivered, told, place) = (HashSet::new(), Vec::from_iter(gap), gap.map_or(start, |gap| gap.upto));
                self.readers.push(Kept { reader, selection, start, place, turn: 0, delivered, told });
            }
            Step::Page { reader, page } if !self.readers.is_empty() => {
                let at = reader % self.readers.len();
                self.page(at, page);
            }
            Step::Page { .. } => {}
            Step::Seek(from) => {
                let at = self.clock.now().saturating_add_signed(from);
                let place = engine.seek(time(at));
                match self.model.events.iter().find(|event| event.time >= at) {
                    Some(first) => assert!(place < first.seq, "seek to {place} misses {}", first.seq),
                    None => assert!(place <= self.model.head),
                }
                // Exact as long as nobody has set the clock back.
                let before = self.model.events.iter().take_while(|event| event.time < at).last();
                let gone_before = self.model.removed.iter().all(|(event, _)| event.time < at) && self.deleted_at < at;
                if self.model.events.is_sorted_by_key(|event| event.time) && gone_before {
                    assert!(before.is_none_or(|before| place >= before.seq), "seek goes back to {place}: {before:?}");
                }
            }
            Step::Topics { prefix, after, limit } => {
                let after = after.map(|at| TOPICS[at]);
                let listed = engine.topics(PREFIXES[prefix], after, limit);
                assert_eq!(listed, self.model.topics(PREFIXES[prefix], after, limit));
                for name in TOPICS {
                    assert_eq!(engine.topic(&topic(name)), self.model.topic(&topic(name)));
                }
            }
            Step::Clock(by) if by >= 0 => self.clock.advance(Duration::from_micros(by as u64)),
            Step::Clock(by) => self.clock.set_back(Duration::from_micros(by.unsigned_abs())),
            Step::Keep => self.subject.embedded.iter().for_each(|log| log.keep()),
            Step::Reopen => self.reopen(),
        }
        self.check_bounds();
    }

    fn reopen(&mut self) {
        let Some(reopen) = &mut self.subject.reopen else { return };
        self.readers.clear();
        if !self.subject.crash {
            self.subject.engine.close();
        }
        let log = reopen();
        self.subject.engine = Arc::clone(&log) as Arc<dyn Engine>;
        self.subject.embedded = Some(log);
        self.listen();
        self.model.restart(self.subject.engine.bounds().head);
    }

    fn check_bounds(&self) {
        let bounds = self.subject.engine.bounds();
        assert_eq!(bounds.head, self.model.head);
        assert!(self.model.events.first().is_none_or(|first| bounds.before_first < first.seq));
        assert!(bounds.before_first <= bounds.head);
        assert_eq!(self.subject.engine.usage().events, self.model.events.len() as u64);
    }

    fn read(&self, reader: &mut dyn Reader, selection: &Selection, after: u64, page: usize, bytes: usize) {
        let expected = self.model.selected(selection, after);
        let (mut events, mut upto) = (Vec::new(), after);
        loop {
            let got = reader.next_page(page, bytes).unwrap();
            assert_eq!(got.gap, None, "nothing was removed after the reader was made");
            assert!(got.events.len() <= page && got.upto >= upto);
            assert!(got.events.last().is_none_or(|last| last.seq <= got.upto));
            upto = got.upto;
            if got.events.is_empty() {
                break;
            }
            events.extend(got.events);
            // What `upto` claims, a second reader from there confirms.
            let rest: Vec<_> = expected.iter().skip(events.len()).cloned().collect();
            assert_eq!(self.model.selected(selection, upto), rest);
        }
        assert_eq!(events, expected, "{selection:?} after {after}");
        assert_eq!(upto, self.model.head.max(after));
    }

    fn page(&mut self, at: usize, size: usize) {
        let kept = &mut self.readers[at];
        let page = kept.reader.next_page(size, 1 << 20).unwrap();
        if let Some(gap) = page.gap {
            let last = kept.told.last().map_or(kept.start, |gap| gap.upto);
            assert!(gap.after >= last && gap.upto > gap.after && gap.upto >= kept.place, "{gap:?} after {last}");
            assert!(
                self.model.lost(&kept.selection, gap) || gap.after < self.model.restarted_at,
                "{gap:?} for nothing"
            );
            kept.told.push(gap);
        }
        // A page may be short, as a gap comes before the next event.
        let from = page.gap.map_or(kept.place, |gap| gap.upto);
        let expected: Vec<_> =
            self.model.selected(&kept.selection, kept.place).into_iter().take(page.events.len().max(1)).collect();
        if page.events.is_empty() {
            assert!(page.untold || expected.is_empty(), "{expected:?} is missing");
        } else {
            assert_eq!(page.events, expected, "{:?} after {from}", kept.selection);
        }
        assert!(page.events.len() <= size && page.events.first().is_none_or(|first| from < first.seq));
        assert!(page.upto >= page.events.last().map_or(from, |last| last.seq));
        for event in &page.events {
            kept.delivered.insert(event.seq);
            self.model.check_told(kept.turn, kept.start, event.seq, &kept.delivered, &kept.told, |topic| {
                *topic == event.topic
            });
        }
        let selected = |topic: &Topic| kept.selection.matches(topic);
        let sure = if page.untold { kept.told.last().map_or(kept.start, |gap| gap.upto) } else { page.upto };
        self.model.check_told(kept.turn, kept.start, sure, &kept.delivered, &kept.told, selected);
        kept.place = page.upto;
    }
}

fn select(at: &[usize]) -> Arc<Selection> {
    let patterns: Vec<&str> = at.iter().map(|at| PATTERNS[*at]).collect();
    selection(&patterns)
}

fn check(subject: Subject, clock: Arc<ManualClock>, steps: Vec<Step>) {
    let mut run = Run::new(subject, clock);
    for step in steps {
        run.step(step);
    }
    run.reopen();
    let everything = selection(&["**", "$hub/**"]);
    let (events, _) = drain(&mut *run.subject.engine.reader(everything, 0));
    assert_eq!(events, run.model.events);
    run.subject.engine.close();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_behaves_like_the_model(steps in prop::collection::vec(step(), 1..150)) {
        let clock = ManualClock::new();
        let engine = Memory::new(MemoryOptions {
            classes: classes(),
            idempotency_window: WINDOW,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ..MemoryOptions::default()
        });
        check(Subject { engine, reopen: None, embedded: None, crash: false }, clock, steps);
    }

    #[test]
    fn embedded_behaves_like_the_model(steps in prop::collection::vec(step(), 1..150), seed: u64, crash: bool) {
        let clock = ManualClock::new();
        let subject = embedded(&clock, seed, crash);
        check(subject, clock, steps);
    }
}

/// An embedded log with small segments, which ends by closing or by a power cut.
fn embedded(clock: &Arc<ManualClock>, seed: u64, crash: bool) -> Subject {
    let disk = Arc::new(Mutex::new(SimDisk::new(seed)));
    let open = {
        let (disk, clock) = (Arc::clone(&disk), Arc::clone(clock));
        move || {
            let options = EmbeddedOptions {
                classes: classes(),
                segment_bytes: 4096,
                idempotency_window: WINDOW,
                disk: Arc::new(disk.lock().unwrap().clone()),
                clock: Arc::clone(&clock) as Arc<dyn Clock>,
                ..EmbeddedOptions::new("/log")
            };
            Embedded::open(options).unwrap_or_else(|error| panic!("failed to {error}"))
        }
    };
    let log = open();
    let power = Arc::clone(&disk);
    let reopen = Box::new(move || {
        if crash {
            let mut disk = power.lock().unwrap();
            *disk = disk.reboot(Loss::All);
        }
        open()
    });
    Subject { engine: Arc::clone(&log) as Arc<dyn Engine>, reopen: Some(reopen), embedded: Some(log), crash }
}
