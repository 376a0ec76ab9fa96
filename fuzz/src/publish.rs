//! Bodies of publishes: whatever they are and in whatever pieces they come, the same is stored, all of it is answered
//! for, and nothing that is not a publisher's to say.

use headwater_event_stream::EventType;
use headwater_log::Topic;
use headwater_server::fuzzing::{Answer, Site};

use crate::problem;

/// What a body may be sent as, and whether it is stored all or not at all.
const FORMS: [(&str, &str, bool); 6] = [
    ("/v1/events", "application/json", true),
    ("/v1/events", "application/x-ndjson", false),
    ("/v1/topics/t", "text/plain", true),
    ("/v1/topics/t", "text/event-stream", false),
    ("/v1/topics/t", "application/x-ndjson", false),
    ("/v1/topics/a%2Fb", "", true),
];

/// Which form, how long the pieces are, a line of query, then the body.
///
/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    let [form, length, rest @ ..] = input else { return };
    let (path, content_type, atomic) = FORMS[usize::from(*form) % FORMS.len()];
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let Ok(query) = std::str::from_utf8(&rest[..end]) else { return };
    let body = &rest[(end + 1).min(rest.len())..];
    let target = format!("{path}?{query}");

    let Some((whole, stored)) = publish(&target, content_type, &[body]) else { return };
    let ids = ids(&whole);
    match whole.status {
        200 | 201 => {
            // The record that finishes a topic has no id of its own in the answer.
            let finished = query.split('&').any(|pair| pair.starts_with("final"));
            assert!(stored.len() == ids || (finished && stored.len() == ids + 1), "{whole:?}: {stored:?}");
        }
        _ => {
            problem::check(&whole, &[400, 403, 409, 413, 415]);
            assert!(!atomic || stored.is_empty(), "{whole:?}: {stored:?}");
        }
    }
    for (topic, event_type, _) in &stored {
        assert!(Topic::new(topic).is_ok_and(|topic| !topic.is_reserved()), "{topic:?}");
        assert!(event_type.is_empty() || EventType::new(event_type).is_ok(), "{event_type:?}");
        assert!(!event_type.starts_with("headwater."), "{event_type:?}");
    }

    let pieces: Vec<&[u8]> = body.chunks(usize::from(*length) + 1).collect();
    let (in_pieces, stored_in_pieces) = publish(&target, content_type, &pieces).expect("it was a request before");
    assert_eq!((in_pieces.status, stored_in_pieces), (whole.status, stored), "{whole:?} and {in_pieces:?}");
}

type Stored = Vec<(String, String, String)>;

/// Publishes to a new hub; what it answers and what it has then.
fn publish(target: &str, content_type: &str, pieces: &[&[u8]]) -> Option<(Answer, Stored)> {
    let site = Site::new();
    let answer = site.publish(target, content_type.as_bytes(), pieces)?;
    Some((answer, site.stored()))
}

/// How many different events the answer names.
fn ids(answer: &Answer) -> usize {
    let document: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
    match document["ids"].as_array() {
        Some(ids) => ids.iter().collect::<std::collections::HashSet<_>>().len(),
        None => usize::from(document["id"].is_string()),
    }
}
