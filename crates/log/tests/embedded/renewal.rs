//! A log that gets another epoch keeps everything else.

use std::path::Path;
use std::sync::Arc;

use headwater_log::disk::sim::{Fault, Loss, SimDisk};
use headwater_log::{Embedded, EmbeddedOptions, Engine, OpenError, RenewedEpoch};

use super::common::{ManualClock, append, delete, event, keyed, put, topic};
use super::{data, open, read};

fn renew_epoch(folder: &Path) -> Result<RenewedEpoch, OpenError> {
    headwater_log::renew_epoch(&EmbeddedOptions::new(folder))
}

// IDG-04
#[test]
fn events_numbers_and_keys_stay() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let log = open(folder.path(), &clock);
    let first = log.bounds().epoch;
    for n in 0..300 {
        put(&*log, event("t", &format!("{n} {}", "x".repeat(100))));
    }
    put(&*log, keyed("t", "once", "keyed"));
    put(&*log, event("gone", "x"));
    delete(&*log, "gone").unwrap();
    let (head, before) = (log.bounds().head, read(&*log, &["**"], 0));
    log.close();

    let mut epochs = vec![first];
    for round in 0..3 {
        let renewed = renew_epoch(folder.path()).unwrap();
        assert_eq!(Some(&renewed.old), epochs.last());
        assert!(!epochs.contains(&renewed.new));
        epochs.push(renewed.new);
        let log = open(folder.path(), &clock);
        assert_eq!(log.bounds().epoch, renewed.new);
        assert_eq!(data(&read(&*log, &["**"], 0))[..before.len()], data(&before));
        assert_eq!(log.topic(&topic("gone")), None);
        let again = append(&*log, vec![keyed("t", "once", "")]).unwrap()[0];
        assert_eq!((again.seq, again.duplicate), (head - 2, true));
        // What is written now is read by the next one, and saving the manifest again keeps the epoch.
        assert!(put(&*log, event(&format!("new/{round}"), "x")) > head);
        log.close();
        assert_eq!(open(folder.path(), &clock).bounds().epoch, renewed.new);
    }
}

#[test]
fn a_log_in_use_is_refused() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let log = open(folder.path(), &clock);
    assert_eq!(renew_epoch(folder.path()), Err(OpenError::Locked(folder.path().to_owned())));
    log.close();
    drop(log);
    assert!(renew_epoch(folder.path()).is_ok());
}

#[test]
fn a_folder_without_a_log_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let missing = |path: &Path| Err(OpenError::Missing(path.join("manifest")));
    assert_eq!(renew_epoch(folder.path()), missing(folder.path()));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    let absent = folder.path().join("absent");
    assert_eq!(renew_epoch(&absent), missing(&absent));
    assert!(!absent.exists());
}

// R1: after a power cut at any step the log opens with the old epoch or the new one, and with its events.
#[test]
fn a_power_cut_leaves_one_epoch_or_the_other() {
    let options = |disk: &SimDisk| EmbeddedOptions { disk: Arc::new(disk.clone()), ..EmbeddedOptions::new("/log") };
    let sound = SimDisk::new(3);
    let log = Embedded::open(options(&sound)).unwrap();
    let old = log.bounds().epoch;
    put(&*log, event("t", "x"));
    log.close();
    drop(log);
    let mut kept = 0;
    for step in 1.. {
        let disk = sound.fork();
        disk.fail_at(disk.operations() + step, Fault::Crash);
        let outcome = headwater_log::renew_epoch(&options(&disk));
        for loss in [Loss::Nothing, Loss::All, Loss::Tail, Loss::Sectors] {
            let log = Embedded::open(options(&disk.fork().reboot(loss))).unwrap();
            let epoch = log.bounds().epoch;
            assert!(outcome.as_ref().map_or(true, |renewed| renewed.new == epoch), "step {step}, {loss:?}");
            assert_eq!(data(&read(&*log, &["**"], 0)), ["x"], "step {step}, {loss:?}");
            kept += usize::from(epoch == old);
            log.close();
        }
        if outcome.is_ok() {
            break;
        }
    }
    assert!(kept > 0, "no step was before the new manifest");
}
