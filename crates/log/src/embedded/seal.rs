//! Sealing: the footer of a segment from its index in memory.

use std::collections::HashMap;

use super::active::Active;
use super::index::Index;
use super::scan::Seal;
use super::topics::TopicId;
use crate::format::footer::{TopicEntry, Trailer, write_list};
use crate::format::group::GroupHeader;

/// The bytes that go behind the groups: the zero length, then the footer.
pub(crate) struct Ending {
    pub(crate) bytes: Vec<u8>,
    /// The topics in the order of the directory.
    pub(crate) topics: Vec<TopicId>,
    /// Where in `bytes` the directory begins.
    pub(crate) directory: usize,
    pub(crate) trailer: Trailer,
}

/// Builds the ending of an active segment. No topic with a record in it was forgotten. `group` is the header of its last
/// group; `carried` is what an older footer of a rewritten segment knew.
pub(crate) fn ending(
    index: &Index,
    active: &Active,
    group: &GroupHeader,
    seal: Seal,
    carried: &HashMap<TopicId, TopicEntry>,
) -> Ending {
    let mut bytes = vec![0; 4];
    let lists = active.end + 4;
    let mut topics: Vec<_> = active.topics().collect();
    topics.extend(carried.keys().filter(|topic| !active.has(**topic)));
    topics.sort_unstable();
    let mut entries = Vec::with_capacity(topics.len());
    for topic in &topics {
        let start = bytes.len();
        let postings = active.of_topic(*topic, 0);
        write_list(&postings, active.base, &mut bytes);
        let mut entry = TopicEntry {
            first: postings.first().map_or(0, |posting| posting.seq),
            last: postings.last().map_or(0, |posting| posting.seq),
            last_time: active.newest_time,
            events: postings.len() as u64,
            bytes: postings.iter().map(|posting| u64::from(posting.counted)).sum(),
            deleted: active.deletion(*topic),
            removed: 0,
            list_offset: (start - 4) as u32,
            list_bytes: (bytes.len() - start) as u32,
            list_checksum: seal.checksum.of(&[&bytes[start..]]),
            end: None,
        };
        // Where a younger segment of another chain has the topic's newest event, that one tells.
        if let Some(state) = index.topics.get(*topic).filter(|state| state.last == entry.last) {
            (entry.last_time, entry.end) = (state.last_time, state.end);
        }
        if let Some(old) = carried.get(topic) {
            entry.removed = old.removed;
            if old.last == entry.last {
                (entry.last_time, entry.end) = (old.last_time, old.end);
            }
        }
        entries.push(entry);
    }
    let directory = bytes.len();
    let name = |topic| index.topics.get(topic).map_or("", |state| state.name.as_str());
    for (topic, entry) in topics.iter().zip(&entries) {
        entry.write(name(*topic), &mut bytes);
    }
    for key in &active.keys {
        for number in [key.hash, key.seq, key.time] {
            bytes.extend(number.to_le_bytes());
        }
    }
    for mark in &active.times {
        bytes.extend(mark.seq.to_le_bytes());
        bytes.extend(mark.offset.to_le_bytes());
        bytes.extend(mark.before.to_le_bytes());
    }
    let group = group.encode(seal.checksum, !seal.epoch);
    bytes.extend(&group);
    let trailer = Trailer {
        lists,
        directory: lists - 4 + directory as u64,
        topics: topics.len() as u32,
        keys: active.keys.len() as u32,
        marks: active.times.len() as u32,
        group_bytes: group.len() as u32,
        first: active.first.max(active.base + 1),
        last: active.last,
        newest_time: active.newest_time,
        events: active.len() as u64,
        checksum: 0,
    };
    trailer.write(&mut bytes, directory, seal.checksum);
    Ending { bytes, topics, directory, trailer }
}
