//! A sealed segment: its index stays in the file, memory holds where to look.

use std::io;
use std::sync::Arc;

use super::active::{KeyMark, TimeMark};
use super::scan::Seal;
use super::topics::TopicId;
use crate::disk::File;
use crate::format::Input;
use crate::format::footer::{ENTRY_BYTES, Posting, TRAILER_BYTES, TopicEntry, Trailer, read_list};
use crate::format::group::GroupHeader;
use crate::{ReadError, Timestamp};

/// A sealed segment. Shared with the readers that are in it: replacing or removing the file does not disturb them.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) file: Arc<dyn File>,
    pub(crate) name: String,
    pub(crate) base: u64,
    /// First and newest record; the newest may be a deletion, or gone.
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) newest_time: Timestamp,
    pub(crate) events: u64,
    /// Length of the file.
    pub(crate) bytes: u64,
    /// Where the groups end.
    pub(crate) groups_end: u64,
    /// Offset of the lists, to which those of the entries are relative.
    lists: u64,
    /// Topics, in order of their numbers, with the offset of their directory entry. 8 bytes for each.
    topics: Box<[(TopicId, u32)]>,
    pub(crate) times: Box<[TimeMark]>,
    /// Whether it has records of deletions.
    pub(crate) has_deletions: bool,
    /// Time of its newest idempotency key.
    pub(crate) newest_key: Option<Timestamp>,
}

/// What a footer tells beside the segment's own index; needed only while opening.
#[derive(Debug)]
pub(crate) struct Footer {
    pub(crate) entries: Vec<(Box<str>, TopicEntry, u32)>,
    pub(crate) keys: Vec<KeyMark>,
    pub(crate) group: Option<GroupHeader>,
    trailer: Trailer,
    times: Vec<TimeMark>,
}

impl Footer {
    /// The footer of a file of this length; `None` when there is none or its checksum does not hold.
    pub(crate) fn read(file: &Arc<dyn File>, length: u64, seal: Seal) -> io::Result<Option<Self>> {
        let Some(trailer_at) = length.checked_sub(TRAILER_BYTES as u64) else { return Ok(None) };
        let mut bytes = vec![0; TRAILER_BYTES];
        file.read_exact_at(&mut bytes, trailer_at)?;
        let Some(trailer) = Trailer::read(&bytes) else { return Ok(None) };
        if trailer.directory > trailer_at || trailer.lists > trailer.directory {
            return Ok(None);
        }
        let mut bytes = vec![0; (length - trailer.directory) as usize];
        file.read_exact_at(&mut bytes, trailer.directory)?;
        let covered = bytes.len() - CHECKSUM_AND_MAGIC_BYTES;
        if seal.checksum.of(&[&bytes[..covered]]) != trailer.checksum {
            return Ok(None);
        }
        Ok(Self::parse(&bytes, trailer, seal))
    }

    pub(crate) fn parse(bytes: &[u8], trailer: Trailer, seal: Seal) -> Option<Self> {
        let mut input = Input(bytes);
        let mut entries = Vec::with_capacity(trailer.topics as usize);
        for _ in 0..trailer.topics {
            let at = trailer.directory as usize + bytes.len() - input.0.len();
            let (entry, name) = TopicEntry::read(&mut input)?;
            entries.push((input.text(name)?.into(), entry, u32::try_from(at).ok()?));
        }
        let mut keys = Vec::with_capacity(trailer.keys as usize);
        for _ in 0..trailer.keys {
            keys.push(KeyMark { hash: input.u64()?, seq: input.u64()?, time: input.u64()? });
        }
        let mut times = Vec::with_capacity(trailer.marks as usize);
        for _ in 0..trailer.marks {
            times.push(TimeMark { seq: input.u64()?, offset: input.u32()?, before: input.u64()? });
        }
        let group = input.take(trailer.group_bytes as usize)?;
        let group = GroupHeader::read(group, seal.checksum, !seal.epoch);
        Some(Self { entries, keys, group, trailer, times })
    }
}

impl Sealed {
    /// `ids` are the numbers of the footer's topics, in its order.
    pub(crate) fn new(
        file: Arc<dyn File>,
        name: String,
        base: u64,
        bytes: u64,
        footer: &Footer,
        ids: impl Iterator<Item = TopicId>,
    ) -> Self {
        let trailer = footer.trailer;
        let mut topics: Vec<_> = ids.zip(footer.entries.iter().map(|(_, _, at)| *at)).collect();
        topics.sort_unstable();
        Self {
            file,
            name,
            base,
            first: trailer.first,
            last: trailer.last,
            newest_time: trailer.newest_time,
            events: trailer.events,
            bytes,
            groups_end: trailer.lists.saturating_sub(4),
            lists: trailer.lists,
            topics: topics.into(),
            times: footer.times.clone().into(),
            has_deletions: footer.entries.iter().any(|(_, entry, _)| entry.deleted > 0),
            newest_key: footer.keys.iter().map(|key| key.time).max(),
        }
    }

    pub(crate) fn topics(&self) -> impl ExactSizeIterator<Item = TopicId> {
        self.topics.iter().map(|(id, _)| *id)
    }

    pub(crate) fn has(&self, topic: TopicId) -> bool {
        self.topics.binary_search_by_key(&topic, |(id, _)| *id).is_ok()
    }

    /// What it has of a topic; `None` when that is nothing.
    pub(crate) fn entry(&self, topic: TopicId) -> Result<Option<TopicEntry>, ReadError> {
        let Ok(index) = self.topics.binary_search_by_key(&topic, |(id, _)| *id) else { return Ok(None) };
        let at = u64::from(self.topics[index].1);
        let mut bytes = [0; ENTRY_BYTES];
        self.file.read_exact_at(&mut bytes, at).map_err(|error| self.refused(&error))?;
        match TopicEntry::read(&mut Input(&bytes)) {
            Some((entry, _)) => Ok(Some(entry)),
            None => Err(self.damaged(at)),
        }
    }

    /// The events of a topic, in order.
    pub(crate) fn list(&self, entry: &TopicEntry, seal: Seal) -> Result<Vec<Posting>, ReadError> {
        let at = self.lists + u64::from(entry.list_offset);
        let mut bytes = vec![0; entry.list_bytes as usize];
        self.file.read_exact_at(&mut bytes, at).map_err(|error| self.refused(&error))?;
        if seal.checksum.of(&[&bytes]) != entry.list_checksum {
            return Err(self.damaged(at));
        }
        read_list(&bytes, self.base).ok_or_else(|| self.damaged(at))
    }

    /// The events of a topic above a place, in order.
    pub(crate) fn postings(&self, topic: TopicId, after: u64, seal: Seal) -> Result<Vec<Posting>, ReadError> {
        if self.last <= after {
            return Ok(Vec::new());
        }
        let Some(entry) = self.entry(topic)?.filter(|entry| entry.last > after) else { return Ok(Vec::new()) };
        let mut list = self.list(&entry, seal)?;
        list.drain(..list.partition_point(|posting| posting.seq <= after));
        Ok(list)
    }

    pub(crate) fn refused(&self, error: &io::Error) -> ReadError {
        ReadError::Storage { file: self.name.clone(), cause: error.to_string() }
    }

    pub(crate) fn damaged(&self, offset: u64) -> ReadError {
        ReadError::Damaged { file: self.name.clone(), offset }
    }
}

const CHECKSUM_AND_MAGIC_BYTES: usize = 12;
