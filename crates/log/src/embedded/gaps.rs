//! Which selected events are gone, and where to go on.

use super::index::Index;
use super::shared::Shared;
use super::topics::{TopicId, TopicState};
use crate::{Durability, Selection, StoredEvent};

impl Index {
    /// Numbers of the known topics of a selection.
    pub(crate) fn selected(&self, selection: &Selection) -> Vec<TopicId> {
        let mut ids: Vec<_> = selection.topics().filter_map(|topic| self.topics.id(topic)).collect();
        for pattern in selection.patterns() {
            let fixed = pattern.as_str().find('*').map_or("", |star| &pattern.as_str()[..star]);
            let prefix = fixed.strip_suffix('/').unwrap_or(fixed);
            let names = self.topics.from(prefix, None);
            ids.extend(names.filter(|id| self.topics.get(*id).is_some_and(|state| pattern.matches(&state.name))));
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Up to where events of its topic before this one may be gone.
    pub(crate) fn gone_before(&self, event: &StoredEvent) -> u64 {
        let lost = self.classes.of(&event.topic).durability == Durability::Memory;
        let floor = self.topics.find(&event.topic).map_or(0, |(_, state)| state.floor);
        let marks = [floor, self.topics.unsure(), if lost { self.volatile.lost } else { 0 }];
        marks.into_iter().filter(|mark| *mark < event.seq).max().unwrap_or(0)
    }

    /// The newest selected event above `after` that was removed since `since` floors had risen; 0 counts all.
    pub(crate) fn removed(&self, selection: &Selection, after: u64, since: u64) -> Option<u64> {
        let unsure = (since == 0 && after < self.topics.unsure()).then_some(self.topics.unsure());
        let lost = (since == 0 && self.may_have_lost(selection, after)).then_some(self.volatile.lost);
        lost.max(unsure).max(self.trimmed(selection, after, since))
    }

    fn trimmed(&self, selection: &Selection, after: u64, since: u64) -> Option<u64> {
        if after >= self.topics.newest_trimmed() || since == self.topics.trims() {
            return None;
        }
        let mark = |state: &TopicState| (state.trimmed_at > since || since == 0).then_some(state.floor);
        let known = self.selected(selection).into_iter().filter_map(|id| mark(self.topics.get(id)?)).max();
        let unknown = selection.patterns().len() > 0 || selection.topics().any(|topic| self.topics.id(topic).is_none());
        let forgotten = (unknown && since == 0).then_some(self.topics.forgotten());
        known.max(forgotten).filter(|removed| *removed > after)
    }
}

impl Shared {
    /// The place to go on from after removals up to `removed`: behind them, but before every selected event that
    /// is there.
    pub(crate) fn place_after(&self, selection: &Selection, after: u64, removed: u64) -> u64 {
        let places: Vec<_> = {
            let index = self.index();
            let ids = index.selected(selection);
            if ids.len() > MAX_LOOKUPS {
                return after.max(removed.min(index.before_first()));
            }
            ids.into_iter().filter_map(|id| index.places(id)).collect()
        };
        // A segment that cannot be read: stay where nothing can be missed.
        let firsts = places.iter().map(|places| places.first_above(after, self.seal).unwrap_or(Some(after + 1)));
        let first = firsts.flatten().min();
        first.map_or(removed, |first| removed.min(first - 1)).max(after)
    }
}

/// With more topics than this, the place is before every event of the log rather than looked up.
const MAX_LOOKUPS: usize = 4096;
