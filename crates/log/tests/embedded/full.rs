//! A full disk (R5): publishers are told, readers go on, and it recovers by itself.

use std::sync::Arc;

use headwater_log::disk::sim::SimDisk;
use headwater_log::{AppendError, Embedded, EmbeddedOptions, Engine, Health};

use super::common::{append, event, eventually, put, read};

#[test]
fn the_log_is_ready_again_when_space_returns_although_nobody_appends() {
    let disk = SimDisk::new(6);
    let options = EmbeddedOptions { disk: Arc::new(disk.clone()), ..EmbeddedOptions::new("/log") };
    let log = Embedded::open(options).unwrap();
    let large = "x".repeat(100_000);
    put(&*log, event("t", &large));
    disk.set_capacity(Some(disk.used()));
    let stored = (0..).take_while(|_| append(&*log, vec![event("t", &large)]).is_ok()).count();
    assert_eq!(append(&*log, vec![event("t", &large)]), Err(AppendError::Full));
    assert_eq!(log.health(), Health::Full);
    assert_eq!(read(&*log, &["t"], 0).len(), 1 + stored);
    disk.set_capacity(None);
    eventually("the log is ready again", || log.health() == Health::Ready);
    put(&*log, event("t", &large));
    assert_eq!(read(&*log, &["t"], 0).len(), 2 + stored);
}
