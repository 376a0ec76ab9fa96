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
