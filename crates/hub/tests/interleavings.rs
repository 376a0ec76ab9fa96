//! The hand-over from the writer to the shards under every interleaving the checker comes across: the real tail, and
//! the protocol of a shard's pass around it (look at the head only after taking the wake-up, then read up to there).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::sync::Arc;

use headwater_hub::{Format, Gather, Tail, Wire};
use headwater_log::{Durable, Epoch, Pattern, Selection, StoredEvent, Topic};
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

const EVENTS: u64 = 6;
const ROUNDS: usize = 2000;

/// A wake-up that keeps: several rings before somebody listens count as one.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap() = true;
        self.heard.notify_one();
    }

    fn wait(&self) {
        let mut rung = self.rung.lock().unwrap();
        while !std::mem::take(&mut *rung) {
            rung = self.heard.wait(rung).unwrap();
        }
    }
}

fn event(seq: u64) -> Arc<StoredEvent> {
    let topic = Topic::new(if seq.is_multiple_of(3) { "b" } else { "a" }).unwrap();
    let data = format!("{seq}").into();
    Arc::new(StoredEvent { seq, time: 0, topic, event_type: None, key: None, data, end: None })
}

/// What one shard hands out: every event it should, by way of the tail or, once that has gone past it, of the log.
fn shard(tail: &Tail, log: &Mutex<Vec<u64>>, bell: &Bell, selection: &Selection, budget: usize) -> Vec<u64> {
    let (mut head, mut got) = (0, Vec::new());
    while head < EVENTS {
        bell.wait();
        let before = head;
        match tail.batches_after(before) {
            Some(batches) => head = batches.last().map_or(before, |last| last.head),
            None => head = tail.head(),
        }
        let mut cursor = before;
        loop {
            match tail.gather(selection, Format::EventStream, cursor, head, budget) {
                Gather::Run(run) => {
                    assert!(
                        run.ends.iter().all(|(seq, _)| cursor < *seq && *seq <= head),
                        "{run:?} within {cursor}..={head}"
                    );
                    got.extend(run.ends.iter().map(|(seq, _)| *seq));
                    cursor = run.upto;
                }
                Gather::Nothing => break,
                Gather::Fallen => {
                    let log = log.lock().unwrap();
                    let missed = log.iter().filter(|seq| cursor < **seq && **seq <= head);
                    got.extend(missed.filter(|seq| selection.matches(&event(**seq).topic)));
                    break;
                }
            }
        }
    }
    got
}

fn hand_over(limit: usize) {
    let tail = Arc::new(Tail::new(Wire::new(Epoch::new(7).unwrap()), 0, limit));
    let log = Arc::new(Mutex::new(Vec::new()));
    let bells = [Arc::new(Bell::default()), Arc::new(Bell::default())];
    let shards: Vec<_> = bells
        .iter()
        .cloned()
        .enumerate()
        .map(|(at, bell)| {
            let (tail, log) = (tail.clone(), log.clone());
            let selection = Selection::new(["a", "b"][..=at].iter().map(|topic| Pattern::new(topic).unwrap()));
            thread::spawn(move || shard(&tail, &log, &bell, &selection, 1 + at * 200))
        })
        .collect();
    for batch in [&[1u64, 2][..], &[3], &[4, 5, 6]] {
        log.lock().unwrap().extend(batch);
        let events = batch.iter().map(|seq| event(*seq)).collect();
        tail.push(Durable { head: *batch.last().unwrap(), events, deleted: Vec::new() });
        bells.iter().for_each(|bell| bell.ring());
    }
    let got: Vec<_> = shards.into_iter().map(|shard| shard.join().unwrap()).collect();
    assert_eq!(got, [vec![1, 2, 4, 5], vec![1, 2, 3, 4, 5, 6]]);
}

// BSG-08, RUN-03: no event is lost, doubled or out of order between the writer and the shards.
#[test]
fn every_shard_gets_everything_once() {
    shuttle::check_random(|| hand_over(1 << 20), ROUNDS);
    shuttle::check_pct(|| hand_over(1 << 20), ROUNDS, 3);
}

// The same when the tail is too small for a shard that sleeps: the rest comes from the log.
#[test]
fn a_shard_that_falls_off_the_tail_misses_nothing() {
    shuttle::check_random(|| hand_over(100), ROUNDS);
    shuttle::check_pct(|| hand_over(100), ROUNDS, 3);
}
