//! Reads records whose places are known, those that stand together with one read.

use std::sync::Arc;

use super::scan::Seal;
use crate::disk::File;
use crate::format::footer::Posting;
use crate::format::record::Record;
use crate::{ReadError, StoredEvent, Topic};

/// A record to be read.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// `None` when it was forgotten since: it has no events left.
    pub(crate) topic: Option<Topic>,
    pub(crate) posting: Posting,
}

/// Reads records of one file, in order, until `max_events` or about `max_bytes`; at least one if there is any.
/// Also tells how many it went through.
pub(crate) fn fetch(
    file: &Arc<dyn File>,
    name: &str,
    seal: Seal,
    wanted: &[Wanted],
    max_bytes: usize,
) -> Result<(usize, Vec<Arc<StoredEvent>>), ReadError> {
    let mut events = Vec::new();
    let (mut from, mut total) = (0, 0);
    while from < wanted.len() && (total < max_bytes || events.is_empty()) {
        let run = run_length(&wanted[from..], max_bytes.saturating_sub(total));
        let run = &wanted[from..from + run];
        let start = run[0].posting.offset;
        let end = run[run.len() - 1].posting;
        let mut bytes = vec![0; (end.offset + end.length - start) as usize];
        let read = file.read_exact_at(&mut bytes, u64::from(start));
        read.map_err(|error| ReadError::Storage { file: name.to_owned(), cause: error.to_string() })?;
        for Wanted { topic, posting } in run {
            let Some(topic) = topic else { continue };
            let event = event_in(&bytes[(posting.offset - start) as usize..], topic, posting.seq, seal);
            let event =
                event.ok_or_else(|| ReadError::Damaged { file: name.to_owned(), offset: u64::from(posting.offset) })?;
            events.push(Arc::new(event));
            total += posting.length as usize;
        }
        from += run.len();
    }
    Ok((from, events))
}

/// How many records from the first on are worth one read.
fn run_length(wanted: &[Wanted], max_bytes: usize) -> usize {
    let start = wanted[0].posting.offset as usize;
    let mut end = start + wanted[0].posting.length as usize;
    let limit = max_bytes.min(MAX_READ_BYTES);
    let mut count = 1;
    for next in &wanted[1..] {
        let (offset, length) = (next.posting.offset as usize, next.posting.length as usize);
        if offset > end + MAX_HOLE_BYTES || offset + length - start > limit {
            break;
        }
        end = offset + length;
        count += 1;
    }
    count
}

fn event_in(bytes: &[u8], topic: &Topic, seq: u64, seal: Seal) -> Option<StoredEvent> {
    let (record, _) = Record::read(bytes, seal.checksum)?;
    (record.seq == seq && record.topic == topic.as_str()).then(|| record.to_event(topic.clone()))?
}

/// Largest single read, but for a larger record.
const MAX_READ_BYTES: usize = 1 << 20;
/// Bytes that are read to no use rather than reading twice.
const MAX_HOLE_BYTES: usize = 4 << 10;
