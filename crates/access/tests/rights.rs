//! Rights: a request is granted exactly where one granted pattern covers all of it.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail it like the test itself")]

use headwater_access::Rights;
use headwater_log::{Pattern, Selection, Topic};
use proptest::prelude::*;

fn pattern() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "b", "$a", "*"]);
    (prop::collection::vec(segment, 1..4), any::<bool>())
        .prop_map(|(segments, below)| segments.join("/") + if below { "/**" } else { "" })
}

fn topic() -> impl Strategy<Value = Topic> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "$a"]), 1..5)
        .prop_map(|topic| Topic::new(&topic.join("/")).unwrap())
}

proptest! {
    // SEC-04, SEC-15: whatever a granted selection can match, its holder may read.
    #[test]
    fn a_granted_selection_never_matches_a_topic_outside_the_rights(
        granted in prop::collection::vec(pattern(), 0..4),
        wanted in prop::collection::vec(pattern(), 1..4),
        topic in topic(),
    ) {
        let rights = Rights::parse(&granted, &[], false).unwrap();
        let selection = Selection::new(wanted.iter().map(|text| Pattern::new(text).unwrap()));
        if rights.may_select(&selection) && selection.matches(&topic) {
            prop_assert!(rights.may_read(&topic));
            prop_assert!(granted.iter().any(|text| Pattern::new(text).unwrap().matches(&topic)));
        }
        prop_assert!(!rights.may_publish(&topic));
    }

    #[test]
    fn publishing_follows_the_patterns_and_never_reaches_the_hubs_own_topics(granted in pattern(), topic in topic()) {
        let rights = Rights::parse(&[], &[granted.as_str()], true).unwrap();
        let matches = Pattern::new(&granted).unwrap().matches(&topic);
        prop_assert_eq!(rights.may_publish(&topic), matches && !topic.is_reserved());
    }
}

#[test]
fn t15_the_hubs_own_topics_need_the_administrators_right() {
    let own = Pattern::new("$hub/**").unwrap();
    assert!(!Rights::parse(&["**", "$hub/**"], &[], false).unwrap().may_subscribe(&own));
    assert!(Rights::parse::<&str>(&[], &[], true).unwrap().may_subscribe(&own));
    let everything = Pattern::new("**").unwrap();
    assert!(
        !Rights::parse(&["*", "*/*"], &[], true).unwrap().may_subscribe(&everything),
        "a wildcard needs a wider one"
    );
}
