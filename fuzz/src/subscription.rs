//! Subscriptions: any query, cursor and `Accept` is refused with a problem document, or starts at a place of the log
//! and says nothing in its stream but where.

use std::sync::OnceLock;

use headwater_event_stream::{Chunk, Decoder};
use headwater_log::{NewEvent, Pattern, Topic};
use headwater_server::fuzzing::Site;

use crate::problem;

const EVENTS: u64 = 10;

/// The query, the last event id and `Accept`, one in each line; `#` in the first two stands for the log's epoch.
///
/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    static SITE: OnceLock<(Site, String)> = OnceLock::new();
    let (site, epoch) = SITE.get_or_init(stocked);
    let mut lines = input.splitn(3, |byte| *byte == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let own = |line: &[u8]| {
        let pieces: Vec<&[u8]> = line.split(|byte| *byte == b'#').collect();
        pieces.join(epoch.as_bytes())
    };
    let (query, last_event_id, accept) = (own(line()), own(line()), line());
    let Ok(query) = String::from_utf8(query) else { return };
    let subscription = match site.subscribe(&format!("/v1/events?{query}"), &last_event_id, accept) {
        None => return,
        Some(Err(answer)) => return problem::check(&answer, &[400, 406]),
        Some(Ok(subscription)) => subscription,
    };
    assert!((1..=100).contains(&subscription.patterns.len()), "{subscription:?}");
    for pattern in &subscription.patterns {
        assert_eq!(Pattern::new(pattern).expect("it was taken").as_str(), pattern);
    }
    assert!(subscription.cursor <= EVENTS, "{subscription:?}");
    assert!(subscription.poll.is_none_or(|(wait, limit)| wait <= 55 && (1..=10_000).contains(&limit)));

    let mut decoder = Decoder::builder().strict_utf8(true).build();
    let mut rest = Chunk::new(subscription.preamble.as_bytes());
    let mut gaps = 0;
    while let Some(event) = decoder.decode(&mut rest).expect("a good stream") {
        assert_eq!(event.event_type, "headwater.gap", "{subscription:?}");
        let data: serde_json::Value = serde_json::from_str(event.data).expect("one JSON object");
        assert_eq!(data["reason"].as_str(), subscription.gap, "{subscription:?}");
        gaps += 1;
    }
    assert_eq!(gaps, usize::from(subscription.gap.is_some()), "{subscription:?}");
    assert_eq!(decoder.last_event_id(), format!("{}-{epoch}", subscription.cursor), "{subscription:?}");
}

/// A hub with a few events, and its epoch.
fn stocked() -> (Site, String) {
    let site = Site::new();
    let event = |n: u64| NewEvent {
        topic: Topic::new(&format!("t/{}", n % 3)).expect("a topic"),
        event_type: None,
        key: None,
        idempotency_key: None,
        data: n.to_string().into(),
        end: None,
    };
    site.store((0..EVENTS).map(event).collect());
    let granted = site.subscribe("/v1/events?topic=t/0&since=earliest", b"", b"");
    let preamble = granted.expect("a request").expect("a good one").preamble;
    let id = preamble.split_once("id: ").and_then(|(_, rest)| rest.split_once('\n')).expect("an id").0;
    let epoch = id.split_once('-').expect("an epoch").1.to_owned();
    (site, epoch)
}
