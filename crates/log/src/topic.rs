//! Topics, patterns over topics, and selections of both.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// A topic name: `/`-separated UTF-8, 1 to 512 bytes, no control characters, no empty, `.`, `..`
/// or wildcard segment. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

/// A topic in which a whole segment may be `*` (exactly one segment) and the last may be `**`
/// (what stands before it and everything below). A pattern without wildcards matches one topic.
///
/// Topics that begin with `$` belong to the hub: only a pattern whose first segment is written out
/// with its `$` matches them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

/// What a reader wants: topics by name and patterns. An event matches once, however many of them
/// name its topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Selection {
    topics: BTreeSet<Topic>,
    patterns: BTreeSet<Pattern>,
}

/// Why a text is not a topic or pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopic {
    /// Empty text.
    #[error("is empty")]
    Empty,
    /// Over [`Topic::MAX_BYTES`].
    #[error("is longer than 512 bytes")]
    TooLong,
    /// A control character.
    #[error("has a control character at byte {0}")]
    Control(usize),
    /// Two slashes in a row, or one at an end.
    #[error("has an empty segment")]
    EmptySegment,
    /// `.` or `..`.
    #[error("has a '.' or '..' segment")]
    DotSegment,
    /// `*` or `**` in a topic, or `**` before the end of a pattern.
    #[error("has a wildcard segment where none may stand")]
    Wildcard,
}

impl Topic {
    /// Longest name.
    pub const MAX_BYTES: usize = 512;

    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidTopic`] with the rule it breaks.
    pub fn new(name: &str) -> Result<Self, InvalidTopic> {
        check(name)?;
        match name.split('/').any(|segment| matches!(segment, "*" | "**")) {
            true => Err(InvalidTopic::Wildcard),
            false => Ok(Self(name.into())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the hub itself owns it (`$hub/…`).
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with('$')
    }
}

impl Pattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// [`InvalidTopic`] with the rule it breaks.
    pub fn new(text: &str) -> Result<Self, InvalidTopic> {
        check(text)?;
        let inner = text.strip_suffix("**").filter(|rest| rest.is_empty() || rest.ends_with('/')).unwrap_or(text);
        match inner.split('/').any(|segment| segment == "**") {
            true => Err(InvalidTopic::Wildcard),
            false => Ok(Self(text.into())),
        }
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The topic it names when it has no wildcard.
    pub fn as_topic(&self) -> Option<Topic> {
        let wild = self.0.split('/').any(|segment| matches!(segment, "*" | "**"));
        (!wild).then(|| Topic(self.0.clone()))
    }

    /// Whether `topic` is one of those it describes.
    pub fn matches(&self, topic: &Topic) -> bool {
        if topic.is_reserved() && !self.0.starts_with('$') {
            return false;
        }
        let mut segments = topic.0.split('/');
        for wanted in self.0.split('/') {
            if wanted == "**" {
                return true;
            }
            match segments.next() {
                Some(segment) if wanted == "*" || wanted == segment => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }
}

impl Pattern {
    /// Whether every topic that `other` describes is one of those it describes. Where two patterns mean the same in
    /// different words the answer may be no.
    pub fn covers(&self, other: &Self) -> bool {
        if other.0.starts_with('$') && !self.0.starts_with('$') {
            return false;
        }
        let mut segments = other.0.split('/');
        for wanted in self.0.split('/') {
            match (wanted, segments.next()) {
                ("**", _) => return true,
                (_, None | Some("**")) => return false,
                ("*", Some(_)) => {}
                (wanted, Some(segment)) if wanted == segment => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }
}

impl Pattern {
    /// Whether some topic may be described by both.
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.0.starts_with('$') != other.0.starts_with('$') {
            return false;
        }
        let (mut ours, mut theirs) = (self.0.split('/'), other.0.split('/'));
        loop {
            match (ours.next(), theirs.next()) {
                (Some("**"), _) | (_, Some("**")) | (None, None) => return true,
                (None, _) | (_, None) => return false,
                (Some("*"), _) | (_, Some("*")) => {}
                (Some(one), Some(other)) if one == other => {}
                _ => return false,
            }
        }
    }
}

impl Selection {
    /// Collects topics and patterns; a pattern without wildcards counts as its topic.
    pub fn new(patterns: impl IntoIterator<Item = Pattern>) -> Self {
        let mut selection = Self::default();
        for pattern in patterns {
            match pattern.as_topic() {
                Some(topic) => selection.topics.insert(topic),
                None => selection.patterns.insert(pattern),
            };
        }
        selection
    }

    /// The topics named in full.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Topic> {
        self.topics.iter()
    }

    /// The patterns with wildcards.
    pub fn patterns(&self) -> impl ExactSizeIterator<Item = &Pattern> {
        self.patterns.iter()
    }

    /// Whether an event of this topic belongs to it.
    pub fn matches(&self, topic: &Topic) -> bool {
        self.topics.contains(topic) || self.patterns.iter().any(|pattern| pattern.matches(topic))
    }
}

/// Topics order and hash like their names, so maps of topics can be asked with a name.
impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(text: &str) -> Result<(), InvalidTopic> {
    if text.is_empty() {
        return Err(InvalidTopic::Empty);
    }
    if text.len() > Topic::MAX_BYTES {
        return Err(InvalidTopic::TooLong);
    }
    if let Some((at, _)) = text.char_indices().find(|(_, c)| c.is_control()) {
        return Err(InvalidTopic::Control(at));
    }
    for segment in text.split('/') {
        match segment {
            "" => return Err(InvalidTopic::EmptySegment),
            "." | ".." => return Err(InvalidTopic::DotSegment),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topic(name: &str) -> Topic {
        Topic::new(name).unwrap()
    }

    fn pattern(text: &str) -> Pattern {
        Pattern::new(text).unwrap()
    }

    // T20: names that could be mistaken for paths, or hide in logs, do not exist.
    #[test]
    fn refuses_what_is_not_a_topic() {
        let long = "ä".repeat(256) + "x";
        for (name, why) in [
            ("", InvalidTopic::Empty),
            (long.as_str(), InvalidTopic::TooLong),
            ("a\0b", InvalidTopic::Control(1)),
            ("a/b\n", InvalidTopic::Control(3)),
            ("a\r", InvalidTopic::Control(1)),
            ("ä\u{7f}", InvalidTopic::Control(2)),
            ("a\u{85}", InvalidTopic::Control(1)),
            ("\u{1b}[31m", InvalidTopic::Control(0)),
            ("/", InvalidTopic::EmptySegment),
            ("/a", InvalidTopic::EmptySegment),
            ("a/", InvalidTopic::EmptySegment),
            ("a//b", InvalidTopic::EmptySegment),
            (".", InvalidTopic::DotSegment),
            ("..", InvalidTopic::DotSegment),
            ("a/./b", InvalidTopic::DotSegment),
            ("../etc/passwd", InvalidTopic::DotSegment),
            ("a/..", InvalidTopic::DotSegment),
            ("*", InvalidTopic::Wildcard),
            ("a/*", InvalidTopic::Wildcard),
            ("a/**", InvalidTopic::Wildcard),
            ("*/a", InvalidTopic::Wildcard),
        ] {
            assert_eq!(Topic::new(name), Err(why), "{name:?}");
        }
    }

    #[test]
    fn accepts_the_rest() {
        let longest = "ä".repeat(256);
        for name in
            ["a", "orders/42", "$hub/stats", "a b", "a/...", "a/.b", "a*b", "***", "%2e%2e", "日本/語", "\\", &longest]
        {
            assert_eq!(topic(name).as_str(), name);
        }
        assert!(topic("$hub").is_reserved());
        assert!(!topic("a/$hub").is_reserved());
    }

    #[test]
    fn refuses_what_is_not_a_pattern() {
        for (text, why) in [
            ("**/a", InvalidTopic::Wildcard),
            ("a/**/b", InvalidTopic::Wildcard),
            ("**/**", InvalidTopic::Wildcard),
            ("a/../*", InvalidTopic::DotSegment),
            ("a//*", InvalidTopic::EmptySegment),
            ("*/", InvalidTopic::EmptySegment),
            ("*\t", InvalidTopic::Control(1)),
        ] {
            assert_eq!(Pattern::new(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn matches_by_segment() {
        for (text, matching, others) in [
            ("a", &["a"][..], &["a/b", "b", "aa"][..]),
            ("a/b", &["a/b"], &["a", "a/b/c"]),
            ("*", &["a", "b", "ä", "a b"], &["a/b", "$hub"]),
            ("a/*", &["a/b", "a/$x"], &["a", "a/b/c", "b/a", "ab/c"]),
            ("*/b", &["a/b"], &["a", "b", "a/b/c", "$hub/b"]),
            ("a/*/c", &["a/b/c"], &["a/c", "a/b/b/c"]),
            ("**", &["a", "a/b", "a/$x"], &["$hub", "$hub/stats"]),
            ("a/**", &["a", "a/b", "a/b/c"], &["ab", "b/a", "$a/b"]),
            ("*/**", &["a", "a/b/c"], &["$hub/a"]),
            ("$hub/**", &["$hub", "$hub/stats"], &["$hubs", "a"]),
            ("$hub/*", &["$hub/stats"], &["$hub", "$hub/a/b"]),
            ("a*", &["a*"], &["ab", "a"]),
        ] {
            let pattern = pattern(text);
            for name in matching {
                assert!(pattern.matches(&topic(name)), "{text} {name}");
            }
            for name in others {
                assert!(!pattern.matches(&topic(name)), "{text} {name}");
            }
        }
    }

    #[test]
    fn a_selection_takes_each_topic_once() {
        let selection = Selection::new(["a", "a", "a/*", "b/**", "b/**"].map(pattern));
        assert_eq!(selection.topics().map(Topic::as_str).collect::<Vec<_>>(), ["a"]);
        assert_eq!(selection.patterns().map(Pattern::as_str).collect::<Vec<_>>(), ["a/*", "b/**"]);
        assert!(["a", "a/x", "b", "b/c/d"].iter().all(|name| selection.matches(&topic(name))));
        assert!(!selection.matches(&topic("c")));
        assert!(!Selection::default().matches(&topic("a")));
    }

    proptest! {
        #[test]
        fn what_is_accepted_keeps_the_rules(name in "[a$*./\\x00\\x1f\u{85}é-]{0,12}|\\PC{0,600}") {
            let Ok(topic) = Topic::new(&name) else { return Ok(()) };
            prop_assert_eq!(topic.as_str(), &name);
            prop_assert!((1..=512).contains(&name.len()) && !name.contains(char::is_control));
            prop_assert!(name.split('/').all(|segment| !["", ".", "..", "*", "**"].contains(&segment)));
            // A topic is a pattern that matches itself and nothing but itself.
            prop_assert_eq!(pattern(&name).as_topic(), Some(topic.clone()));
            prop_assert!(pattern(&name).matches(&topic));
        }

        // The rules of matching, said a second time as a recursion.
        #[test]
        fn matching_agrees_with_its_definition(text in "(\\$|[ab*]|\\*\\*)(/([ab*]|\\*\\*)){0,3}", name in "[$ab](/[ab]){0,3}") {
            let Ok(pattern) = Pattern::new(&text) else { return Ok(()) };
            let (wanted, given): (Vec<_>, Vec<_>) = (text.split('/').collect(), name.split('/').collect());
            let expected = defined(&wanted, &given) && (!name.starts_with('$') || text.starts_with('$'));
            prop_assert_eq!(pattern.matches(&topic(&name)), expected);
        }
    }

    fn defined(wanted: &[&str], given: &[&str]) -> bool {
        match (wanted, given) {
            ([], []) | (["**"], _) => true,
            (["*", wanted @ ..], [_, given @ ..]) => defined(wanted, given),
            ([first, wanted @ ..], [same, given @ ..]) => first == same && defined(wanted, given),
            _ => false,
        }
    }

    fn any_pattern() -> impl Strategy<Value = Pattern> {
        let segment = prop::sample::select(vec!["a", "b", "$a", "*"]);
        (prop::collection::vec(segment, 1..4), any::<bool>()).prop_map(|(segments, below)| {
            let text = segments.join("/") + if below { "/**" } else { "" };
            Pattern::new(&text).unwrap()
        })
    }

    fn any_topic() -> impl Strategy<Value = Topic> {
        prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "$a"]), 1..5)
            .prop_map(|segments| Topic::new(&segments.join("/")).unwrap())
    }

    proptest! {
        #[test]
        fn a_covering_pattern_matches_whatever_the_covered_one_does(
            wide in any_pattern(), narrow in any_pattern(), topic in any_topic()
        ) {
            prop_assert!(!wide.covers(&narrow) || !narrow.matches(&topic) || wide.matches(&topic));
            prop_assert!(wide.covers(&wide));
            prop_assert!(wide.overlaps(&narrow) || !(narrow.matches(&topic) && wide.matches(&topic)));
            prop_assert_eq!(wide.overlaps(&Pattern::new(topic.as_str()).unwrap()), wide.matches(&topic));
            // A topic is a pattern that describes itself alone.
            prop_assert_eq!(wide.covers(&Pattern::new(topic.as_str()).unwrap()), wide.matches(&topic));
        }
    }
}
