//! The embedded engine on real files: appending, reading, opening again.

#![allow(clippy::unwrap_used, reason = "a test fails on what is missing")]

mod aging;
mod basics;
#[path = "../common/mod.rs"]
mod common;
mod fixture;
mod full;
mod renewal;
mod retention;
mod segments;
mod torn;

use std::path::Path;
use std::sync::Arc;

use headwater_log::{Embedded, EmbeddedOptions, Engine, StoredEvent};

/// Opens a log with a clock that stands still.
fn open(folder: &Path, clock: &Arc<common::ManualClock>) -> Arc<Embedded> {
    Embedded::open(EmbeddedOptions { clock: clock.clone(), ..EmbeddedOptions::new(folder) }).unwrap()
}

/// Every event of the patterns above a place, in small pages.
fn read(log: &dyn Engine, patterns: &[&str], after: u64) -> Vec<Arc<StoredEvent>> {
    let mut reader = log.reader(common::selection(patterns), after);
    let mut all = Vec::new();
    loop {
        let page = reader.next_page(7, 1 << 20).unwrap();
        assert_eq!(page.gap, None);
        if page.events.is_empty() {
            return all;
        }
        all.extend(page.events);
    }
}

/// Their data.
fn data(events: &[Arc<StoredEvent>]) -> Vec<&str> {
    events.iter().map(|event| &*event.data).collect()
}
