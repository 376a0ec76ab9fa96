//! How readers are served when more is published than they take: by class, and as they ask themselves.

use headwater_log::{Pattern, Selection, Topic};

/// What happens to a session that does not keep up with a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SlowPolicy {
    /// It gets every event, later.
    #[default]
    CatchUp,
    /// While it is behind, of the events with the same topic and key it gets the newest only, and is told.
    Conflate,
    /// When memory no longer holds what it has to get, its stream ends, and it comes back with its cursor.
    Close,
}

/// How the readers of a class are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderPolicy {
    /// Most deliveries a second to one session, each with everything that has gathered; zero: no limit.
    pub max_rate: u32,
    /// Of the events with the same topic and key that are delivered together only the newest goes out, to readers that
    /// did not say otherwise.
    pub conflate: bool,
    /// For readers that do not keep up.
    pub slow: SlowPolicy,
    /// Who reads a topic of the class is told.
    pub presence: bool,
    /// Most sessions that name one topic; zero: no limit.
    pub sessions: u32,
    /// Most events a second that reach the readers of one topic: more are not taken from publishers; zero: no limit.
    pub publish_rate: u32,
}

/// The policies of all classes, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReaderPolicies {
    list: Vec<(Vec<Pattern>, ReaderPolicy)>,
}

/// What a group of sessions leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Conflate {
    /// Nothing.
    #[default]
    Never,
    /// What the classes say; its members are told.
    ByClass,
    /// Everything but the newest: its members asked for that.
    Asked,
}

/// Which events give way to newer ones of the same topic and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thinning {
    /// All, because the reader asked for that.
    Asked,
    /// Those of the classes that conflate; and, if the reader is slow, of those that do then.
    ByClass {
        /// The reader is slow.
        slow: bool,
    },
    /// Those of the classes that conflate for slow readers.
    Slow,
}

impl ReaderPolicies {
    /// Takes the classes in order; the first with a matching pattern counts.
    pub fn new(list: Vec<(Vec<Pattern>, ReaderPolicy)>) -> Self {
        Self { list }
    }

    /// The policies in the order of their classes; the last is that of topics of no class.
    pub fn iter(&self) -> impl Iterator<Item = ReaderPolicy> {
        self.list.iter().map(|(_, policy)| *policy).chain([ReaderPolicy::default()])
    }

    /// The policy of a topic.
    pub fn of(&self, topic: &Topic) -> ReaderPolicy {
        let found = self.list.iter().find(|(patterns, _)| patterns.iter().any(|pattern| pattern.matches(topic)));
        found.map_or_else(ReaderPolicy::default, |(_, policy)| *policy)
    }

    /// Whether it is told who reads this topic. Of the hub's own topics it never is: that would be topics without end.
    pub fn keeps_presence(&self, topic: &Topic) -> bool {
        !topic.is_reserved() && self.of(topic).presence
    }

    /// Whether it is told of any topic.
    pub fn keep_any_presence(&self) -> bool {
        self.iter().any(|policy| policy.presence)
    }

    /// What holds for a session that reads this: the lowest rate, and whatever any of the classes says that its topics
    /// belong to or may belong to.
    pub fn over(&self, selection: &Selection) -> Over {
        let mut over = Over::default();
        for topic in selection.topics() {
            let policy = self.of(topic);
            over.add(policy);
            over.presence |= policy.presence && !topic.is_reserved();
        }
        for pattern in selection.patterns() {
            let meet = self.list.iter().filter(|(topics, _)| topics.iter().any(|topic| topic.overlaps(pattern)));
            meet.for_each(|(_, policy)| over.add(*policy));
        }
        over
    }
}

/// The policies of all topics of a session, taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Over {
    /// The lowest rate of any; zero: no limit.
    pub max_rate: u32,
    /// Some conflate.
    pub conflate: bool,
    /// Some conflate for slow readers.
    pub thins_slow: bool,
    /// Some end the streams of slow readers.
    pub closes_slow: bool,
    /// Of some that it names it is told who reads them. Whoever reads by a pattern looks on, and is no member.
    pub presence: bool,
}

impl Over {
    fn add(&mut self, policy: ReaderPolicy) {
        self.max_rate = match (self.max_rate, policy.max_rate) {
            (0, rate) | (rate, 0) => rate,
            (one, other) => one.min(other),
        };
        self.conflate |= policy.conflate;
        self.thins_slow |= policy.slow == SlowPolicy::Conflate;
        self.closes_slow |= policy.slow == SlowPolicy::Close;
    }
}

impl Thinning {
    /// Whether a newer event of the same topic and key replaces those of this one.
    pub fn applies(self, policies: &ReaderPolicies, topic: &Topic) -> bool {
        let policy = || policies.of(topic);
        let slow = || policy().slow == SlowPolicy::Conflate;
        match self {
            Self::Asked => true,
            Self::ByClass { slow: is_slow } => policy().conflate || (is_slow && slow()),
            Self::Slow => slow(),
        }
    }

    /// Whether the reader is told what was left out.
    pub fn is_told(self) -> bool {
        self != Self::Asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies() -> ReaderPolicies {
        let class = |pattern: &str, policy| (vec![Pattern::new(pattern).unwrap()], policy);
        ReaderPolicies::new(vec![
            class("state/**", ReaderPolicy::default()),
            class("prices/**", ReaderPolicy { max_rate: 10, conflate: true, ..ReaderPolicy::default() }),
            class("meters/*", ReaderPolicy { max_rate: 4, slow: SlowPolicy::Conflate, ..ReaderPolicy::default() }),
            class("rooms/*", ReaderPolicy { presence: true, ..ReaderPolicy::default() }),
            class("once", ReaderPolicy { slow: SlowPolicy::Close, ..ReaderPolicy::default() }),
        ])
    }

    fn over(patterns: &[&str]) -> Over {
        policies().over(&Selection::new(patterns.iter().map(|text| Pattern::new(text).unwrap())))
    }

    #[test]
    fn rlb_04_the_policies_of_a_session_are_those_of_its_topics() {
        assert_eq!(over(&["state/1", "other"]), Over::default());
        assert_eq!(over(&["prices/gold"]), Over { max_rate: 10, conflate: true, ..Over::default() });
        assert_eq!(over(&["once", "state/*"]), Over { closes_slow: true, ..Over::default() });
        let all = Over { max_rate: 4, conflate: true, thins_slow: true, closes_slow: true, presence: false };
        assert_eq!(over(&["**"]), all);
    }

    #[test]
    fn whoever_names_a_topic_is_a_member_of_it_and_whoever_reads_a_pattern_looks_on() {
        assert!(over(&["rooms/1"]).presence && over(&["other", "rooms/1"]).presence);
        for none in [&["rooms/*"][..], &["**"], &["rooms"], &["rooms/1/more"]] {
            assert!(!over(none).presence, "{none:?}");
        }
        let own = ReaderPolicies::new(vec![(
            vec![Pattern::new("$hub/**").unwrap()],
            ReaderPolicy { presence: true, ..ReaderPolicy::default() },
        )]);
        assert!(!own.over(&Selection::new([Pattern::new("$hub/stats").unwrap()])).presence);
        assert!(!own.keeps_presence(&Topic::new("$hub/stats").unwrap()));
    }

    // RLB-05: of two classes that a session reads, only the one that is said to give way does.
    #[test]
    fn rlb_05_state_changes_never_give_way_to_telemetry() {
        let applies = |thinning: Thinning, topic| thinning.applies(&policies(), &Topic::new(topic).unwrap());
        for thinning in [Thinning::Slow, Thinning::ByClass { slow: true }, Thinning::ByClass { slow: false }] {
            assert!(!applies(thinning, "state/1"), "{thinning:?}");
        }
        assert!(applies(Thinning::Slow, "meters/1") && !applies(Thinning::ByClass { slow: false }, "meters/1"));
        assert!(applies(Thinning::ByClass { slow: false }, "prices/1") && !applies(Thinning::Slow, "prices/1"));
        assert!(applies(Thinning::Asked, "state/1"), "whoever asks for the newest only gets that");
    }
}
