//! Age: segments whose youngest event has outlived every topic in them are removed whole.

use std::io;
use std::sync::Arc;

use super::index::Index;
use super::keeper::{Keeper, Trouble};
use super::sealed::Sealed;
use super::topics::TopicId;
use crate::format::marks::Marks;

impl Keeper {
    /// Removes the segments that are due.
    pub(crate) fn expire(&mut self, now: u64) -> Result<(), Trouble> {
        let due = self.due(now);
        self.remove(&due)
    }

    /// Removes segments: first from what is read, then, with the marks that this leaves on disk, the files.
    pub(crate) fn remove(&mut self, segments: &[(usize, Arc<Sealed>)]) -> Result<(), Trouble> {
        if segments.is_empty() {
            return Ok(());
        }
        for (slot, segment) in segments {
            for id in segment.topics() {
                self.raise(id, segment)?;
            }
            let mut index = self.shared.index_mut();
            let chain = &mut index.chains[*slot];
            chain.sealed.retain(|other| !Arc::ptr_eq(other, segment));
            chain.removed = chain.removed.max(segment.last);
        }
        match self.save_marks() {
            // A full disk is no reason to keep what may go; opening sees that marks are missing.
            Err(Trouble::Later) | Ok(()) => {}
            Err(error) => return Err(error),
        }
        for (_, segment) in segments {
            let path = self.folder.path.join(&segment.name);
            match self.folder.disk.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Trouble::of("remove", &segment.name, &error));
                }
                _ => {}
            }
            self.ages.remove(&segment.name);
            self.looked.remove(&segment.name);
        }
        self.folder.disk.sync_dir(&self.folder.path).map_err(|error| Trouble::of("sync", "the folder", &error))
    }

    /// Writes the marks of everything removed so far.
    pub(crate) fn save_marks(&self) -> Result<(), Trouble> {
        let marks = self.shared.index().marks();
        let saved = self.folder.save_marks(&marks, self.shared.seal);
        saved.map_err(|error| Trouble::of("replace", "marks", &error))
    }

    /// Raises a topic's floor over what a segment has of it.
    fn raise(&self, id: TopicId, segment: &Sealed) -> Result<(), Trouble> {
        let Some(entry) = segment.entry(id)? else { return Ok(()) };
        loop {
            let Some(places) = self.shared.index().places(id) else { return Ok(()) };
            if places.floor() >= entry.last {
                return Ok(());
            }
            let loss = places.upto(entry.last, self.shared.seal)?;
            let mut index = self.shared.index_mut();
            if index.topics.get(id).is_some_and(|state| state.floor == places.floor()) {
                index.take_off(id, loss);
                index.note_excess(id);
                return Ok(());
            }
        }
    }

    /// Sealed segments past the age of all their topics. The last file of a chain stays: it says how far the chain went.
    fn due(&mut self, now: u64) -> Vec<(usize, Arc<Sealed>)> {
        let shortest = self.shortest_age();
        let mut due = Vec::new();
        let index = self.shared.index();
        for (slot, chain) in index.chains.iter().enumerate() {
            let newest = chain.sealed.len() - usize::from(chain.active.is_none()).min(chain.sealed.len());
            for segment in &chain.sealed[..newest] {
                let since = now.saturating_sub(segment.newest_time);
                if shortest == 0 || since <= shortest || self.has_keys(segment, now) {
                    continue;
                }
                let known = self.ages.get(&segment.name).copied();
                let age = known.unwrap_or_else(|| self.longest_age(&index, segment.topics()));
                self.ages.insert(segment.name.clone(), age);
                if age > 0 && since > age {
                    due.push((slot, segment.clone()));
                }
            }
        }
        due
    }

    /// Whether a segment has idempotency keys that still count: after a restart they are only known from it.
    pub(crate) fn has_keys(&self, segment: &Sealed, now: u64) -> bool {
        segment.newest_key.is_some_and(|time| now.saturating_sub(time) < self.window)
    }

    /// Shortest age of any class in microseconds; 0 when all are without limit.
    pub(crate) fn shortest_age(&self) -> u64 {
        let ages = self.classes.iter().map(|class| class.retention.age.as_micros() as u64);
        ages.filter(|age| *age > 0).min().unwrap_or(0)
    }

    /// Longest age of these topics; 0 when one is without limit.
    pub(crate) fn longest_age(&self, index: &Index, topics: impl Iterator<Item = TopicId>) -> u64 {
        let ages: Vec<_> = self.classes.iter().map(|class| class.retention.age.as_micros() as u64).collect();
        let mut longest = 0;
        for state in topics.filter_map(|id| index.topics.get(id)) {
            match ages.get(usize::from(state.class)).copied().unwrap_or(0) {
                0 => return 0,
                age => longest = longest.max(age),
            }
        }
        longest
    }
}

impl Index {
    /// What must be remembered of removals.
    pub(crate) fn marks(&self) -> Marks {
        let floors = self.topics.iter().filter(|(_, state)| state.floor > self.topics.forgotten());
        Marks {
            forgotten: self.topics.forgotten(),
            unsure: self.topics.unsure(),
            chains: self.chains.iter().map(|chain| (chain.id, chain.removed)).collect(),
            topics: floors.map(|(_, state)| (state.name.as_str().into(), state.floor)).collect(),
        }
    }

    /// Whether any segment has records of a topic.
    pub(crate) fn is_listed(&self, id: TopicId) -> bool {
        self.chains.iter().any(|chain| {
            chain.active.as_ref().is_some_and(|active| active.has(id))
                || chain.sealed.iter().any(|sealed| sealed.has(id))
        })
    }
}
