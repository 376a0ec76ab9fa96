//! What the disk can do by itself: one 4 KiB write and one fdatasync after another, in a zero-filled file.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::publish::Figures;

/// Measures for this long.
pub(crate) fn fdatasync(folder: &Path, time: Duration) -> io::Result<Figures> {
    let path = folder.join("fdatasync.probe");
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
    file.write_all_at(&vec![0; 64 << 20], 0)?;
    file.sync_all()?;
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).map_err(io::Error::other)?;
    let started = Instant::now();
    let mut offset = 0;
    while started.elapsed() < time {
        let before = Instant::now();
        file.write_all_at(&[7; 4096], offset)?;
        file.sync_data()?;
        latency.saturating_record((before.elapsed().as_micros() as u64).max(1));
        offset = (offset + 4096) % (64 << 20);
    }
    std::fs::remove_file(path)?;
    Ok(Figures::from(&latency, started.elapsed()))
}
