//! A repeatable run of an embedded log on a simulated disk: many batches, over several classes, alone and in groups.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use headwater_event_stream::EventType;
use headwater_log::clock::Clock;
use headwater_log::disk::sim::SimDisk;
use headwater_log::{
    AppendError, Class, Classes, Durability, Embedded, EmbeddedOptions, EndReason, Engine, Health, NewEvent, OpenError,
    Pattern, Receipt, Retention,
};

use super::ledger::{Ledger, Rules};
use super::{Dice, ManualClock, PATIENCE, append, delete, end, event, read, topic};

/// One thing to do.
pub enum Op {
    Batch(Vec<NewEvent>),
    /// Batches that the writer takes as one group, behind one that keeps it busy.
    Group(NewEvent, Vec<Vec<NewEvent>>),
    Delete(&'static str),
    Repeat,
    Read,
    /// Time goes on, and what runs in the background has a turn.
    Keep(Duration),
}

/// A log at the end of a script, or where it stopped.
pub struct Run {
    pub ledger: Ledger,
    /// `None` when it could not be opened.
    pub engine: Option<Arc<Embedded>>,
    /// The log said it had stopped.
    pub stopped: bool,
    pub clock: Arc<ManualClock>,
}

/// Most events of a topic below `lim/`.
pub const LIMIT: usize = 15;
/// How long events below `old/` stay.
pub const AGE: Duration = Duration::from_secs(60);
pub const RUNNING: Rules = Rules { limit: LIMIT, memory: true, age: AGE };
pub const REOPENED: Rules = Rules { limit: LIMIT, memory: false, age: AGE };

/// Operations to go on for after the log has stopped, and after a fault that it has survived.
const AFTER_STOP: usize = 3;
const AFTER_FAULT: usize = 30;

const TOPICS: &[&str] = &[
    "u/0",
    "u/1",
    "u/2",
    "u/gone",
    "other/0",
    "other/1",
    "other/gone",
    "lim/0",
    "lim/1",
    "mem/0",
    "mem/1",
    "old/0",
    "old/1",
];

pub fn options(disk: &SimDisk, clock: &Arc<ManualClock>) -> EmbeddedOptions {
    let class = |pattern: &str, durability, events, age| Class {
        topics: vec![Pattern::new(pattern).unwrap()],
        durability,
        retention: Retention { age, events, bytes: 0 },
        ..Class::default()
    };
    let classes = vec![
        class("lim/**", Durability::Disk, LIMIT as u64, Duration::ZERO),
        class("mem/**", Durability::Memory, 0, Duration::ZERO),
        class("old/**", Durability::Disk, 0, AGE),
        class("other/**", Durability::Disk, 0, Duration::ZERO),
    ];
    EmbeddedOptions {
        classes: Classes::new(classes, class("**", Durability::Disk, 0, Duration::ZERO)),
        segment_bytes: 4096,
        disk: Arc::new(disk.clone()),
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        ..EmbeddedOptions::new("/log")
    }
}

pub fn open(disk: &SimDisk, clock: &Arc<ManualClock>) -> Result<Arc<Embedded>, OpenError> {
    Embedded::open(options(disk, clock))
}

/// So many operations, the same for a seed.
pub fn script(seed: u64, length: usize) -> Vec<Op> {
    let mut dice = Dice(seed);
    let mut next = 0;
    (0..length)
        .map(|_| match dice.below(22) {
            0 => Op::Delete(["u/gone", "other/gone"][dice.below(2)]),
            1 => Op::Repeat,
            2 => Op::Read,
            20 | 21 => Op::Keep(Duration::from_secs(4 + dice.below(20) as u64)),
            3 | 4 => {
                let plug = one(&mut dice, &mut next);
                let batches = 2 + dice.below(3);
                Op::Group(plug, (0..batches).map(|_| batch(&mut dice, &mut next)).collect())
            }
            _ => Op::Batch(batch(&mut dice, &mut next)),
        })
        .collect()
}

fn batch(dice: &mut Dice, next: &mut usize) -> Vec<NewEvent> {
    let mut batch: Vec<_> = (0..1 + dice.below(4)).map(|_| one(dice, next)).collect();
    if dice.one_in(12) {
        let name = format!("fin/{next}");
        batch.push(event(&name, &format!("{next}: last words")));
        batch.push(end(&name, EndReason::Cancelled));
        *next += 1;
    }
    batch
}

fn one(dice: &mut Dice, next: &mut usize) -> NewEvent {
    let length = if dice.one_in(40) { 5000 } else { dice.below(300) };
    let number = *next;
    *next += 1;
    let name = TOPICS[dice.below(TOPICS.len())];
    NewEvent {
        event_type: dice.one_in(4).then(|| EventType::new("kind").unwrap()),
        key: dice.one_in(5).then(|| "key".into()),
        // Keys would hold what is past its age until their window is over.
        idempotency_key: (!name.starts_with("old/") && dice.one_in(3)).then(|| format!("once-{number}").into()),
        ..event(name, &format!("{number}:{}", "x".repeat(length)))
    }
}

impl Run {
    /// Opens the log and runs a script on it until it ends or the log stops.
    pub fn new(disk: &SimDisk, script: &[Op]) -> Self {
        let clock = ManualClock::new();
        let mut run = Self { ledger: Ledger::default(), engine: None, stopped: false, clock };
        let Ok(engine) = open(disk, &run.clock) else { return run };
        let gate = Arc::new(Gate::default());
        engine.set_listener(gate.listener());
        let mut left = usize::MAX;
        for op in script {
            run.step(&engine, &gate, op);
            left = match () {
                () if run.stopped => left.min(AFTER_STOP),
                () if !disk.failures().is_empty() => left.min(AFTER_FAULT),
                () => left,
            };
            if left == 0 {
                break;
            }
            left -= 1;
        }
        run.engine = Some(engine);
        run
    }

    fn step(&mut self, engine: &Embedded, gate: &Arc<Gate>, op: &Op) {
        match op {
            Op::Batch(batch) => {
                let outcome = append(engine, batch.clone());
                self.note(engine, batch, &outcome);
            }
            Op::Group(plug, batches) => {
                let stopped = self.stopped;
                let outcomes = gate.group(engine, plug, batches);
                for (batch, outcome) in std::iter::once(&vec![plug.clone()]).chain(batches).zip(&outcomes) {
                    // They were on their way together: which of them the fault met is not to be told.
                    self.stopped = stopped;
                    self.note(engine, batch, outcome);
                }
                self.stopped = stopped || outcomes.iter().any(|outcome| matches!(outcome, Err(AppendError::Failed(_))));
            }
            Op::Delete(name) => {
                let outcome = delete(engine, name);
                self.ledger.delete(topic(name), &outcome, self.stopped);
                self.stopped |= matches!(outcome, Err(AppendError::Failed(_)));
            }
            Op::Repeat => {
                let Some((event, seq)) = self.ledger.keyed() else { return };
                match append(engine, vec![event]) {
                    Ok(receipts) => assert_eq!(receipts, [Receipt { seq, duplicate: true }]),
                    // A repeat needs no write, but a log that has stopped may refuse it.
                    Err(error) => self.stopped |= matches!(error, AppendError::Failed(_)),
                }
            }
            Op::Read => {
                let mut reader = engine.reader(super::selection(&["**"]), 0);
                // A fault may meet the read itself; it must do no harm.
                let _ = reader.next_page(16, 1 << 20);
                let _ = reader.next_page(16, 1 << 20);
            }
            Op::Keep(time) => {
                self.clock.advance(*time);
                self.ledger.advance(*time);
                engine.keep();
                self.stopped |= matches!(engine.health(), Health::Failed(_));
            }
        }
    }

    fn note(&mut self, engine: &dyn Engine, batch: &[NewEvent], outcome: &Result<Vec<Receipt>, AppendError>) {
        self.ledger.batch(batch.to_vec(), outcome, self.stopped);
        match outcome {
            Ok(_) => {}
            Err(AppendError::Failed(_)) => {
                assert!(matches!(engine.health(), Health::Failed(_)), "{outcome:?}, yet {:?}", engine.health());
                self.stopped = true;
            }
            Err(AppendError::Full) => {}
            Err(error) => panic!("refused without a reason: {error}"),
        }
    }
}

/// Holds the writer in the listener, so that batches gather into one group.
#[derive(Default)]
struct Gate {
    closed: Mutex<()>,
    entered: Mutex<Option<mpsc::Sender<()>>>,
}

impl Gate {
    fn listener(self: &Arc<Self>) -> headwater_log::DurableListener {
        let gate = Arc::clone(self);
        Box::new(move |_| {
            if let Some(entered) = &*gate.entered.lock().unwrap() {
                let _ = entered.send(());
            }
            drop(gate.closed.lock().unwrap());
        })
    }

    fn group(
        &self,
        engine: &dyn Engine,
        plug: &NewEvent,
        batches: &[Vec<NewEvent>],
    ) -> Vec<Result<Vec<Receipt>, AppendError>> {
        let (entered, plugged) = mpsc::channel();
        *self.entered.lock().unwrap() = Some(entered.clone());
        let closed = self.closed.lock().unwrap();
        let send = |batch: Vec<NewEvent>| {
            let (told, outcome) = mpsc::channel();
            let entered = entered.clone();
            engine.append(
                batch,
                Box::new(move |result| {
                    let _ = entered.send(());
                    let _ = told.send(result);
                }),
            );
            outcome
        };
        let first = send(vec![plug.clone()]);
        plugged.recv_timeout(PATIENCE).expect("the writer took nothing");
        let rest: Vec<_> = batches.iter().map(|batch| send(batch.clone())).collect();
        drop(closed);
        let answers = std::iter::once(first).chain(rest);
        let outcomes = answers.map(|answer| answer.recv_timeout(PATIENCE).expect("an append was never answered"));
        let outcomes = outcomes.collect();
        *self.entered.lock().unwrap() = None;
        outcomes
    }
}

/// Reads a log to its end, to see that it still serves.
pub fn serves(engine: &dyn Engine) -> usize {
    read(engine, &["**"], 0).len()
}
