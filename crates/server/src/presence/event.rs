//! What is told as an event of `$hub/presence/<topic>`, and read back from there.

use headwater_event_stream::EventType;
use headwater_hub::{Member, News};
use headwater_log::{NewEvent, StoredEvent, Timestamp, Topic};
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What the names of the topics begin with, on which it is told who reads the topic that follows.
pub(crate) const PREFIX: &str = "$hub/presence/";

/// Longest key of an event in bytes.
const MOST_KEY: usize = 512;

/// The event for a change; `None` if the topic's name is too long for one.
pub(super) fn event(news: &News) -> Option<NewEvent> {
    let News { topic, member, joined, sessions, count, time } = news;
    let topic = Topic::new(&format!("{PREFIX}{topic}")).ok()?;
    let event_type = EventType::new(if *joined { "joined" } else { "left" }).ok();
    // With it a reader that conflates gets the newest of every member.
    let plain = (1..=MOST_KEY).contains(&member.name.len()) && !member.name.contains(char::is_control);
    let data = json!({
        "member": &*member.name,
        "anonymous": member.anonymous,
        "sessions": sessions,
        "count": count,
        "time": rfc3339(*time),
    });
    Some(NewEvent {
        topic,
        event_type,
        key: plain.then(|| (&*member.name).into()),
        idempotency_key: None,
        data: data.to_string().into(),
        end: None,
    })
}

/// A change as it was told.
pub(super) struct Told {
    pub(super) topic: Topic,
    pub(super) member: Member,
    pub(super) joined: bool,
    pub(super) time: Timestamp,
}

/// Reads an event back.
pub(super) fn read(event: &StoredEvent) -> Option<Told> {
    #[derive(Deserialize)]
    struct Data {
        member: String,
        anonymous: bool,
    }
    let Data { member, anonymous } = serde_json::from_str(&event.data).ok()?;
    let member = Member { anonymous, name: member.into() };
    Some(Told { topic: topic_of(&event.topic)?, member, joined: is_joined(event)?, time: event.time })
}

/// The topic that a presence topic is about.
pub(crate) fn topic_of(presence: &Topic) -> Option<Topic> {
    presence.as_str().strip_prefix(PREFIX).and_then(|name| Topic::new(name).ok())
}

/// Whether an event of a presence topic tells of one who came (or of one who went).
pub(crate) fn is_joined(event: &StoredEvent) -> Option<bool> {
    match event.event_type.as_ref()?.as_str() {
        "joined" => Some(true),
        "left" => Some(false),
        _ => None,
    }
}

/// A time in RFC 3339, in UTC.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time) * 1000);
    // What no calendar shows came from a clock that is far off.
    time.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_read_back() {
        let topic = Topic::new("rooms/ü").unwrap();
        for (name, key) in [("ada", Some("ada")), ("a\u{0}\nb\"", None), (&*"x".repeat(513), None)] {
            let member = Member { anonymous: false, name: name.into() };
            let news =
                News { topic: topic.clone(), member: member.clone(), joined: true, sessions: 2, count: 7, time: 0 };
            let event = event(&news).unwrap();
            assert_eq!(event.topic.as_str(), "$hub/presence/rooms/ü");
            assert_eq!(event.key.as_deref(), key);
            assert!(!event.data.contains(char::is_control), "{}", event.data);
            let NewEvent { topic: own, event_type, data, .. } = event;
            let stored = StoredEvent { seq: 1, time: 5, topic: own, event_type, key: None, data, end: None };
            let told = read(&stored).unwrap();
            assert_eq!((told.topic, told.member, told.joined, told.time), (topic.clone(), member, true, 5));
        }
        let long = News {
            topic: Topic::new(&"x".repeat(499)).unwrap(),
            member: Member { anonymous: true, name: "0-0-0".into() },
            joined: false,
            sessions: 0,
            count: 0,
            time: 0,
        };
        assert_eq!(event(&long), None);
        assert_eq!(rfc3339(1_500_000), "1970-01-01T00:00:01.5Z");
    }
}
