//! What every refusal is like.

use headwater_server::fuzzing::Answer;

/// # Panics
/// When it is no problem document with one of these statuses.
pub(crate) fn check(answer: &Answer, statuses: &[u16]) {
    assert!(statuses.contains(&answer.status), "{answer:?}");
    let document: serde_json::Value = serde_json::from_str(&answer.body).expect("a problem document");
    assert_eq!(document["status"], answer.status, "{answer:?}");
    for member in ["type", "title", "detail"] {
        assert!(document[member].as_str().is_some_and(|text| !text.is_empty()), "{answer:?} has no {member}");
    }
}
