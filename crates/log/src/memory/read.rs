//! Reading: pages of selected events, and what is missing before them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Bound;
use std::sync::Arc;

use super::Shared;
use super::state::{Entry, State};
use crate::missing::Missing;
use crate::{Gap, Page, ReadError, Reader, Selection, StoredEvent, Topic};

/// A cursor over the selected events.
pub(super) struct MemoryReader {
    shared: Arc<Shared>,
    selection: Arc<Selection>,
    /// Every selected event up to here was returned or reported as removed.
    place: u64,
    missing: Missing,
    /// The newest removal already known: only later ones are reported.
    removal: u64,
    plan: Plan,
}

/// How the selected events are found.
enum Plan {
    /// Not decided yet.
    Unknown,
    /// The selection takes so much of the log that walking it is the shortest way. Right whatever topics come.
    Walk,
    /// Merge these topics, which are all that match as long as no topic comes or goes.
    Merge { topics: Vec<Topic>, version: u64 },
}

/// A page being filled.
struct Filling {
    page: Page,
    missing: Missing,
    /// A gap comes before the next event: that is for the next page.
    over: bool,
    bytes: usize,
    max_events: usize,
    max_bytes: usize,
}

/// A selection of at least one in so many events is read by walking the log.
const WALK_SHARE: usize = 8;
/// Events looked at while holding the lock once.
const WALK_STEP: usize = 4096;

impl MemoryReader {
    pub(super) fn new(shared: Arc<Shared>, selection: Arc<Selection>, after: u64) -> Self {
        let removal = shared.state().removals;
        Self { shared, selection, place: after, missing: Missing::default(), removal, plan: Plan::Unknown }
    }

    /// Looks for what was removed before the reader was made, and goes on behind it.
    pub(super) fn look_back(&mut self) -> Option<Gap> {
        let state = self.shared.state();
        let after = self.place;
        let removed = state.removed(&self.selection, after, 0)?;
        self.removal = state.removals;
        self.place = state.place_after(&self.selection, after, removed);
        self.missing.add(after, removed);
        self.missing.told(self.place);
        Some(Gap { after, upto: self.place })
    }

    /// Adds to the page under one lock; `true` when it is finished.
    fn step(&mut self, filling: &mut Filling) -> bool {
        let shared = Arc::clone(&self.shared);
        let state = shared.state();
        if state.removals > self.removal {
            if let Some(removed) = state.removed(&self.selection, self.place, self.removal) {
                filling.missing.add(self.place, removed);
            }
            self.removal = state.removals;
        }
        self.plan(&state);
        self.place = match &self.plan {
            Plan::Merge { topics, .. } => merge(&state, topics, self.place, filling),
            Plan::Unknown | Plan::Walk => walk(&state, &self.selection, self.place, filling),
        };
        let done = filling.over || filling.is_full() || self.place >= state.head;
        if done && filling.page.events.is_empty() {
            filling.page.gap = filling.missing.tell_upto(state.head);
        }
        done
    }

    fn plan(&mut self, state: &State) {
        match &self.plan {
            Plan::Walk => return,
            Plan::Merge { version, .. } if *version == state.topics_version => return,
            Plan::Merge { .. } if self.selection.patterns().len() == 0 => return,
            _ => {}
        }
        self.plan = if self.selection.patterns().len() == 0 {
            Plan::Merge { topics: self.selection.topics().cloned().collect(), version: state.topics_version }
        } else {
            let matching = state.matching(&self.selection);
            let events: usize = matching.values().map(|entry| entry.events.len()).sum();
            match events.saturating_mul(WALK_SHARE) >= state.log.len() {
                true => Plan::Walk,
                false => Plan::Merge { topics: matching.into_keys().cloned().collect(), version: state.topics_version },
            }
        };
    }
}

impl Reader for MemoryReader {
    fn next_page(&mut self, max_events: usize, max_bytes: usize) -> Result<Page, ReadError> {
        let (page, missing, max_events) = (Page::default(), self.missing, max_events.max(1));
        let mut filling = Filling { page, missing, over: false, bytes: 0, max_events, max_bytes };
        while !self.step(&mut filling) {}
        let Filling { mut page, missing, .. } = filling;
        self.missing = missing;
        page.untold = missing.is_open();
        if page.untold {
            // What is missing behind the last event is not told yet.
            self.place = page.events.last().map_or(self.place, |last| last.seq);
        }
        page.upto = self.place;
        Ok(page)
    }
}

impl State {
    /// The newest selected event after `after` that went with a removal later than `since`.
    fn removed(&self, selection: &Selection, after: u64, since: u64) -> Option<u64> {
        if after >= self.newest_removed {
            return None;
        }
        let matching = self.matching(selection);
        let forgotten = selection.patterns().len() > 0 || matching.len() < selection.topics().len();
        let marks = matching.values().map(|entry| entry.removed).chain(forgotten.then_some(self.floor));
        marks.filter(|mark| mark.removal > since).map(|mark| mark.to).max().filter(|to| *to > after)
    }

    /// The place to go on from after removals up to `removed`: before every selected event that is there.
    fn place_after(&self, selection: &Selection, after: u64, removed: u64) -> u64 {
        let matching = self.matching(selection);
        let left = matching.values().filter_map(|entry| entry.after(after).next()).map(|event| event.seq).min();
        left.map_or(removed, |left| removed.min(left - 1)).max(after)
    }

    /// The newest event removed of a topic.
    fn floor_of(&self, topic: &Topic) -> u64 {
        self.topics.get(topic).map_or(0, |entry| entry.removed.to)
    }

    /// The known topics of a selection.
    fn matching(&self, selection: &Selection) -> BTreeMap<&Topic, &Entry> {
        let mut matching = BTreeMap::new();
        matching.extend(selection.topics().filter_map(|topic| self.topics.get_key_value(topic)));
        for pattern in selection.patterns() {
            let literal = literal(pattern.as_str());
            let from = self.topics.range::<str, _>((Bound::Included(literal), Bound::Unbounded));
            let near = from.take_while(|(topic, _)| topic.as_str().starts_with(literal));
            matching.extend(near.filter(|(topic, _)| pattern.matches(topic)));
        }
        matching
    }
}

impl Entry {
    fn after(&self, place: u64) -> impl Iterator<Item = &Arc<StoredEvent>> {
        self.events.range(self.events.partition_point(|event| event.seq <= place)..)
    }
}

impl Filling {
    /// Adds an event whose topic has none left up to `floor`, and the gap before it; whether it could.
    fn push(&mut self, event: &Arc<StoredEvent>, floor: u64) -> bool {
        if self.missing.is_due(event.seq, floor) {
            if !self.page.events.is_empty() {
                self.over = true;
                return false;
            }
            self.page.gap = Some(self.missing.tell_before(event.seq));
        }
        self.bytes += event.data.len() + event.topic.as_str().len();
        self.page.events.push(Arc::clone(event));
        true
    }

    fn is_full(&self) -> bool {
        self.page.events.len() >= self.max_events || !self.page.events.is_empty() && self.bytes >= self.max_bytes
    }
}

/// Adds the next events of some topics in log order; the place reached.
fn merge(state: &State, topics: &[Topic], place: u64, filling: &mut Filling) -> u64 {
    let mut queues: Vec<_> =
        topics.iter().filter_map(|topic| state.topics.get(topic)).map(|e| e.after(place)).collect();
    let mut heads = BinaryHeap::with_capacity(queues.len());
    let mut next = vec![None; queues.len()];
    for (at, queue) in queues.iter_mut().enumerate() {
        next[at] = queue.next();
        heads.extend(next[at].map(|event| Reverse((event.seq, at))));
    }
    let mut reached = place;
    while let Some(Reverse((seq, at))) = heads.pop() {
        if let Some(event) = next[at]
            && !filling.push(event, state.floor_of(&event.topic))
        {
            return reached;
        }
        reached = seq;
        if filling.is_full() {
            return reached;
        }
        next[at] = queues[at].next();
        heads.extend(next[at].map(|event| Reverse((event.seq, at))));
    }
    reached.max(state.head)
}

/// Adds the selected ones among the next events of the log; the place reached.
fn walk(state: &State, selection: &Selection, place: u64, filling: &mut Filling) -> u64 {
    let Some(start) = place.checked_add(1) else { return place };
    let mut reached = place;
    for (looked_at, (seq, event)) in state.log.range(start..).enumerate() {
        if looked_at == WALK_STEP {
            return reached;
        }
        if selection.matches(&event.topic) && !filling.push(event, state.floor_of(&event.topic)) {
            return reached;
        }
        reached = *seq;
        if filling.is_full() {
            return reached;
        }
    }
    reached.max(state.head)
}

/// The beginning that every topic of a pattern has.
fn literal(pattern: &str) -> &str {
    let mut end = 0;
    for segment in pattern.split('/') {
        if matches!(segment, "*" | "**") {
            return pattern[..end].strip_suffix('/').unwrap_or(&pattern[..end]);
        }
        end += segment.len() + 1;
    }
    pattern
}
