//! What the memory engine does beyond the model: age, the bound on memory, the queue, its end, many threads.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use common::{
    ManualClock, PATIENCE, append, delete, drain, end, event, eventually, gap, keyed, put, read, selection, seqs, time,
    topic,
};
use headwater_log::clock::Clock;
use headwater_log::{
    AppendError, Class, Classes, EndReason, Engine, Gap, Health, Memory, MemoryOptions, Pattern, Retention,
};

fn limited(age: Duration, events: u64) -> Classes {
    let class = |patterns: &[&str], retention| Class {
        topics: patterns.iter().map(|text| Pattern::new(text).unwrap()).collect(),
        retention,
        ..Class::default()
    };
    let kept = Retention { age: Duration::ZERO, events: 0, bytes: 0 };
    Classes::new(vec![class(&["kept/**"], kept)], class(&[], Retention { age, events, bytes: 0 }))
}

fn memory(classes: Classes) -> (Arc<Memory>, Arc<ManualClock>) {
    let clock = ManualClock::new();
    let shared = Arc::clone(&clock) as Arc<dyn Clock>;
    (Memory::new(MemoryOptions { classes, clock: shared, ..MemoryOptions::default() }), clock)
}

#[test]
fn events_go_with_their_age() {
    let (log, clock) = memory(limited(Duration::from_secs(60), 0));
    let kept = put(&*log, event("kept/1", "x"));
    let old = put(&*log, event("a", "old"));
    clock.advance(Duration::from_secs(50));
    let young = put(&*log, event("a", "young"));
    let mut reader = log.reader(selection(&["**"]), 0);
    assert_eq!(read(&*log, &["a"], 0).len(), 2);
    clock.advance(Duration::from_secs(20));
    assert_eq!(seqs(&read(&*log, &["a"], 0)), [young]);
    assert_eq!(gap(&*log, &["a"], 0), Some(old));
    assert_eq!(gap(&*log, &["a"], old), None);
    assert_eq!(gap(&*log, &["kept/1"], 0), None);
    // The reader is told where the removed event stood, and still gets what stands before it.
    let page = reader.next_page(10, 1 << 20).unwrap();
    assert_eq!((page.gap, seqs(&page.events), page.upto, page.untold), (None, vec![kept], kept, true));
    let page = reader.next_page(10, 1 << 20).unwrap();
    let missing = Gap { after: 0, upto: old };
    assert_eq!((page.gap, seqs(&page.events), page.untold), (Some(missing), vec![young], false));
    clock.advance(Duration::from_secs(3600));
    assert_eq!(log.topic(&topic("a")), None);
    assert_eq!(log.usage().events, 1);
}

// R6: a clock that jumps back neither stops retention nor reorders (IDG-05).
#[test]
fn a_clock_set_back_does_not_stop_retention() {
    let (log, clock) = memory(limited(Duration::from_secs(60), 0));
    let first = put(&*log, event("a", "1"));
    clock.set_back(Duration::from_secs(3600));
    let second = put(&*log, event("a", "2"));
    assert!(second > first);
    assert_eq!(seqs(&read(&*log, &["a"], 0)), [first, second]);
    clock.advance(Duration::from_secs(2 * 3600));
    assert_eq!(read(&*log, &["a"], 0), []);
}

#[test]
fn the_oldest_events_give_way_to_the_newest() {
    let log = Memory::new(MemoryOptions { memory_bytes: 100_000, ..MemoryOptions::default() });
    let names = ["a", "b", "c"];
    let all: Vec<u64> = (0..300).map(|n| put(&*log, event(names[n % 3], &"x".repeat(1000)))).collect();
    let usage = log.usage();
    assert!(usage.bytes <= 100_000 && usage.events >= 75, "{usage:?}");
    let left = seqs(&read(&*log, &["**"], 0));
    assert_eq!(left, all[all.len() - left.len()..]);
    assert_eq!(gap(&*log, &["a"], all[0]).map(|place| place < left[0]), Some(true));
    assert_eq!(log.bounds().before_first, left[0] - 1);
    // A batch larger than everything is taken; its end stays.
    let batch = (0..200).map(|_| event("d", &"x".repeat(1000))).collect();
    assert_eq!(append(&*log, batch).unwrap().len(), 200);
    assert!(log.usage().bytes <= 100_000);
}

#[test]
fn smaller_limits_apply_to_what_is_there() {
    let (log, _) = memory(limited(Duration::ZERO, 0));
    let all: Vec<u64> = (0..10).map(|n| put(&*log, event("a", &n.to_string()))).collect();
    log.set_classes(limited(Duration::ZERO, 3));
    assert_eq!(seqs(&read(&*log, &["a"], 0)), all[7..]);
    assert_eq!(gap(&*log, &["a"], 0), Some(all[6]));
}

// IDG-06: a retried stream is recognised even after its end; the window is by time.
#[test]
fn a_repeated_answer_is_recognised_after_its_end() {
    let (log, clock) = memory(limited(Duration::ZERO, 0));
    let mut last = end("answer", EndReason::Done);
    last.idempotency_key = Some("2".into());
    let batch = vec![keyed("answer", "1", "hello"), last];
    let first = append(&*log, batch.clone()).unwrap();
    let again = append(&*log, batch.clone()).unwrap();
    assert!(again.iter().all(|receipt| receipt.duplicate));
    assert_eq!(first.iter().map(|r| r.seq).collect::<Vec<_>>(), again.iter().map(|r| r.seq).collect::<Vec<_>>());
    assert_eq!(append(&*log, vec![event("answer", "more")]), Err(AppendError::Finished(topic("answer"))));
    assert_eq!(log.topic(&topic("answer")).unwrap().end, Some(EndReason::Done));
    assert_eq!(delete(&*log, "answer"), Ok(true));
    assert_eq!(delete(&*log, "answer"), Ok(false));
    assert!(!append(&*log, vec![keyed("answer", "1", "hello")]).unwrap()[0].duplicate);
    clock.advance(Duration::from_secs(601));
    assert!(!append(&*log, vec![keyed("answer", "1", "hello")]).unwrap()[0].duplicate);
}

#[test]
fn topics_without_events_are_forgotten_in_bounds() {
    let (log, _) = memory(limited(Duration::ZERO, 0));
    const MANY: usize = 70_000;
    for chunk in (0..MANY).collect::<Vec<_>>().chunks(1000) {
        append(&*log, chunk.iter().map(|n| event(&format!("t/{n}"), "x")).collect()).unwrap();
    }
    assert_eq!(log.usage().topics, MANY as u64);
    for n in 0..MANY - 1 {
        log.delete(&topic(&format!("t/{n}")), Box::new(|_| {}));
    }
    assert_eq!(delete(&*log, &format!("t/{}", MANY - 1)), Ok(true));
    let usage = log.usage();
    assert_eq!((usage.topics, usage.events, usage.bytes), (0, 0, 0));
    // One that is remembered is answered exactly, one that was forgotten carefully.
    assert_eq!(gap(&*log, &[&format!("t/{}", MANY - 1)], 0), Some(MANY as u64));
    assert!(gap(&*log, &["t/0"], 0).is_some());
    assert_eq!(gap(&*log, &["t/0"], MANY as u64), None);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let log = Memory::new(MemoryOptions { queue_bytes: 10_000, ..MemoryOptions::default() });
    let (entered, writer_is_held) = mpsc::channel();
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    log.set_listener(Box::new(move |_| {
        let _ = entered.send(());
        let _ = held.lock().unwrap().recv_timeout(PATIENCE);
    }));
    let (told, outcomes) = mpsc::channel();
    let queue = |bytes: usize| {
        let told = told.clone();
        log.append(vec![event("a", &"x".repeat(bytes))], Box::new(move |outcome| drop(told.send(outcome))));
    };
    queue(1);
    writer_is_held.recv_timeout(PATIENCE).unwrap();
    // Even a batch beyond the limit is taken by an empty queue.
    queue(20_000);
    queue(1);
    assert_eq!(outcomes.recv_timeout(PATIENCE).unwrap(), Err(AppendError::Overloaded));
    assert!(outcomes.try_recv().is_err(), "nothing is acknowledged before the listener has returned");
    drop(release);
    assert!(outcomes.recv_timeout(PATIENCE).unwrap().is_ok());
    assert!(outcomes.recv_timeout(PATIENCE).unwrap().is_ok());
    append(&*log, vec![event("a", "x")]).unwrap();
}

#[test]
fn closing_finishes_what_was_queued() {
    let (log, _) = memory(limited(Duration::ZERO, 0));
    let done = Arc::new(AtomicUsize::new(0));
    for n in 0..1000 {
        let done = Arc::clone(&done);
        let count = move |outcome: Result<_, _>| {
            done.fetch_add(usize::from(outcome.is_ok()), Ordering::SeqCst);
        };
        log.append(vec![event("a", &n.to_string())], Box::new(count));
    }
    log.close();
    log.close();
    assert_eq!(done.load(Ordering::SeqCst), 1000);
    assert_eq!(append(&*log, vec![event("a", "late")]), Err(AppendError::Closed));
    assert_eq!(delete(&*log, "a"), Err(AppendError::Closed));
    assert!(matches!(log.health(), Health::Failed(_)));
    assert_eq!(read(&*log, &["a"], 0).len(), 1000);
}

#[test]
fn every_log_is_another_log() {
    let epochs: Vec<_> = (0..4).map(|_| Memory::new(MemoryOptions::default()).bounds().epoch).collect();
    assert!(epochs.windows(2).any(|pair| pair[0] != pair[1]));
}

#[test]
fn seeks_by_time() {
    let (log, clock) = memory(limited(Duration::ZERO, 0));
    assert_eq!(log.seek(time(clock.now())), 0);
    let start = clock.now();
    for n in 0..5000 {
        put(&*log, event("a", &n.to_string()));
        clock.advance(Duration::from_millis(1));
    }
    for n in [0u64, 1, 1023, 1024, 1025, 2500, 4999] {
        assert_eq!(log.seek(time(start + n * 1000)), n);
        assert_eq!(log.seek(time(start + n * 1000 + 1)), n + 1);
    }
    assert_eq!(log.seek(time(0)), 0);
    assert_eq!(log.seek(time(clock.now())), 5000);
}

// G4, IDG-02: order of receipts, of the listener and of every read is one order.
#[test]
fn one_order_for_publishers_listener_and_readers() {
    const PUBLISHERS: usize = 4;
    const EACH: usize = 500;
    let (log, _) = memory(limited(Duration::ZERO, 0));
    let heard = Arc::new(Mutex::new(Vec::new()));
    log.set_listener(Box::new({
        let heard = Arc::clone(&heard);
        move |durable| heard.lock().unwrap().extend(durable.events.into_iter().map(|event| event.seq))
    }));
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|p| {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                (0..EACH).map(|n| put(&*log, event(&format!("p/{p}"), &n.to_string()))).collect::<Vec<_>>()
            })
        })
        .collect();
    let mut reader = log.reader(selection(&["**"]), 0);
    let mut seen = Vec::new();
    eventually("everything is read", || {
        seen.extend(drain(&mut *reader).0);
        seen.len() == PUBLISHERS * EACH
    });
    let all: Vec<u64> = (1..=(PUBLISHERS * EACH) as u64).collect();
    assert_eq!(seqs(&seen), all);
    for (p, publisher) in publishers.into_iter().enumerate() {
        let receipts = publisher.join().unwrap();
        let own: Vec<_> = seen.iter().filter(|event| event.topic == topic(&format!("p/{p}"))).cloned().collect();
        assert_eq!(seqs(&own), receipts);
        assert!(own.iter().enumerate().all(|(n, event)| *event.data == *n.to_string()));
    }
    assert_eq!(*heard.lock().unwrap(), all);
}

// EVR: exact topics and sparse patterns cost their own events, so a page of them is right however large the rest is.
#[test]
fn finds_few_among_many() {
    let (log, _) = memory(limited(Duration::ZERO, 0));
    for chunk in 0..20 {
        append(&*log, (0..1000).map(|n| event(&format!("noise/{n}"), "x")).collect()).unwrap();
        put(&*log, event("signal/a", &chunk.to_string()));
        put(&*log, event("signal/b", &chunk.to_string()));
    }
    for patterns in [&["signal/*"][..], &["signal/a", "signal/b"], &["signal/**", "signal/a"]] {
        let mut reader = log.reader(selection(patterns), 0);
        let first = reader.next_page(7, 1 << 20).unwrap();
        assert_eq!(first.events.len(), 7);
        // A topic that comes while the reader is on its way is found.
        let late = put(&*log, event("signal/b", "late"));
        let rest = drain(&mut *reader).0;
        assert_eq!(rest.last().map(|event| event.seq), Some(late));
        assert!(rest.iter().all(|event| event.topic.as_str().starts_with("signal/")));
    }
    assert_eq!(read(&*log, &["noise/*"], 0).len(), 20_000);
}
