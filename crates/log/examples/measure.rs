//! Measures the embedded log on this machine: appends at three batch sizes, replay, opening, memory.
//!
//! `cargo run --release -p headwater-log --example measure -- FOLDER [EVENTS_IN_MILLIONS]`, on a folder that may be
//! filled and is emptied before each part.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it prints figures and stops at the first trouble")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use headwater_log::{
    Class, Classes, Embedded, EmbeddedOptions, Engine, NewEvent, Pattern, Retention, Selection, Topic,
};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder to fill");
    let what = arguments.next().unwrap_or_else(|| "1".into());
    let folder = Path::new(&folder);
    if what == "open" {
        return measure_open(folder);
    }
    let millions: usize = what.parse().unwrap();
    let topics: Vec<Topic> = (0..100_000).map(|at| Topic::new(&format!("sensor/{at}/reading")).unwrap()).collect();
    for (batch, count) in [(1, 20_000), (64, 1_000_000), (1000, 2_000_000)] {
        let log = fresh(folder);
        let start = Instant::now();
        fill(&*log, &topics[..1000], count, batch, 200, 1);
        println!("append, batch {batch}: {:.0} events/s", count as f64 / start.elapsed().as_secs_f64());
    }
    replay(folder);
    let count = millions * 1_000_000;
    let log = fresh(folder);
    fill(&*log, &topics, count, 1000, 150, 2);
    println!("{count} events on {} topics: {}", topics.len(), memory());
    drop(log);
    // Another process: this one's memory has seen too much.
    let me = std::env::current_exe().unwrap();
    assert!(Command::new(me).arg(folder).arg("open").status().unwrap().success());
    let start = Instant::now();
    drop(fresh(folder));
    println!("open and close an empty log: {:?}", start.elapsed());
    std::fs::remove_dir_all(folder).unwrap();
}

/// Opens what is there and reads one topic.
fn measure_open(folder: &Path) {
    let start = Instant::now();
    let log = open(folder);
    let count = log.usage().events;
    println!("open with {count} events: {:?}, {}", start.elapsed(), memory());
    let start = Instant::now();
    let selection = Selection::new([Pattern::new("sensor/77/reading").unwrap()]);
    let events = drain(&*log, selection);
    println!("one topic of many: {events} events in {:?}", start.elapsed());
    println!("after reading: {}", memory());
}

fn replay(folder: &Path) {
    let log = open(folder);
    let usage = log.usage();
    for page in [100, 1000] {
        let start = Instant::now();
        let mut reader = log.reader(Arc::new(Selection::new([Pattern::new("**").unwrap()])), 0);
        let mut bytes = 0;
        loop {
            let read = reader.next_page(page, 1 << 20).unwrap();
            if read.events.is_empty() {
                break;
            }
            bytes += read.events.iter().map(|event| event.data.len() + event.topic.as_str().len()).sum::<usize>();
        }
        let rate = bytes as f64 / 1e6 / start.elapsed().as_secs_f64();
        println!("replay of {} events, pages of {page}: {rate:.0} MB/s", usage.events);
    }
}

fn drain(log: &dyn Engine, selection: Selection) -> usize {
    let mut reader = log.reader(Arc::new(selection), 0);
    let mut count = 0;
    loop {
        match reader.next_page(1000, 1 << 20).unwrap().events.len() {
            0 => return count,
            read => count += read,
        }
    }
}

fn fresh(folder: &Path) -> Arc<Embedded> {
    let _ = std::fs::remove_dir_all(folder);
    open(folder)
}

fn open(folder: &Path) -> Arc<Embedded> {
    let retention = Retention { age: Duration::ZERO, events: 0, bytes: 0 };
    let classes = Classes::new(Vec::new(), Class { retention, ..Class::default() });
    Embedded::open(EmbeddedOptions { classes, ..EmbeddedOptions::new(folder) }).unwrap()
}

/// Appends with at most `flight` batches unanswered.
fn fill(log: &dyn Engine, topics: &[Topic], count: usize, batch: usize, size: usize, flight: usize) {
    let data: Box<str> = "x".repeat(size).into();
    let (done, answers) = mpsc::channel();
    let mut waiting = 0;
    for start in (0..count).step_by(batch) {
        let event = |at: usize| NewEvent {
            topic: topics[(at * 7919) % topics.len()].clone(),
            event_type: None,
            key: None,
            idempotency_key: None,
            data: data.clone(),
            end: None,
        };
        let done = done.clone();
        log.append((start..start + batch).map(event).collect(), Box::new(move |result| done.send(result).unwrap()));
        waiting += 1;
        if waiting >= flight {
            answers.recv().unwrap().unwrap();
            waiting -= 1;
        }
    }
    for _ in 0..waiting {
        answers.recv().unwrap().unwrap();
    }
}

/// Resident memory of this process, now and at most.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}
