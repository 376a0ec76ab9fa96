//! What was asked of a log and what it answered, and whether a log that was reopened agrees.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use headwater_log::{AppendError, Engine, NewEvent, Receipt, StoredEvent, Topic};

use super::{append, event, keyed, read, seqs};

/// Everything asked, in order.
#[derive(Clone, Default)]
pub struct Ledger {
    acts: Vec<Act>,
    /// Time since the beginning.
    now: Duration,
}

#[derive(Clone)]
struct Act {
    at: Duration,
    ask: Ask,
    outcome: Outcome,
}

#[derive(Clone)]
enum Ask {
    Batch(Vec<NewEvent>),
    Delete(Topic),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Acknowledged with these numbers.
    Acked(Vec<u64>),
    /// Refused for a reason that promises nothing was stored.
    Refused,
    /// The storage failed under it: it may be stored or not.
    Unknown,
}

/// What the classes of the log mean for its topics.
pub struct Rules {
    /// Most events of a topic below `lim/`.
    pub limit: usize,
    /// Events below `old/` may go when they are older.
    pub age: Duration,
    /// Whether topics below `mem/` are still there: they are until the process ends.
    pub memory: bool,
}

/// A topic's history up to now.
#[derive(Default)]
struct Expected {
    /// Acknowledged and not deleted.
    certain: Vec<Stored>,
    /// Those of them that are past the age of `old/`.
    aged: usize,
    /// May be there.
    maybe: Vec<Stored>,
    /// A deletion came last whose outcome is not known.
    maybe_deleted: bool,
}

/// An acknowledged event that is not served, the next one of its topic, and where a reader before it is sent.
#[derive(Debug)]
struct Gap {
    topic: Topic,
    gone: u64,
    next: Option<u64>,
    place: Option<u64>,
}

/// What identifies an event: its number if it is known and its content, which the script makes unique.
#[derive(Clone, PartialEq, Eq)]
struct Stored {
    seq: Option<u64>,
    event: NewEvent,
}

impl Ledger {
    pub fn batch(&mut self, batch: Vec<NewEvent>, outcome: &Result<Vec<Receipt>, AppendError>, stopped: bool) {
        let outcome = match outcome {
            Ok(receipts) => {
                let newest = self.newest();
                assert!(!stopped, "acknowledged after the log had stopped");
                assert!(receipts.is_sorted_by(|a, b| a.seq < b.seq), "receipts in order: {receipts:?}");
                assert!(receipts.iter().all(|r| r.seq > newest && !r.duplicate), "{receipts:?} comes after {newest}");
                Outcome::Acked(receipts.iter().map(|receipt| receipt.seq).collect())
            }
            Err(AppendError::Failed(_)) if !stopped => Outcome::Unknown,
            Err(_) => Outcome::Refused,
        };
        self.acts.push(Act { at: self.now, ask: Ask::Batch(batch), outcome });
    }

    pub fn advance(&mut self, time: Duration) {
        self.now += time;
    }

    pub fn delete(&mut self, topic: Topic, outcome: &Result<bool, AppendError>, stopped: bool) {
        let outcome = match outcome {
            Ok(_) => Outcome::Acked(Vec::new()),
            Err(AppendError::Failed(_)) if !stopped => Outcome::Unknown,
            Err(_) => Outcome::Refused,
        };
        self.acts.push(Act { at: self.now, ask: Ask::Delete(topic), outcome });
    }

    /// The newest number ever acknowledged.
    pub fn newest(&self) -> u64 {
        let numbers = self.acts.iter().filter_map(|act| match &act.outcome {
            Outcome::Acked(seqs) => seqs.last().copied(),
            _ => None,
        });
        numbers.max().unwrap_or(0)
    }

    pub fn acknowledged(&self) -> usize {
        self.acts.iter().filter(|act| matches!(act.outcome, Outcome::Acked(_))).count()
    }

    /// An acknowledged event on disk with an idempotency key, whose topic is still there.
    pub fn keyed(&self) -> Option<(NewEvent, u64)> {
        let acked = self.acts.iter().rev().filter_map(|act| match act {
            Act { ask: Ask::Batch(batch), outcome: Outcome::Acked(seqs), .. } => Some(batch.iter().zip(seqs)),
            _ => None,
        });
        // Nobody deletes these topics.
        let stays = |event: &NewEvent| ["u/0", "other/0"].contains(&event.topic.as_str());
        let mut keyed = acked.flatten().filter(|(event, _)| event.idempotency_key.is_some() && stays(event));
        keyed.next().map(|(event, seq)| (event.clone(), *seq))
    }

    /// Compares what the log serves with what it promised; the numbers of what it serves and may never take back.
    pub fn check(&self, engine: &dyn Engine, rules: &Rules) -> Vec<u64> {
        let served = self.look(engine);
        assert!(seqs(&served).is_sorted_by(|a, b| a < b), "order and uniqueness of {:?}", seqs(&served));
        let mut found: BTreeMap<Topic, Vec<Stored>> = BTreeMap::new();
        for served in &served {
            let stored = Stored { seq: Some(served.seq), event: anonymous(served) };
            found.entry(served.topic.clone()).or_default().push(stored);
        }
        let expected = self.expected(rules.age);
        for (topic, found) in &found {
            assert!(expected.contains_key(topic), "{topic} holds {found:?}, which nobody published");
        }
        for (topic, expected) in &expected {
            let found = found.get(topic).map_or(&[][..], Vec::as_slice);
            expected.check(topic, found, rules);
        }
        self.check_batches(&found);
        let lasting = served.iter().filter(|event| lasts(&event.topic));
        lasting.map(|event| event.seq).collect()
    }

    /// What a log with one flipped bit may serve: sound events in order; unless it says that it is damaged, all of
    /// them but for those of the last group.
    pub fn check_flipped(&self, served: &[Arc<StoredEvent>], damaged: bool) {
        assert!(seqs(served).is_sorted_by(|a, b| a < b));
        let expected = self.expected(Duration::MAX);
        let undone = self.without_last_deletion(served).map(|ledger| ledger.expected(Duration::MAX));
        let mut found: HashMap<&Topic, Vec<u64>> = HashMap::new();
        for served in served {
            let known = undone.iter().chain([&expected]).filter_map(|topics| topics.get(&served.topic)).any(|topic| {
                topic.certain.iter().any(|s| s.seq == Some(served.seq) && unkeyed(&s.event) == anonymous(served))
            });
            assert!(known, "a damaged event was served: {served:?}");
            found.entry(&served.topic).or_default().push(served.seq);
        }
        if damaged {
            return;
        }
        let last = served.last().map_or(0, |event| event.seq);
        let mut lost: Vec<u64> = Vec::new();
        for (topic, expected) in &expected {
            if ["mem/", "old/"].iter().any(|prefix| topic.as_str().starts_with(prefix)) {
                continue;
            }
            let found = found.get(topic).map_or(&[][..], Vec::as_slice);
            let all: Vec<u64> = expected.certain.iter().filter_map(|stored| stored.seq).collect();
            let limit = if topic.as_str().starts_with("lim/") { super::script::LIMIT } else { usize::MAX };
            let left = &all[all.len().saturating_sub(limit)..];
            lost.extend(left.iter().filter(|seq| !found.contains(seq)));
        }
        assert!(lost.iter().all(|seq| *seq > last), "events {lost:?} are missing without a word, the last is {last}");
        assert!(lost.len() <= 40, "more than a group is missing: {lost:?}");
    }

    /// Everything served. Everything acknowledged that is not has to be told as a gap (G5).
    fn look(&self, engine: &dyn Engine) -> Vec<Arc<StoredEvent>> {
        loop {
            let served = read(engine, &["**"], 0);
            let Some(untold) = self.gaps(engine, &served).into_iter().find(|gap| !gap.is_told()) else { return served };
            // What runs in the background may have removed more in between.
            assert_ne!(seqs(&read(engine, &["**"], 0)), seqs(&served), "{untold:?}");
        }
    }

    fn gaps(&self, engine: &dyn Engine, served: &[Arc<StoredEvent>]) -> Vec<Gap> {
        let mut gone: BTreeMap<&Topic, Vec<u64>> = BTreeMap::new();
        for act in &self.acts {
            let (Ask::Batch(batch), Outcome::Acked(seqs)) = (&act.ask, &act.outcome) else { continue };
            for (event, seq) in batch.iter().zip(seqs) {
                if served.binary_search_by_key(seq, |event| event.seq).is_err() {
                    gone.entry(&event.topic).or_default().push(*seq);
                }
            }
        }
        let ends = gone.into_iter().flat_map(|(topic, gone)| [(topic, gone[0]), (topic, gone[gone.len() - 1])]);
        ends.map(|(topic, gone)| {
            let next = served.iter().find(|event| event.topic == *topic && event.seq > gone).map(|event| event.seq);
            let place = super::gap(engine, &[topic.as_str()], gone - 1);
            Gap { topic: topic.clone(), gone, next, place }
        })
        .collect()
    }

    /// The ledger before its last deletion, if nothing that is served came after it: it may have been in the last group.
    fn without_last_deletion(&self, served: &[Arc<StoredEvent>]) -> Option<Self> {
        let at = self.acts.iter().rposition(|act| matches!(act.ask, Ask::Delete(_)))?;
        let before = Self { acts: self.acts[..at].to_vec(), now: self.now };
        let last = served.last().map_or(0, |event| event.seq);
        (last <= before.newest()).then_some(before)
    }

    /// A batch whose outcome is not known is there whole or not at all, and none is there without those before it.
    fn check_batches(&self, found: &BTreeMap<Topic, Vec<Stored>>) {
        let is_found = |event: &NewEvent| {
            let wanted = unkeyed(event);
            found.get(&event.topic).is_some_and(|all| all.iter().any(|stored| stored.event == wanted))
        };
        let judged = |event: &&NewEvent| lasts(&event.topic);
        let mut missing = None;
        for (at, act) in self.acts.iter().enumerate() {
            let (Ask::Batch(batch), Outcome::Unknown) = (&act.ask, &act.outcome) else { continue };
            let there: Vec<bool> = batch.iter().filter(judged).map(is_found).collect();
            assert!(there.iter().all(|is| *is == there[0]), "batch {at} is stored in part: {there:?} of {batch:?}");
            match there.first() {
                Some(true) => assert_eq!(missing, None, "batch {at} is there, an earlier one is not"),
                Some(false) => missing = missing.or(Some(at)),
                None => {}
            }
        }
    }

    fn expected(&self, age: Duration) -> HashMap<Topic, Expected> {
        let mut topics: HashMap<Topic, Expected> = HashMap::new();
        for act in &self.acts {
            match (&act.ask, &act.outcome) {
                (_, Outcome::Refused) => {}
                (Ask::Batch(batch), Outcome::Acked(seqs)) => {
                    for (event, seq) in batch.iter().zip(seqs) {
                        let topic = topics.entry(event.topic.clone()).or_default();
                        topic.certain.push(Stored { seq: Some(*seq), event: event.clone() });
                        topic.aged += usize::from(self.now - act.at >= age);
                    }
                }
                (Ask::Batch(batch), Outcome::Unknown) => {
                    for event in batch {
                        let topic = topics.entry(event.topic.clone()).or_default();
                        topic.maybe.push(Stored { seq: None, event: event.clone() });
                    }
                }
                (Ask::Delete(topic), Outcome::Acked(_)) => {
                    topics.insert(topic.clone(), Expected::default());
                }
                (Ask::Delete(topic), Outcome::Unknown) => {
                    topics.entry(topic.clone()).or_default().maybe_deleted = true;
                }
            }
        }
        topics
    }
}

impl Gap {
    fn is_told(&self) -> bool {
        self.place.is_some_and(|place| place >= self.gone - 1 && self.next.is_none_or(|next| place < next))
    }
}

impl Expected {
    fn check(&self, topic: &Topic, found: &[Stored], rules: &Rules) {
        let limit = if topic.as_str().starts_with("lim/") { rules.limit } else { usize::MAX };
        if topic.as_str().starts_with("mem/") && !rules.memory {
            return assert_eq!(found, [], "events of {topic} in memory cannot outlive the process");
        }
        if self.maybe_deleted && found.is_empty() {
            return;
        }
        if rules.memory {
            let shown = found.iter().find(|found| self.maybe.iter().any(|maybe| unkeyed(&maybe.event) == found.event));
            assert_eq!(shown, None, "{topic}: shown before it was durable");
        }
        let certain = self.certain.iter().map(|stored| Stored { event: unkeyed(&stored.event), ..*stored });
        let maybe = self.maybe.iter().filter_map(|stored| {
            let wanted = unkeyed(&stored.event);
            found.iter().find(|found| found.event == wanted).cloned()
        });
        let mut all: Vec<Stored> = certain.chain(maybe).collect();
        all.sort_by_key(|stored| stored.seq);
        let mut left = &all[all.len().saturating_sub(limit)..];
        if topic.as_str().starts_with("old/") {
            left = &left[left.len().saturating_sub(found.len()).min(self.aged)..];
        }
        assert_eq!(found, left, "{topic}: what is served, and what was promised");
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data: String = self.event.data.chars().take(8).collect();
        write!(f, "#{} {data}", self.seq.unwrap_or(0))
    }
}

/// Whether events of the topic stay until somebody deletes it.
fn lasts(topic: &Topic) -> bool {
    ["u/", "other/", "fin/"].iter().any(|prefix| topic.as_str().starts_with(prefix))
}

/// The log keeps idempotency keys to itself.
fn unkeyed(event: &NewEvent) -> NewEvent {
    NewEvent { idempotency_key: None, ..event.clone() }
}

fn anonymous(stored: &StoredEvent) -> NewEvent {
    NewEvent {
        topic: stored.topic.clone(),
        event_type: stored.event_type.clone(),
        key: stored.key.clone(),
        idempotency_key: None,
        data: stored.data.clone(),
        end: stored.end,
    }
}

/// What a log that was opened again owes beside its events: new numbers, known keys. It takes a batch, which is noted.
pub fn check_goes_on(ledger: &mut Ledger, engine: &dyn Engine, last: u64) {
    if let Some((event, seq)) = ledger.keyed() {
        let again = append(engine, vec![event]).unwrap_or_else(|error| panic!("refuses a repeat: {error}"));
        assert_eq!(again, [Receipt { seq, duplicate: true }], "a key was forgotten");
    }
    let head = engine.bounds().head;
    assert!(head >= last && head >= ledger.newest(), "head {head} is behind {last} or {}", ledger.newest());
    let batch = vec![event("u/0", "next"), keyed("lim/0", "next", "next")];
    let next = append(engine, batch.clone());
    ledger.batch(batch, &next, false);
    let next = next.unwrap_or_else(|error| panic!("does not go on: {error}"));
    assert!(next[0].seq > head, "{} is used again", next[0].seq);
}
