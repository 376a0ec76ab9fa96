//! The embedded log on a disk that fails, fills up and loses power at every single operation (R3, R5, G1, G6, G10).
//!
//! After each fault the machine restarts, with every kind of loss, and the log has to hold exactly what it
//! acknowledged. A failing run prints the seed and the operation that repeat it. The variables `FAULT_SEED` (less what
//! the test adds to it), `FAULT_AT` (an operation) and `FAULT_LENGTH` (of the script) run it again, or run other ones.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::thread;

use common::ledger::check_goes_on;
use common::script::{Op, REOPENED, RUNNING, Run, open, script, serves};
use common::{ManualClock, Replay, append, event};
use headwater_log::disk::sim::{Fault, Loss, SimDisk};
use headwater_log::{AppendError, Engine, Health};

const USUAL_SEED: u64 = 24301;
const USUAL_LENGTH: usize = 128;
const WORKERS: usize = 2;

fn seed() -> u64 {
    given("FAULT_SEED").unwrap_or(USUAL_SEED)
}

fn length() -> usize {
    given("FAULT_LENGTH").map_or(USUAL_LENGTH, |length| length as usize)
}

fn given(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a decimal number"))
}

/// Runs a script with one fault and looks at everything afterwards.
fn explore(ops: &[Op], seed: u64, at: u64, fault: Fault, losses: &[Loss]) {
    let disk = SimDisk::new(seed ^ at);
    let _replay = Replay(format!("seed {seed}, {fault:?} at operation {at}"));
    disk.fail_at(at, fault);
    let run = Run::new(&disk, ops);
    let _what = Replay(format!("{:?}", disk.failures()));
    let crashed = disk.fork();
    if let Some(engine) = &run.engine {
        if fault != Fault::Crash {
            disk.heal();
            run.ledger.check(&**engine, &RUNNING);
        }
        if run.stopped {
            assert!(matches!(engine.health(), Health::Failed(_)));
            assert!(matches!(append(&**engine, vec![event("u/0", "late")]), Err(AppendError::Failed(_))));
        }
        engine.close();
    }
    for (nth, loss) in losses.iter().enumerate() {
        let _loss = Replay(format!("{loss:?}, the {nth}. restart"));
        let disk = crashed.fork().reboot(*loss);
        check_reopened(&run, &disk);
    }
    if fault != Fault::Crash && at.is_multiple_of(5) {
        let _closed = Replay("closed before the restart".into());
        check_reopened(&run, &disk.reboot(Loss::All));
    }
}

fn check_reopened(run: &Run, disk: &SimDisk) {
    let reopen =
        |disk| open(disk, &run.clock).unwrap_or_else(|error| panic!("failed to {error}; files: {:?}", disk.files()));
    let engine = reopen(disk);
    assert_eq!(engine.health(), Health::Ready);
    let served = run.ledger.check(&*engine, &REOPENED);
    let mut ledger = run.ledger.clone();
    check_goes_on(&mut ledger, &*engine, served.last().copied().unwrap_or(0));
    engine.keep();
    // What opening repaired has to last.
    if disk.operations().is_multiple_of(5) {
        let _again = Replay("a second restart".into());
        let engine = reopen(&disk.reboot(Loss::All));
        let again = ledger.check(&*engine, &REOPENED);
        let lost = served.iter().find(|seq| !again.contains(seq));
        assert_eq!(lost, None, "it was served after the first restart");
        engine.close();
    }
    engine.close();
}

/// Every operation of a script that `picks` wants, spread over a few threads.
fn at_every_operation(seed: u64, picks: impl Fn(&str) -> bool, explore: impl Fn(&[Op], u64) + Sync) {
    let ops = script(seed, length());
    let disk = SimDisk::new(seed);
    let run = Run::new(&disk, &ops);
    let engine = run.engine.as_ref().unwrap();
    run.ledger.check(&**engine, &RUNNING);
    let history = disk.history();
    if self::seed() == USUAL_SEED {
        assert!(history.len() >= 1000, "only {} operations", history.len());
        for wanted in ["remove", "rename", "sync_dir", "set_len"] {
            let times = history.iter().filter(|what| **what == wanted).count();
            assert!(times > 3, "{wanted} happened {times} times: the script leaves something out");
        }
    }
    let picked = (1..).zip(&history).filter(|(_, what)| picks(what)).map(|(at, _)| at);
    let only = given("FAULT_AT");
    let picked: Vec<u64> = picked.filter(|at| only.is_none_or(|only| *at == only)).collect();
    assert!(run.ledger.acknowledged() > length() / 2);
    engine.close();
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (ops, explore, picked) = (&ops, &explore, &picked);
            scope.spawn(move || picked.iter().skip(worker).step_by(WORKERS).for_each(|at| explore(ops, *at)));
        }
    });
}

// R3, G10: an operation that fails stops the log for good or does no harm, and nothing acknowledged is lost.
#[test]
fn an_error_at_every_operation() {
    let losses = [Loss::Nothing, Loss::All];
    at_every_operation(seed(), |_| true, |ops, at| explore(ops, seed(), at, Fault::Error, &[losses[at as usize % 2]]));
}

#[test]
fn a_short_write_at_every_write() {
    at_every_operation(
        seed() + 1,
        |what| what == "write",
        |ops, at| explore(ops, seed() + 1, at, Fault::Short, &[Loss::Tail]),
    );
}

// R5: no space for one moment.
#[test]
fn no_space_at_every_operation_that_takes_some() {
    let takes = |what: &str| ["create", "write", "set_len", "rename"].contains(&what);
    at_every_operation(seed() + 2, takes, |ops, at| explore(ops, seed() + 2, at, Fault::Full, &[Loss::All]));
}

// R3, G1, G6: power loss at every operation, with everything that was not synced gone, torn, or out of order.
#[test]
fn a_power_cut_at_every_operation() {
    let losses = [Loss::Nothing, Loss::Tail, Loss::Sectors];
    at_every_operation(
        seed() + 3,
        |_| true,
        |ops, at| explore(ops, seed() + 3, at, Fault::Crash, &[Loss::All, losses[at as usize % 3]]),
    );
}

// Opening repairs; a machine that dies or fails while it does must not make it worse.
#[test]
fn a_power_cut_at_every_operation_of_opening() {
    let seed = seed();
    let ops = script(seed, length());
    let clean = SimDisk::new(seed);
    drop(Run::new(&clean, &ops));
    let losses = [Loss::Nothing, Loss::Tail, Loss::Sectors];
    for (stop, loss) in (1..=8).map(|eighth| clean.operations() * eighth / 8 - 1).zip(losses.into_iter().cycle()) {
        let disk = SimDisk::new(seed ^ stop);
        disk.fail_at(stop, Fault::Crash);
        let run = Run::new(&disk, &ops);
        let stopped = disk.reboot(loss);
        let opened = stopped.fork();
        open(&opened, &run.clock).unwrap().close();
        for at in stopped.operations() + 1..=opened.operations() {
            let fault = if at % 2 == 0 { Fault::Crash } else { Fault::Error };
            let _replay = Replay(format!("seed {seed}, power cut at {stop}, {loss:?}, then {fault:?} at {at}"));
            let disk = stopped.fork();
            disk.fail_at(at, fault);
            if let Ok(engine) = open(&disk, &run.clock) {
                engine.close();
            }
            check_reopened(&run, &disk.reboot(Loss::Tail));
        }
    }
}

// R5: a disk of every size. Publishers are told, readers go on, and it recovers by itself.
#[test]
fn a_full_disk_of_every_size() {
    let seed = seed();
    let ops = script(seed, length());
    let clean = SimDisk::new(seed);
    let run = Run::new(&clean, &ops);
    run.engine.as_ref().unwrap().close();
    let pages = clean.used() / 4096;
    let mut filled = 0;
    for page in 0..=pages {
        let _replay = Replay(format!("a disk of {page} pages"));
        let disk = SimDisk::new(seed);
        disk.set_capacity(Some(page * 4096));
        let run = Run::new(&disk, &ops);
        let Some(engine) = &run.engine else {
            disk.set_capacity(None);
            check_reopened(&run, &disk);
            continue;
        };
        assert!(!run.stopped, "a full disk stopped the log: {:?}", engine.health());
        run.ledger.check(&**engine, &RUNNING);
        if append(&**engine, vec![event("u/0", &"x".repeat(60_000))]) == Err(AppendError::Full) {
            filled += 1;
            assert_eq!(engine.health(), Health::Full);
            let before = serves(&**engine);
            check_full_restart(&run, &disk.fork());
            disk.set_capacity(None);
            let after = append(&**engine, vec![event("u/0", "there is space again")]);
            assert!(after.is_ok(), "{after:?}");
            assert_eq!(engine.health(), Health::Ready);
            assert_eq!(serves(&**engine), before + 1);
        }
        engine.close();
    }
    assert!(filled > 10, "the disk was full only {filled} times");
}

/// A log on a full disk opens and serves, or says why not; with space it is whole.
fn check_full_restart(run: &Run, disk: &SimDisk) {
    let disk = disk.reboot(Loss::All);
    if let Ok(engine) = open(&disk, &run.clock) {
        run.ledger.check(&*engine, &REOPENED);
        engine.close();
    }
    disk.set_capacity(None);
    check_reopened(run, &disk.reboot(Loss::All));
}

// R3: a flipped bit is never served. It is refused, reported, or lies where nothing is read.
#[test]
fn a_flipped_bit_is_never_served() {
    let seed = seed();
    let ops = script(seed, length() / 2);
    let disk = SimDisk::new(seed);
    let run = Run::new(&disk, &ops);
    run.engine.as_ref().unwrap().close();
    let disk = disk.reboot(Loss::Nothing);
    let mut refused = 0;
    for (path, length) in disk.files() {
        for offset in (0..length).step_by(61) {
            let _replay = Replay(format!("seed {seed}, byte {offset} of {}", path.display()));
            let disk = disk.fork();
            disk.flip(&path, offset, 1 << (offset % 8)).unwrap();
            let Ok(engine) = open(&disk, &run.clock) else {
                refused += 1;
                continue;
            };
            let mut reader = engine.reader(common::selection(&["**"]), 0);
            let mut served = Vec::new();
            let damaged = loop {
                match reader.next_page(64, 1 << 20) {
                    Ok(page) if page.events.is_empty() => break false,
                    Ok(page) => served.extend(page.events),
                    Err(_) => break true,
                }
            };
            run.ledger.check_flipped(&served, damaged);
            engine.close();
        }
    }
    assert!(refused > 0, "no flip was ever noticed");
}

// G10: after a failed sync nothing is acknowledged again, and what was acknowledged before is still served.
#[test]
fn a_failed_sync_stops_the_log_for_good() {
    let disk = SimDisk::new(seed());
    let engine = open(&disk, &ManualClock::new()).unwrap();
    append(&*engine, vec![event("u/0", "before")]).unwrap();
    let mut at = disk.operations();
    while !matches!(engine.health(), Health::Failed(_)) {
        at = at.max(disk.operations()) + 1;
        disk.fail_at(at, Fault::Error);
        let _ = append(&*engine, vec![event("u/1", "during")]);
    }
    for _ in 0..10 {
        assert!(matches!(append(&*engine, vec![event("u/0", "after")]), Err(AppendError::Failed(_))));
    }
    assert_eq!(common::read(&*engine, &["u/0"], 0).len(), 1);
    assert!(matches!(common::delete(&*engine, "u/0"), Err(AppendError::Failed(_))));
}

#[test]
fn a_second_hub_on_the_same_folder_is_refused() {
    let disk = SimDisk::new(seed());
    let engine = open(&disk, &ManualClock::new()).unwrap();
    let refusal = open(&disk, &ManualClock::new()).err().unwrap().to_string();
    assert!(refusal.contains("/log"), "{refusal}");
    engine.close();
    open(&disk, &ManualClock::new()).unwrap().close();
}
