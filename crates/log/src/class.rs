//! Classes: which topics share durability and retention.

use std::time::Duration;

use crate::{Pattern, Topic};

/// When an append counts as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Durability {
    /// In the memory of the log: fast, gone with the process.
    Memory,
    /// On disk: `fdatasync` has returned.
    Disk,
}

/// How long events stay. Zero means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events older than this go, a whole segment at a time.
    pub age: Duration,
    /// Most events kept per topic.
    pub events: u64,
    /// Most bytes (topic, type, key and data) kept per topic.
    pub bytes: u64,
}

/// A set of topics with its policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// The topics; the first class with a matching pattern wins.
    pub topics: Vec<Pattern>,
    /// When an append is acknowledged.
    pub durability: Durability,
    /// How long events stay.
    pub retention: Retention,
    /// Largest event in bytes (topic, type, key and data together).
    pub max_event: usize,
}

/// The ordered list of classes. Every topic belongs to exactly one: an implied last class takes
/// what no pattern matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes {
    /// Never empty; the last one is the implied class.
    list: Vec<Class>,
}

impl Classes {
    /// Takes the configured classes in order and the one that is implied for every other topic.
    pub fn new(mut configured: Vec<Class>, implied: Class) -> Self {
        configured.push(implied);
        Self { list: configured }
    }

    /// The class of a topic.
    pub fn of(&self, topic: &Topic) -> &Class {
        self.list
            .iter()
            .find(|class| class.topics.iter().any(|pattern| pattern.matches(topic)))
            .unwrap_or(&self.list[self.list.len() - 1])
    }

    /// All classes in order; the last is the implied one.
    pub fn iter(&self) -> impl Iterator<Item = &Class> {
        self.list.iter()
    }
}

impl Default for Retention {
    /// 24 hours, any number of events, 10 GiB per topic.
    fn default() -> Self {
        Self { age: Duration::from_secs(24 * 3600), events: 0, bytes: 10 << 30 }
    }
}

impl Default for Class {
    /// Durable on disk, default retention, events up to 256 KiB.
    fn default() -> Self {
        Self { topics: Vec::new(), durability: Durability::Disk, retention: Retention::default(), max_event: 256 << 10 }
    }
}

impl Default for Classes {
    fn default() -> Self {
        Self::new(Vec::new(), Class::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(patterns: &[&str], events: u64) -> Class {
        let topics = patterns.iter().map(|text| Pattern::new(text).unwrap()).collect();
        Class { topics, retention: Retention { events, ..Retention::default() }, ..Class::default() }
    }

    #[test]
    fn the_first_match_wins_and_the_implied_class_takes_the_rest() {
        let classes =
            Classes::new(vec![class(&["a/b", "x/*"], 1), class(&["a/**"], 2), class(&["a/b"], 3)], class(&[], 4));
        for (name, events) in [("a/b", 1), ("x/y", 1), ("a", 2), ("a/c", 2), ("x", 4), ("$hub/stats", 4)] {
            assert_eq!(classes.of(&Topic::new(name).unwrap()).retention.events, events, "{name}");
        }
        assert_eq!(classes.iter().count(), 4);
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let class = Classes::default().of(&Topic::new("a").unwrap()).clone();
        assert_eq!((class.durability, class.max_event), (Durability::Disk, 256 * 1024));
        assert_eq!(class.retention, Retention { age: Duration::from_secs(86_400), events: 0, bytes: 10 * (1 << 30) });
    }
}
