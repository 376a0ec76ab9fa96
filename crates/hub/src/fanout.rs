//! Topic to sessions.
//!
//! Sessions with the same selection and format form a group, and the index knows groups only: what a
//! publish costs depends on how many *different* matching selections there are, and everything that is
//! the same for all members (the run of frames) is made once. Topics are found by hash, patterns
//! through a trie of segments.

use std::collections::HashMap;
use std::sync::Arc;

use headwater_log::{Pattern, Selection, Topic};

use crate::{Conflate, Format};

/// Names a group. Valid until its last member leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GroupId(u32);

/// Sessions that receive the same bytes.
#[derive(Debug)]
pub struct Group {
    /// What its members read. Shared with the key of the index and with catch-up readers.
    pub selection: Arc<Selection>,
    /// How its members read it.
    pub format: Format,
    /// What they leave out.
    pub conflate: Conflate,
    /// The members' slots, in no order; a member knows its place here.
    members: Vec<u32>,
    /// Already on the list of the current pass.
    marked: bool,
}

/// What the members of a group have in common.
type Key = (Arc<Selection>, Format, Conflate);

/// The index of one shard.
#[derive(Debug, Default)]
pub struct FanOut {
    groups: Vec<Option<Group>>,
    free: Vec<u32>,
    by_key: HashMap<Key, GroupId>,
    exact: HashMap<Topic, Vec<GroupId>>,
    patterns: Node,
    marked: Vec<GroupId>,
}

#[derive(Debug, Default)]
struct Node {
    children: HashMap<Box<str>, Self>,
    star: Option<Box<Self>>,
    /// Patterns that end here.
    here: Vec<GroupId>,
    /// Patterns that end in `**` here.
    below: Vec<GroupId>,
}

impl Group {
    /// The members' slots.
    pub fn members(&self) -> &[u32] {
        &self.members
    }
}

impl FanOut {
    /// Adds a session; returns its group and its place among the members.
    pub fn join(&mut self, selection: Arc<Selection>, format: Format, conflate: Conflate, slot: u32) -> (GroupId, u32) {
        let key = (selection, format, conflate);
        let id = match self.by_key.get(&key) {
            Some(id) => *id,
            None => self.found(key),
        };
        let members = &mut self.group_mut(id).members;
        members.push(slot);
        (id, members.len() as u32 - 1)
    }

    /// Removes the member at `place`; returns the slot of the session that now has this place, if
    /// another one moved there.
    pub fn leave(&mut self, id: GroupId, place: u32) -> Option<u32> {
        let members = &mut self.group_mut(id).members;
        members.swap_remove(place as usize);
        if members.is_empty() {
            self.dissolve(id);
            return None;
        }
        members.get(place as usize).copied()
    }

    /// The group of this id, if it still has members.
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(id.0 as usize)?.as_ref()
    }

    /// Puts the groups that read `topic` on the list of this pass.
    pub fn mark(&mut self, topic: &Topic) {
        if let Some(ids) = self.exact.get(topic) {
            for id in ids {
                mark_one(&mut self.groups, &mut self.marked, *id);
            }
        }
        if !self.patterns.is_empty() {
            let (groups, marked) = (&mut self.groups, &mut self.marked);
            self.patterns.visit(topic, &mut |id| mark_one(groups, marked, id));
        }
    }

    /// Puts every group on the list of this pass.
    pub fn mark_all(&mut self) {
        for id in 0..self.groups.len() as u32 {
            mark_one(&mut self.groups, &mut self.marked, GroupId(id));
        }
    }

    /// Takes the list of this pass.
    pub fn take_marked(&mut self) -> Vec<GroupId> {
        let marked = std::mem::take(&mut self.marked);
        for id in &marked {
            if let Some(group) = &mut self.groups[id.0 as usize] {
                group.marked = false;
            }
        }
        marked
    }

    /// How many sessions read `topic`.
    pub fn readers(&self, topic: &Topic) -> usize {
        self.groups_of(topic).map(|group| group.members.len()).sum()
    }

    /// The groups that read `topic`, each once.
    pub fn groups_of(&self, topic: &Topic) -> impl Iterator<Item = &Group> + use<'_> {
        let mut ids: Vec<GroupId> = self.exact.get(topic).cloned().unwrap_or_default();
        self.patterns.visit(topic, &mut |id| ids.push(id));
        ids.sort_unstable_by_key(|id| id.0);
        ids.dedup();
        ids.into_iter().filter_map(|id| self.group(id))
    }

    /// Number of groups.
    pub fn groups(&self) -> usize {
        self.by_key.len()
    }

    fn group_mut(&mut self, id: GroupId) -> &mut Group {
        self.groups[id.0 as usize].as_mut().expect("a group lives as long as it has members")
    }

    fn found(&mut self, key: Key) -> GroupId {
        let group =
            Group { selection: key.0.clone(), format: key.1, conflate: key.2, members: Vec::new(), marked: false };
        let id = match self.free.pop() {
            Some(free) => {
                self.groups[free as usize] = Some(group);
                GroupId(free)
            }
            None => {
                self.groups.push(Some(group));
                GroupId(self.groups.len() as u32 - 1)
            }
        };
        for topic in key.0.topics() {
            self.exact.entry(topic.clone()).or_default().push(id);
        }
        for pattern in key.0.patterns() {
            self.patterns.insert(pattern, id);
        }
        self.by_key.insert(key, id);
        id
    }

    fn dissolve(&mut self, id: GroupId) {
        let Some(group) = self.groups[id.0 as usize].take() else { return };
        for topic in group.selection.topics() {
            if let Some(ids) = self.exact.get_mut(topic) {
                ids.retain(|other| *other != id);
                if ids.is_empty() {
                    self.exact.remove(topic);
                }
            }
        }
        for pattern in group.selection.patterns() {
            self.patterns.remove(pattern.as_str(), id);
        }
        self.by_key.remove(&(group.selection, group.format, group.conflate));
        self.free.push(id.0);
        if self.by_key.is_empty() {
            // The last reader has left: give the memory back.
            *self = Self { marked: std::mem::take(&mut self.marked), ..Self::default() };
            self.marked.clear();
        }
    }
}

impl Node {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.star.is_none() && self.here.is_empty() && self.below.is_empty()
    }

    fn insert(&mut self, pattern: &Pattern, id: GroupId) {
        let mut node = self;
        for segment in pattern.as_str().split('/') {
            match segment {
                "**" => {
                    node.below.push(id);
                    return;
                }
                "*" => node = node.star.get_or_insert_default(),
                name => node = node.children.entry(name.into()).or_default(),
            }
        }
        node.here.push(id);
    }

    fn remove(&mut self, rest: &str, id: GroupId) {
        let (segment, rest) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        if segment == "**" {
            self.below.retain(|other| *other != id);
            return;
        }
        let child = match segment {
            "*" => self.star.as_deref_mut(),
            name => self.children.get_mut(name),
        };
        let Some(child) = child else { return };
        match rest {
            Some(rest) => child.remove(rest, id),
            None => child.here.retain(|other| *other != id),
        }
        if child.is_empty() {
            match segment {
                "*" => self.star = None,
                name => drop(self.children.remove(name)),
            }
        }
    }

    /// Calls `found` for every matching pattern; a group with several is reported several times.
    fn visit(&self, topic: &Topic, found: &mut impl FnMut(GroupId)) {
        self.step(Some(topic.as_str()), !topic.is_reserved(), found);
    }

    /// `wild`: whether wildcards may match the next segment (never the hub's own `$…`).
    fn step(&self, rest: Option<&str>, wild: bool, found: &mut impl FnMut(GroupId)) {
        if wild {
            self.below.iter().for_each(|id| found(*id));
        }
        let Some(rest) = rest else {
            self.here.iter().for_each(|id| found(*id));
            return;
        };
        let (segment, rest) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        if let Some(star) = self.star.as_deref().filter(|_| wild) {
            star.step(rest, true, found);
        }
        if let Some(child) = self.children.get(segment) {
            child.step(rest, true, found);
        }
    }
}

fn mark_one(groups: &mut [Option<Group>], marked: &mut Vec<GroupId>, id: GroupId) {
    if let Some(group) = &mut groups[id.0 as usize]
        && !group.marked
    {
        group.marked = true;
        marked.push(id);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment() -> impl Strategy<Value = String> {
        prop_oneof![Just("a".into()), Just("b".into()), Just("c".into()), Just("$hub".into())]
    }

    fn topic() -> impl Strategy<Value = Topic> {
        proptest::collection::vec(segment(), 1..4).prop_map(|segments| Topic::new(&segments.join("/")).unwrap())
    }

    fn pattern() -> impl Strategy<Value = Pattern> {
        let part = prop_oneof![3 => segment(), 1 => Just("*".to_string())];
        (proptest::collection::vec(part, 1..4), any::<bool>()).prop_map(|(mut segments, deep)| {
            if deep {
                segments.push("**".into());
            }
            Pattern::new(&segments.join("/")).unwrap()
        })
    }

    proptest! {
        // POOL-01, RUN-03: the index finds exactly the groups whose selection matches, and forgets
        // everything when the last member leaves.
        #[test]
        fn finds_what_selections_match(
            selections in proptest::collection::vec(proptest::collection::vec(pattern(), 1..4), 1..8),
            topics in proptest::collection::vec(topic(), 1..8),
            leave in proptest::collection::vec(any::<bool>(), 8),
        ) {
            let mut index = FanOut::default();
            let mut members = Vec::new();
            for (slot, patterns) in selections.into_iter().enumerate() {
                let selection = Arc::new(Selection::new(patterns));
                let (id, place) = index.join(selection.clone(), Format::EventStream, Conflate::Never, slot as u32);
                members.push((id, place, selection, true));
            }
            for slot in 0..members.len() {
                if leave[slot] {
                    let (id, place, ..) = members[slot].clone();
                    members[slot].3 = false;
                    if let Some(moved) = index.leave(id, place) {
                        members[moved as usize].1 = place;
                    }
                }
            }
            for topic in &topics {
                let expected = members.iter().filter(|m| m.3 && m.2.matches(topic)).count();
                prop_assert_eq!(index.readers(topic), expected);
                index.mark(topic);
                let found: usize = index.take_marked().iter().filter_map(|id| index.group(*id)).map(|g| g.members().len()).sum();
                prop_assert_eq!(found, expected);
            }
            for slot in 0..members.len() {
                let (id, place, _, present) = members[slot].clone();
                if present {
                    members[slot].3 = false;
                    if let Some(moved) = index.leave(id, place) {
                        members[moved as usize].1 = place;
                    }
                }
            }
            prop_assert_eq!(index.groups(), 0);
            prop_assert!(index.exact.is_empty() && index.patterns.is_empty());
        }
    }

    #[test]
    fn one_group_for_one_selection() {
        let selection = || Arc::new(Selection::new([Pattern::new("a").unwrap()]));
        let mut index = FanOut::default();
        let (first, _) = index.join(selection(), Format::EventStream, Conflate::Never, 0);
        let (second, place) = index.join(selection(), Format::EventStream, Conflate::Never, 1);
        let (other, _) = index.join(selection(), Format::Ndjson, Conflate::Never, 2);
        assert_eq!((first, place), (second, 1));
        assert_ne!(first, other);
    }
}
