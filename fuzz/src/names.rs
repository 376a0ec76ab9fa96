//! Topics, patterns and event ids: what is taken keeps its rules and has one spelling.

use headwater_log::{Pattern, Position, Selection, Topic};

/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (first, second) = text.split_once('\n').unwrap_or((text, text));
    let topic = Topic::new(first);
    if let Ok(topic) = &topic {
        assert_eq!(topic.as_str(), first);
        assert!((1..=Topic::MAX_BYTES).contains(&first.len()));
        assert!(!first.chars().any(char::is_control));
        assert!(first.split('/').all(|segment| !matches!(segment, "" | "." | ".." | "*" | "**")));
        let itself = Pattern::new(first).expect("a topic is a pattern without wildcards");
        assert_eq!(itself.as_topic().as_ref(), Some(topic));
        assert!(itself.matches(topic));
    }
    if let Ok(pattern) = Pattern::new(second) {
        assert_eq!(pattern.as_str(), second);
        let selection = Selection::new([pattern.clone()]);
        if let Ok(topic) = &topic {
            assert_eq!(selection.matches(topic), pattern.matches(topic));
            assert!(!topic.is_reserved() || second.starts_with('$') || !pattern.matches(topic), "`$` is written out");
        }
    }
    if let Ok(position) = first.parse::<Position>() {
        assert_eq!(position.to_string(), first, "one position, one spelling");
    }
}
