//! What a caller may do.

use headwater_log::{InvalidTopic, Pattern, Selection, Topic};
use serde::{Deserialize, Serialize};

/// What a caller may do: patterns to read, patterns to publish to, and the administrator's right. A pure function of
/// these answers every question; whether a topic exists never matters (T15).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    subscribe: Vec<Pattern>,
    publish: Vec<Pattern>,
    admin: bool,
}

/// Why patterns are no rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RightsError {
    /// More than [`Rights::MOST_PATTERNS`] of one kind.
    #[error("has more than 100 patterns")]
    TooMany,
    /// One is not a pattern.
    #[error("has a pattern that {0}")]
    Pattern(#[from] InvalidTopic),
}

/// What gives a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule<'r> {
    /// This pattern was granted.
    Pattern(&'r Pattern),
    /// The administrator's right.
    Admin,
}

impl Rights {
    /// Most patterns of one kind.
    pub const MOST_PATTERNS: usize = 100;

    /// Nothing at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// Everything there is.
    pub fn all() -> Self {
        // The one pattern that is right by itself; without it there would be fewer rights, not more.
        let everything: Vec<Pattern> = Pattern::new("**").into_iter().collect();
        Self { subscribe: everything.clone(), publish: everything, admin: true }
    }

    /// These patterns.
    pub fn new(subscribe: Vec<Pattern>, publish: Vec<Pattern>, admin: bool) -> Self {
        Self { subscribe, publish, admin }
    }

    /// Reads patterns.
    ///
    /// # Errors
    /// [`RightsError`] for the first list that is too long or the first text that is no pattern.
    pub fn parse<S: AsRef<str>>(subscribe: &[S], publish: &[S], admin: bool) -> Result<Self, RightsError> {
        Ok(Self { subscribe: patterns(subscribe)?, publish: patterns(publish)?, admin })
    }

    /// Whether every topic this pattern can match may be read. The hub's own topics need the administrator's right and
    /// nothing else.
    pub fn may_subscribe(&self, wanted: &Pattern) -> bool {
        self.rule_to_subscribe(wanted).is_some()
    }

    /// What allows to read every topic this pattern can match.
    pub fn rule_to_subscribe(&self, wanted: &Pattern) -> Option<Rule<'_>> {
        match wanted.as_str().starts_with('$') {
            true => self.admin.then_some(Rule::Admin),
            false => self.subscribe.iter().find(|granted| granted.covers(wanted)).map(Rule::Pattern),
        }
    }

    /// Whether all of a selection may be read.
    pub fn may_select(&self, wanted: &Selection) -> bool {
        wanted.topics().all(|topic| self.may_read(topic))
            && wanted.patterns().all(|pattern| self.may_subscribe(pattern))
    }

    /// Whether one topic may be read.
    pub fn may_read(&self, topic: &Topic) -> bool {
        match topic.is_reserved() {
            true => self.admin,
            false => self.subscribe.iter().any(|granted| granted.matches(topic)),
        }
    }

    /// Whether a topic may be published to. Nobody publishes to the hub's own.
    pub fn may_publish(&self, topic: &Topic) -> bool {
        self.rule_to_publish(topic).is_some()
    }

    /// What allows to publish to a topic.
    pub fn rule_to_publish(&self, topic: &Topic) -> Option<Rule<'_>> {
        let mut granted = self.publish.iter().filter(|granted| granted.matches(topic));
        if topic.is_reserved() { None } else { granted.next().map(Rule::Pattern) }
    }

    /// Whether the hub may be administered: topics listed and deleted, figures read.
    pub fn is_admin(&self) -> bool {
        self.admin
    }

    /// Whether nothing may be done.
    pub fn is_none(&self) -> bool {
        self.subscribe.is_empty() && self.publish.is_empty() && !self.admin
    }

    /// The patterns to read.
    pub fn subscribe(&self) -> &[Pattern] {
        &self.subscribe
    }

    /// The patterns to publish to.
    pub fn publish(&self) -> &[Pattern] {
        &self.publish
    }
}

/// The claim `headwater` as written. A member nobody knows might take a right away, so it is refused.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RightsClaim {
    pub(crate) subscribe: Vec<String>,
    pub(crate) publish: Vec<String>,
    pub(crate) admin: bool,
}

impl From<&Rights> for RightsClaim {
    fn from(rights: &Rights) -> Self {
        let texts = |patterns: &[Pattern]| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        Self { subscribe: texts(&rights.subscribe), publish: texts(&rights.publish), admin: rights.admin }
    }
}

fn patterns<S: AsRef<str>>(texts: &[S]) -> Result<Vec<Pattern>, RightsError> {
    if texts.len() > Rights::MOST_PATTERNS {
        return Err(RightsError::TooMany);
    }
    Ok(texts.iter().map(|text| Pattern::new(text.as_ref())).collect::<Result<_, _>>()?)
}
