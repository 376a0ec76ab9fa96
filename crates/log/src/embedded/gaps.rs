//! Which selected events are gone.

use super::index::Index;
use super::topics::{TopicId, TopicState};
use crate::Selection;

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

    /// The highest place above `after` up to which selected events were removed since `since` floors had risen; 0 counts all.
    pub(crate) fn removed(&self, selection: &Selection, after: u64, since: u64) -> Option<u64> {
        if after >= self.topics.newest_trimmed() || since == self.topics.trims() {
            return None;
        }
        let mark = |state: &TopicState| (state.trimmed_at > since || since == 0).then_some(state.floor);
        let known = self.selected(selection).into_iter().filter_map(|id| mark(self.topics.get(id)?)).max();
        let unknown = selection.patterns().len() > 0 || selection.topics().any(|topic| self.topics.id(topic).is_none());
        let forgotten = (unknown && since == 0).then_some(self.topics.forgotten());
        known.max(forgotten).filter(|removed| *removed > after)
    }

    /// The number of the first selected event above `after`.
    pub(crate) fn first_selected(&self, selection: &Selection, after: u64) -> Option<u64> {
        let firsts = self.selected(selection).into_iter().filter_map(|id| self.first_above(id, after));
        firsts.min()
    }
}
