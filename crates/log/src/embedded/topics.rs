//! The table of topics: what is known of each, by name and by number.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use crate::{Classes, EndReason, Timestamp, Topic};

/// Number of a topic in this process; nothing on disk knows it.
pub(crate) type TopicId = u32;

/// What is known of one topic.
#[derive(Clone, Debug)]
pub(crate) struct TopicState {
    pub(crate) name: Topic,
    /// Newest event that is or was there; 0 before the first.
    pub(crate) last: u64,
    pub(crate) last_time: Timestamp,
    /// Events above the floor.
    pub(crate) events: u64,
    /// Their counted bytes.
    pub(crate) bytes: u64,
    /// Events up to here are gone; always the number of one that is, or a cautious mark.
    pub(crate) floor: u64,
    /// Newest deletion.
    pub(crate) deleted: u64,
    /// Value of [`Topics::trims`] when the floor last rose.
    pub(crate) trimmed_at: u64,
    /// How the newest event finished it.
    pub(crate) end: Option<EndReason>,
    /// Index of its class in the classes in force.
    pub(crate) class: u16,
}

/// All topics known. Numbers of forgotten topics are not used again.
#[derive(Debug)]
pub(crate) struct Topics {
    states: Vec<Option<Box<TopicState>>>,
    by_name: HashMap<Topic, TopicId>,
    sorted: BTreeMap<Topic, TopicId>,
    /// Floors raised so far, from 1: tells readers whether anything was removed since they looked.
    trims: u64,
    /// Highest floor of all.
    newest_trimmed: u64,
    /// Highest floor of the topics that were forgotten: any unknown topic may have lost events up to here.
    forgotten: u64,
    /// Any topic may have lost events up to here, known or not.
    unsure: u64,
}

impl TopicState {
    /// Whether it has anything to show: events, or how it ended.
    pub(crate) fn exists(&self) -> bool {
        self.events > 0
    }
}

impl Default for Topics {
    fn default() -> Self {
        let (states, by_name, sorted) = (Vec::new(), HashMap::new(), BTreeMap::new());
        Self { states, by_name, sorted, trims: 1, newest_trimmed: 0, forgotten: 0, unsure: 0 }
    }
}

impl Topics {
    pub(crate) fn id(&self, name: &Topic) -> Option<TopicId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn get(&self, id: TopicId) -> Option<&TopicState> {
        self.states.get(id as usize)?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, id: TopicId) -> Option<&mut TopicState> {
        self.states.get_mut(id as usize)?.as_deref_mut()
    }

    pub(crate) fn find_text(&self, name: &str) -> Option<(TopicId, &TopicState)> {
        let id = *self.by_name.get(name)?;
        Some((id, self.get(id)?))
    }

    pub(crate) fn find(&self, name: &Topic) -> Option<(TopicId, &TopicState)> {
        let id = self.id(name)?;
        Some((id, self.get(id)?))
    }

    /// The number of a topic, made known if it was not.
    pub(crate) fn intern(&mut self, name: &Topic, classes: &Classes) -> TopicId {
        self.id(name).unwrap_or_else(|| self.add(name, classes))
    }

    /// As [`Topics::intern`]; `None` for a text that is no topic's name.
    pub(crate) fn intern_text(&mut self, name: &str, classes: &Classes) -> Option<TopicId> {
        match self.by_name.get(name) {
            Some(id) => Some(*id),
            None => Some(self.add(&Topic::new(name).ok()?, classes)),
        }
    }

    fn add(&mut self, name: &Topic, classes: &Classes) -> TopicId {
        let id = self.states.len() as TopicId;
        let state = TopicState {
            name: name.clone(),
            last: 0,
            last_time: 0,
            events: 0,
            bytes: 0,
            floor: self.forgotten,
            deleted: 0,
            trimmed_at: 0,
            end: None,
            class: class_index(classes, name),
        };
        self.states.push(Some(Box::new(state)));
        self.by_name.insert(name.clone(), id);
        self.sorted.insert(name.clone(), id);
        id
    }

    /// Raises the floor of a topic; what it had below must be taken off by the caller.
    pub(crate) fn raise_floor(&mut self, id: TopicId, floor: u64) {
        let trims = self.trims + 1;
        let Some(state) = self.get_mut(id).filter(|state| state.floor < floor) else { return };
        state.floor = floor;
        state.trimmed_at = trims;
        if state.last <= floor {
            state.end = None;
        }
        self.trims = trims;
        self.newest_trimmed = self.newest_trimmed.max(floor);
    }

    /// Drops a topic that has nothing to show; its mark lives on in the common one.
    pub(crate) fn forget(&mut self, id: TopicId) {
        let Some(state) = self.states.get_mut(id as usize).and_then(Option::take) else { return };
        self.forgotten = self.forgotten.max(state.floor);
        self.by_name.remove(&state.name);
        self.sorted.remove(&state.name);
    }

    /// Takes the common mark of an earlier run, before any topic is known.
    pub(crate) fn restore_forgotten(&mut self, forgotten: u64) {
        self.forgotten = self.forgotten.max(forgotten);
        self.newest_trimmed = self.newest_trimmed.max(forgotten);
    }

    /// Segments are missing, and nothing tells what was in them.
    pub(crate) fn be_unsure(&mut self, upto: u64) {
        self.unsure = self.unsure.max(upto);
    }

    pub(crate) fn unsure(&self) -> u64 {
        self.unsure
    }

    /// Looks every topic's class up again.
    pub(crate) fn reclassify(&mut self, classes: &Classes) {
        for state in self.states.iter_mut().flatten() {
            state.class = class_index(classes, &state.name);
        }
    }

    /// Topics in byte order from `after` (exclusive) or `prefix` (inclusive) on.
    pub(crate) fn from(&self, prefix: &str, after: Option<&str>) -> impl Iterator<Item = TopicId> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let prefix = prefix.to_owned();
        self.sorted
            .range::<str, _>((start, Bound::Unbounded))
            .take_while(move |(name, _)| name.as_str().starts_with(&prefix))
            .map(|(_, id)| *id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (TopicId, &TopicState)> {
        self.states.iter().enumerate().filter_map(|(id, state)| Some((id as TopicId, state.as_deref()?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn trims(&self) -> u64 {
        self.trims
    }

    pub(crate) fn newest_trimmed(&self) -> u64 {
        self.newest_trimmed
    }

    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

/// Which class of the list a topic belongs to.
pub(crate) fn class_index(classes: &Classes, topic: &Topic) -> u16 {
    let mine = classes.of(topic);
    classes.iter().position(|class| std::ptr::eq(class, mine)).unwrap_or(0) as u16
}
