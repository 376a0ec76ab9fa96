//! Who reads and who publishes what: readers, topics and lanes numbered, and the arithmetic between them.
//!
//! A *lane* is a row of events of one topic that are published one after the other; a topic has as many lanes as it needs
//! to reach its rate. Lanes are numbered over all topics, a topic's lanes side by side.

use serde::{Deserialize, Serialize};

/// The shape of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layout {
    /// Number of topics, at least one.
    pub(crate) topics: u32,
    /// Lanes of each topic, at least one.
    pub(crate) lanes: u32,
    /// Topics each reader reads, at least one and at most all.
    pub(crate) per_reader: u32,
}

impl Layout {
    /// The topics of a reader: the next ones around the circle after those of the reader before.
    pub(crate) fn topics_of(self, reader: u64) -> impl Iterator<Item = u32> {
        let first = self.first_topic(reader);
        (0..self.per_reader).map(move |n| (u64::from(first) + u64::from(n)) % u64::from(self.topics)).map(narrow)
    }

    /// Lanes a reader sees.
    pub(crate) const fn lanes_per_reader(self) -> usize {
        self.per_reader as usize * self.lanes as usize
    }

    /// Lanes there are.
    pub(crate) const fn all_lanes(self) -> usize {
        self.topics as usize * self.lanes as usize
    }

    /// A lane's number among all.
    pub(crate) const fn lane(self, topic: u32, lane: u32) -> usize {
        topic as usize * self.lanes as usize + lane as usize
    }

    /// The topic of a lane and its number within it.
    pub(crate) const fn of_lane(self, lane: usize) -> (u32, u32) {
        let lanes = self.lanes as usize;
        ((lane / lanes) as u32, (lane % lanes) as u32)
    }

    /// A lane's place among those `reader` sees; `None` if it does not read that topic, or there is no such lane.
    pub(crate) fn place(self, reader: u64, topic: u32, lane: u32) -> Option<usize> {
        if topic >= self.topics || lane >= self.lanes {
            return None;
        }
        let distance = (topic + self.topics - self.first_topic(reader)) % self.topics;
        (distance < self.per_reader).then(|| distance as usize * self.lanes as usize + lane as usize)
    }

    fn first_topic(self, reader: u64) -> u32 {
        let topics = u64::from(self.topics);
        narrow((reader % topics) * u64::from(self.per_reader) % topics)
    }
}

fn narrow(topic: u64) -> u32 {
    u32::try_from(topic).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::Layout;

    #[test]
    fn readers_go_around_the_topics() {
        let layout = Layout { topics: 5, lanes: 2, per_reader: 2 };
        let topics = |reader| layout.topics_of(reader).collect::<Vec<_>>();
        assert_eq!([topics(0), topics(1), topics(2), topics(5)], [[0, 1], [2, 3], [4, 0], [0, 1]]);
        assert_eq!(layout.place(2, 4, 1), Some(1));
        assert_eq!(layout.place(2, 0, 0), Some(2));
        assert_eq!((layout.place(2, 1, 0), layout.place(2, 0, 2), layout.place(2, 5, 0)), (None, None, None));
        assert_eq!((layout.all_lanes(), layout.lane(4, 1), layout.of_lane(9)), (10, 9, (4, 1)));
    }

    #[test]
    fn every_topic_has_as_many_readers_as_the_next_when_it_comes_out_even() {
        let layout = Layout { topics: 6, lanes: 1, per_reader: 2 };
        let readers_of = |topic| (0..9).filter(|reader| layout.place(*reader, topic, 0).is_some()).count();
        assert!((0..6).all(|topic| readers_of(topic) == 3));
    }
}
