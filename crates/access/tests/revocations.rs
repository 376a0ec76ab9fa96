//! Who is refused after a revocation, until when, and after which restart.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime};

use headwater_access::{Grant, RevocationError, Revocations, Rights, Target};
use proptest::prelude::*;

const NOW: u64 = 1_700_000_000;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn grant(id: &str, subject: &str, issuer: &str, issued_s: Option<u64>) -> Grant {
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (subject, id, issuer) = (text(subject), text(id), text(issuer));
    Grant { rights: Rights::none(), subject, id, issuer, issued_s, expires_s: NOW + 600 }
}

fn token(id: &str) -> Target {
    Target { token: Some(id.into()), ..Target::default() }
}

fn subject(name: &str) -> Target {
    Target { subject: Some(name.into()), ..Target::default() }
}

fn before(seconds: u64) -> Target {
    Target { issued_before_s: Some(seconds), ..Target::default() }
}

#[track_caller]
fn check(target: Target, revoked: &[Grant], others: &[Grant]) {
    let mut revocations = Revocations::default();
    revocations.add(target, None, at(NOW)).unwrap();
    assert!(revoked.iter().all(|grant| revocations.find(grant, at(NOW)).is_some()), "{revocations:?}");
    assert!(others.iter().all(|grant| revocations.find(grant, at(NOW)).is_none()), "{revocations:?}");
}

#[test]
fn sec_07_a_target_concerns_what_it_names() {
    let (old, new) = (Some(NOW - 9), Some(NOW));
    check(token("t"), &[grant("t", "ada", "", old), grant("t", "", "i", None)], &[grant("u", "ada", "", old)]);
    check(subject("ada"), &[grant("t", "ada", "", new)], &[grant("t", "eve", "", old), grant("ada", "", "ada", old)]);
    check(before(NOW), &[grant("t", "ada", "", old), grant("", "", "", None)], &[grant("t", "ada", "", new)]);
    check(
        Target { issued_before_s: Some(NOW), ..subject("ada") },
        &[grant("t", "ada", "", old), grant("t", "ada", "", None)],
        &[grant("t", "ada", "", new), grant("t", "eve", "", old)],
    );
    check(
        Target { issuer: Some("i".into()), ..subject("ada") },
        &[grant("t", "ada", "i", new)],
        &[grant("t", "ada", "k", new), grant("t", "ada", "", new)],
    );
    check(Target { issuer: Some("i".into()), ..before(NOW) }, &[grant("", "", "i", old)], &[grant("", "", "k", old)]);
    check(
        Target { subject: Some("ada".into()), ..token("t") },
        &[grant("t", "ada", "", old)],
        &[grant("t", "eve", "", old)],
    );
}

#[test]
fn one_ends_when_it_says_so_or_when_no_token_is_left() {
    let mut revocations = Revocations::default();
    let brief = revocations.add(token("t"), Some(NOW + 5), at(NOW)).unwrap();
    let usual = revocations.add(token("u"), None, at(NOW)).unwrap();
    assert_eq!(usual.until_s, NOW + Revocations::KEPT.as_secs());
    assert!(revocations.find(&grant("t", "", "", None), at(NOW + 4)).is_some());
    assert!(revocations.find(&grant("t", "", "", None), at(NOW + 5)).is_none());
    revocations.purge(at(NOW + 5));
    assert_eq!(revocations.after(0).map(|found| found.id).collect::<Vec<_>>(), [usual.id]);
    assert_eq!(revocations.add(token("t"), Some(NOW), at(NOW)), Err(RevocationError::Over));
    let again = revocations.add(token("t"), None, at(NOW)).unwrap();
    assert!(again.id > usual.id && usual.id > brief.id, "no id is given twice");
}

#[test]
fn the_same_again_is_the_same_and_may_last_longer() {
    let mut revocations = Revocations::default();
    let first = revocations.add(subject("ada"), Some(NOW + 50), at(NOW)).unwrap();
    let again = revocations.add(subject("ada"), Some(NOW + 20), at(NOW + 1)).unwrap();
    assert_eq!(again, first);
    assert_eq!(revocations.add(subject("ada"), Some(NOW + 70), at(NOW)).unwrap().until_s, NOW + 70);
    assert_eq!(revocations.len(), 1);
    assert!(revocations.remove(first.id).is_some());
    assert!(revocations.remove(first.id).is_none());
    assert!(revocations.find(&grant("", "ada", "", None), at(NOW)).is_none());
}

#[test]
fn what_names_nothing_or_too_much_is_refused() {
    let mut revocations = Revocations::default();
    let mut add = |target| revocations.add(target, None, at(NOW)).map(|_| ());
    assert_eq!(add(Target::default()), Err(RevocationError::Aimless));
    assert_eq!(add(Target { issuer: Some("i".into()), ..Target::default() }), Err(RevocationError::Aimless));
    assert_eq!(add(token("")), Err(RevocationError::Text));
    assert_eq!(add(subject(&"x".repeat(1025))), Err(RevocationError::Text));
    for second in 0..Revocations::MOST_GENERAL as u64 {
        add(before(second)).unwrap();
    }
    assert_eq!(add(before(NOW)), Err(RevocationError::Full));
    for id in Revocations::MOST_GENERAL..Revocations::MOST {
        add(token(&id.to_string())).unwrap();
    }
    assert_eq!(add(token("one more")), Err(RevocationError::Full));
    assert_eq!(add(token("500")), Ok(()), "it is there already");
}

/// Written by version 1; read for ever.
const FIXTURE: &str = include_str!("fixtures/revocations-1.json");

fn of_the_fixture() -> Revocations {
    let mut revocations = Revocations::default();
    revocations.add(token("gone"), None, at(NOW)).unwrap();
    revocations
        .add(Target { issuer: Some("https://id.example".into()), ..subject("ada \"\n") }, None, at(NOW))
        .unwrap();
    revocations.add(before(NOW), Some(NOW + 9), at(NOW)).unwrap();
    revocations.remove(1);
    revocations
}

#[test]
fn what_version_1_wrote_is_read() {
    assert_eq!(serde_json::to_string(&of_the_fixture()).unwrap(), FIXTURE.trim_end());
    assert_eq!(serde_json::from_str::<Revocations>(FIXTURE).unwrap(), of_the_fixture());
    let later = FIXTURE.replace("\"subject\"", "\"device\"");
    assert!(serde_json::from_str::<Revocations>(&later).is_err(), "half of a revocation would concern others");
}

fn target(text: &'static str) -> impl Strategy<Value = Target> {
    let text = || prop::option::of(text);
    (text(), text(), text(), prop::option::of(any::<u64>()))
        .prop_map(|(token, subject, issuer, issued_before_s)| Target { token, subject, issuer, issued_before_s })
}

proptest! {
    #[test]
    fn what_is_written_is_read(targets in prop::collection::vec((target("\\PC{1,9}"), prop::option::of(any::<u64>())), 0..20), remove in 0..20_u64) {
        let mut revocations = Revocations::default();
        for (target, until_s) in targets {
            let _ = revocations.add(target, until_s, at(NOW));
        }
        revocations.remove(remove);
        let written = serde_json::to_string(&revocations).unwrap();
        prop_assert_eq!(serde_json::from_str::<Revocations>(&written).unwrap(), revocations);
    }

    /// The indexes find what looking at every one would.
    #[test]
    fn none_is_overlooked(targets in prop::collection::vec(target("[ab]"), 0..4), id in "[ab]?", subject in "[ab]?", issuer in "[ab]?", issued in prop::option::of(any::<u64>())) {
        let mut revocations = Revocations::default();
        for target in targets {
            let _ = revocations.add(target, None, at(NOW));
        }
        let grant = grant(&id, &subject, &issuer, issued);
        let expected = revocations.after(0).any(|revocation| revocation.target.concerns(&grant));
        prop_assert_eq!(revocations.find(&grant, at(NOW)).is_some(), expected);
    }
}
