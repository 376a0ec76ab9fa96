//! Append, read, finish, delete, and all of it again after opening.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use headwater_log::{AppendError, Embedded, EmbeddedOptions, EndReason, Engine, Health, OpenError, Receipt};

use super::common::{ManualClock, append, delete, end, event, gap, keyed, time, topic};
use super::{data, open, read};

fn seqs(receipts: &[Receipt]) -> Vec<u64> {
    receipts.iter().map(|receipt| receipt.seq).collect()
}

#[test]
fn events_are_numbered_read_and_found_again() {
    // IDG-01, IDG-04
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let epoch = {
        let log = open(folder.path(), &clock);
        assert_eq!(seqs(&append(&*log, vec![event("a/1", "x"), event("b", "y")]).unwrap()), [1, 2]);
        assert_eq!(seqs(&append(&*log, vec![event("a/2", "z")]).unwrap()), [3]);
        check(&*log);
        log.bounds().epoch
    };
    let log = open(folder.path(), &clock);
    assert_eq!(log.bounds().epoch, epoch);
    check(&*log);
    assert_eq!(seqs(&append(&*log, vec![event("b", "")]).unwrap()), [4]);
    assert_eq!(data(&read(&*log, &["b"], 2)), [""]);

    fn check(log: &dyn Engine) {
        assert_eq!(data(&read(log, &["a/1"], 0)), ["x"]);
        assert_eq!(data(&read(log, &["a/*"], 0)), ["x", "z"]);
        assert_eq!(data(&read(log, &["**"], 1)), ["y", "z"]);
        assert_eq!((log.bounds().before_first, log.bounds().head), (0, 3));
        assert_eq!(gap(log, &["**"], 0), None);
        let names: Vec<_> = log.topics("a/", None, 9).into_iter().map(|info| info.topic).collect();
        assert_eq!(names, [topic("a/1"), topic("a/2")]);
        assert_eq!(log.topics("", Some("a/1"), 1)[0].topic, topic("a/2"));
        let info = log.topic(&topic("b")).unwrap();
        assert_eq!((info.first, info.last, info.events, info.bytes), (2, 2, 1, 2));
        assert_eq!(log.topic(&topic("c")), None);
    }
}

#[test]
fn a_finished_topic_takes_nothing_until_it_is_deleted() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let log = open(folder.path(), &clock);
    append(&*log, vec![event("t", "x"), end("t", EndReason::Done)]).unwrap();
    let refused = append(&*log, vec![event("other", "y"), event("t", "y")]);
    assert_eq!(refused, Err(AppendError::Finished(topic("t"))));
    assert_eq!(log.topic(&topic("other")), None, "a batch is all or none");
    drop(log);

    let log = open(folder.path(), &clock);
    assert_eq!(log.topic(&topic("t")).unwrap().end, Some(EndReason::Done));
    assert_eq!(delete(&*log, "t"), Ok(true));
    assert_eq!(delete(&*log, "t"), Ok(false));
    assert_eq!(log.topic(&topic("t")), None);
    assert_eq!(gap(&*log, &["t"], 0), Some(2));
    assert_eq!(gap(&*log, &["t"], 2), None);
    append(&*log, vec![event("t", "again")]).unwrap();
    drop(log);

    let log = open(folder.path(), &clock);
    assert_eq!(gap(&*log, &["t"], 1), Some(2));
    assert_eq!(data(&read(&*log, &["t"], 0)), ["again"]);
    assert_eq!(log.topic(&topic("t")).unwrap().end, None);
}

#[test]
fn idempotency_keys_hold_for_their_window_and_over_a_restart() {
    // IDG-06, G3
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let log = open(folder.path(), &clock);
    let receipts = append(&*log, vec![keyed("t", "k", "1"), keyed("t", "k", "1"), keyed("u", "k", "2")]).unwrap();
    let both = |receipts: &[Receipt]| receipts.iter().map(|r| (r.seq, r.duplicate)).collect::<Vec<_>>();
    assert_eq!(both(&receipts), [(1, false), (1, true), (2, false)]);
    drop(log);

    let log = open(folder.path(), &clock);
    clock.advance(Duration::from_secs(599));
    assert_eq!(both(&append(&*log, vec![keyed("t", "k", "1")]).unwrap()), [(1, true)]);
    clock.advance(Duration::from_secs(1));
    assert_eq!(both(&append(&*log, vec![keyed("t", "k", "3")]).unwrap()), [(3, false)]);
    delete(&*log, "t").unwrap();
    assert_eq!(both(&append(&*log, vec![keyed("t", "k", "4")]).unwrap()), [(5, false)]);
}

#[test]
fn a_folder_has_one_log_at_a_time() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let log = open(folder.path(), &clock);
    let second = Embedded::open(EmbeddedOptions::new(folder.path()));
    assert_eq!(second.err(), Some(OpenError::Locked(folder.path().to_owned())));
    log.close();
    assert_eq!(append(&*log, vec![event("t", "x")]), Err(AppendError::Closed));
    drop(log);
    assert_eq!(open(folder.path(), &clock).health(), Health::Ready);
}

#[test]
fn seek_finds_the_place_whatever_the_clock_did() {
    // R6, IDG-05
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let log = open(folder.path(), &clock);
    let start = 1_700_000_000_000_000;
    append(&*log, vec![event("t", "1")]).unwrap();
    clock.advance(Duration::from_secs(10));
    append(&*log, vec![event("t", "2")]).unwrap();
    clock.set_back(Duration::from_secs(3600));
    append(&*log, vec![event("t", "3")]).unwrap();
    assert_eq!(log.seek(time(0)), 0);
    assert_eq!(log.seek(time(start)), 0);
    assert_eq!(log.seek(time(start + 1)), 1);
    assert_eq!(log.seek(time(start + 10_000_000)), 1);
    assert_eq!(log.seek(time(start + 10_000_001)), 3);
    assert_eq!(data(&read(&*log, &["t"], 0)), ["1", "2", "3"]);
}

#[test]
fn the_listener_hears_every_group_before_its_answers() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let log = open(folder.path(), &clock);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let sink = heard.clone();
    log.set_listener(Box::new(move |durable| sink.lock().unwrap().push(durable)));
    append(&*log, vec![event("t", "1"), event("t", "2")]).unwrap();
    assert_eq!(heard.lock().unwrap()[0].events.len(), 2);
    delete(&*log, "t").unwrap();
    assert_eq!(heard.lock().unwrap()[1].deleted, [(topic("t"), 3)]);
    assert_eq!(heard.lock().unwrap()[1].head, 3);
}
