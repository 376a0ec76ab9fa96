//! From a time to a place.

use std::sync::Arc;

use super::active::TimeMark;
use super::index::Chain;
use super::scan::header_at;
use super::shared::Shared;
use super::window::Window;
use crate::Timestamp;
use crate::disk::File;
use crate::format::record::Record;

/// The part of a segment where the first record that is not older must be.
struct Stretch {
    file: Arc<dyn File>,
    from: TimeMark,
    /// Offset where it ends.
    end: u64,
}

impl Shared {
    /// The place before the first event that was not older than `time` when the log took it. Reads at most a stretch between
    /// two time marks for each chain.
    pub(crate) fn seek(&self, time: Timestamp) -> u64 {
        let (head, stretches, volatile) = {
            let index = self.index();
            let found = index.chains.iter().filter_map(|chain| stretch(chain, time));
            (index.head, found.collect::<Vec<_>>(), index.volatile.first_since(time))
        };
        let firsts = stretches.into_iter().map(|stretch| self.first_in(&stretch, time));
        firsts.chain(volatile).min().map_or(head, |first| first - 1)
    }

    /// The first record of a stretch that is not older. Should a read fail, the first record there may be: too much is
    /// better than too little.
    fn first_in(&self, stretch: &Stretch, time: Timestamp) -> u64 {
        let mut window = Window::new(stretch.file.clone(), stretch.end, 64 << 10);
        let mut at = u64::from(stretch.from.offset);
        while let Ok(Some(header)) = header_at(&mut window, at, self.seal) {
            let mut offset = at + header.bytes() as u64;
            let end = at + u64::from(header.block_bytes);
            let Ok(block) = window.at(offset, (end - offset) as usize) else { break };
            let start = offset;
            while offset < end {
                let rest = &block[(offset - start) as usize..];
                let Some((record, length)) = Record::read(rest, self.seal.checksum) else { return stretch.from.seq };
                if record.time >= time {
                    return record.seq;
                }
                offset += length as u64;
            }
            at = end;
        }
        stretch.from.seq
    }
}

/// The part of a chain in which its first record that is not older stands.
fn stretch(chain: &Chain, time: Timestamp) -> Option<Stretch> {
    let sealed = chain.sealed.iter().find(|sealed| sealed.newest_time >= time && !sealed.times.is_empty());
    if let Some(sealed) = sealed {
        let (from, end) = between(&sealed.times, time, sealed.groups_end);
        return Some(Stretch { file: sealed.file.clone(), from, end });
    }
    let active = chain.active.as_ref().filter(|active| active.newest_time >= time && !active.times.is_empty())?;
    let (from, end) = between(&active.times, time, active.end);
    Some(Stretch { file: active.file.clone(), from, end })
}

/// The last mark before which everything is older, and where the next one stands.
fn between(marks: &[TimeMark], time: Timestamp, end: u64) -> (TimeMark, u64) {
    let next = marks.partition_point(|mark| mark.before < time).max(1);
    let end = marks.get(next).map_or(end, |mark| u64::from(mark.offset));
    (marks[next - 1], end)
}
