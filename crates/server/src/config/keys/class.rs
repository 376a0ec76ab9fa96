//! `[[class]]`.

use headwater_hub::SlowPolicy;
use headwater_log::Durability;

use super::*;

pub(in crate::config) const CLASS_TOPICS: Key = Key {
    name: "class.topics",
    flag: None,
    takes: Takes::Patterns,
    meaning: "The topics of the class; the first class that matches a topic wins, and one for every other topic is \
              implied.",
    restart: false,
    show: Show::Class(|class| patterns(&class.topics)),
};

pub(in crate::config) const CLASS_DURABILITY: Key = Key {
    name: "class.durability",
    flag: None,
    takes: Takes::Word(&["disk", "memory"]),
    meaning: "What a publish is answered after: \"disk\": fdatasync has returned; \"memory\": fast, gone with the \
              process.",
    restart: false,
    show: Show::Class(|class| {
        quote(match class.durability {
            Durability::Disk => "disk",
            Durability::Memory => "memory",
        })
    }),
};

pub(in crate::config) const CLASS_RETENTION_AGE: Key = Key {
    name: "class.retention.age",
    flag: None,
    takes: Takes::Duration(Bounds { least: SECOND, most: CENTURY, zero: NO_LIMIT }),
    meaning: "How long events stay.",
    restart: false,
    show: Show::Class(|class| quote_unless_zero(format_duration(class.retention.age))),
};

pub(in crate::config) const CLASS_RETENTION_EVENTS: Key = Key {
    name: "class.retention.events",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 1_000_000_000_000, zero: NO_LIMIT }),
    meaning: "Most events kept per topic.",
    restart: false,
    show: Show::Class(|class| class.retention.events.to_string()),
};

pub(in crate::config) const CLASS_RETENTION_BYTES: Key = Key {
    name: "class.retention.bytes",
    flag: None,
    takes: Takes::Size(Bounds { least: 1 << 10, most: 100 << 40, zero: NO_LIMIT }),
    meaning: "Most bytes (topic, type, key and data) kept per topic.",
    restart: false,
    show: Show::Class(|class| quote_unless_zero(format_size(class.retention.bytes))),
};

pub(in crate::config) const CLASS_MAX_EVENT: Key = Key {
    name: "class.max_event",
    flag: None,
    takes: Takes::Size(Bounds { least: 1, most: 1 << 30, zero: None }),
    meaning: "Largest event (topic, type, key and data together).",
    restart: false,
    show: Show::Class(|class| quote_unless_zero(format_size(class.max_event as u64))),
};

pub(in crate::config) const CLASS_MAX_RATE: Key = Key {
    name: "class.max_rate",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 1000, zero: NO_LIMIT }),
    meaning: "Most deliveries a second to one session, each with everything that has gathered.",
    restart: false,
    show: Show::Readers(|policy| policy.max_rate.to_string()),
};

pub(in crate::config) const CLASS_CONFLATE: Key = Key {
    name: "class.conflate",
    flag: None,
    takes: Takes::Switch,
    meaning: "Whether of events with the same topic and key that are delivered together only the newest goes out; a reader \
              may say otherwise.",
    restart: false,
    show: Show::Readers(|policy| policy.conflate.to_string()),
};

pub(in crate::config) const CLASS_PRESENCE: Key = Key {
    name: "class.presence",
    flag: None,
    takes: Takes::Switch,
    meaning: "Whether it is told who reads a topic, at `/v1/topics/{topic}/presence` and on `$hub/presence/{topic}`.",
    restart: false,
    show: Show::Readers(|policy| policy.presence.to_string()),
};

pub(in crate::config) const CLASS_SLOW: Key = Key {
    name: "class.slow",
    flag: None,
    takes: Takes::Word(&["catch_up", "conflate", "close"]),
    meaning: "What happens to a reader that has been behind for a second: \"catch_up\": it gets every event, later; \
              \"conflate\": of the same topic and key the newest only; \"close\": its stream ends when memory no longer has what \
              it needs.",
    restart: false,
    show: Show::Readers(|policy| {
        quote(match policy.slow {
            SlowPolicy::CatchUp => "catch_up",
            SlowPolicy::Conflate => "conflate",
            SlowPolicy::Close => "close",
        })
    }),
};

pub(in crate::config) const CLASS_TOPIC_SESSIONS: Key = Key {
    name: "class.topic_sessions",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 10_000_000, zero: NO_LIMIT }),
    meaning: "Open streams and long polls that name one topic; patterns are not counted.",
    restart: false,
    show: Show::Readers(|policy| policy.sessions.to_string()),
};

pub(in crate::config) const CLASS_PUBLISH_RATE: Key = Key {
    name: "class.publish_rate",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 1_000_000_000, zero: NO_LIMIT }),
    meaning: "Events a second that are taken for one topic, whoever publishes them, and after silence twice as many at once.",
    restart: false,
    show: Show::Readers(|policy| policy.publish_rate.to_string()),
};
