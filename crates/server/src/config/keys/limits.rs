//! `[limits]`.

use super::*;

pub(in crate::config) const LIMITS_BODY: Key = Key {
    name: "limits.body",
    flag: None,
    takes: Takes::Size(Bounds { least: 1 << 10, most: 1 << 30, zero: None }),
    meaning: "Largest body of a publish; in a streaming body each event is bounded instead.",
    restart: false,
    show: Show::Hub(|settings| size(settings.limits.body as u64)),
};

pub(in crate::config) const LIMITS_HEAD: Key = Key {
    name: "limits.head",
    flag: None,
    takes: Takes::Size(Bounds { least: 8 << 10, most: 1 << 20, zero: None }),
    meaning: "Largest request head: request line and header fields.",
    restart: false,
    show: Show::Hub(|settings| size(settings.limits.head as u64)),
};

pub(in crate::config) const LIMITS_HEAD_TIMEOUT: Key = Key {
    name: "limits.head_timeout",
    flag: None,
    takes: PATIENCE,
    meaning: "Time for a whole request head to arrive.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.limits.head_timeout)),
};

pub(in crate::config) const LIMITS_BODY_TIMEOUT: Key = Key {
    name: "limits.body_timeout",
    flag: None,
    takes: PATIENCE,
    meaning: "Time without a byte after which the body of a publish is given up.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.limits.body_timeout)),
};

pub(in crate::config) const LIMITS_STALL_TIMEOUT: Key = Key {
    name: "limits.stall_timeout",
    flag: None,
    takes: PATIENCE,
    meaning: "Time a reader may take no byte while data waits for it.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.limits.stall_timeout)),
};

pub(in crate::config) const LIMITS_LAG: Key = Key {
    name: "limits.lag",
    flag: None,
    takes: Takes::Duration(Bounds { least: SECOND, most: YEAR, zero: NO_LIMIT }),
    meaning: "Time a reader that was up to date may be behind, after which its stream is ended as lagged.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.limits.lag)),
};

pub(in crate::config) const LIMITS_QUEUE: Key = Key {
    name: "limits.queue",
    flag: None,
    takes: Takes::Size(Bounds { least: 64 << 10, most: 1 << 36, zero: None }),
    meaning: "Publishes waiting for the disk, above which more are answered 429.",
    restart: true,
    show: Show::Hub(|settings| size(settings.limits.queue as u64)),
};

pub(in crate::config) const LIMITS_CONNECTIONS: Key = Key {
    name: "limits.connections",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 10_000_000, zero: Some("as many as the file descriptors allow") }),
    meaning: "Open connections.",
    restart: true,
    show: Show::Hub(|settings| Some(settings.limits.connections.to_string())),
};

pub(in crate::config) const LIMITS_SESSIONS: Key = Key {
    name: "limits.sessions",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 10_000_000, zero: Some("19 for every 20 connections") }),
    meaning: "Open streams and long polls; who comes after that is sent away for about a minute, publishers are not.",
    restart: false,
    show: Show::Hub(|settings| Some(settings.limits.sessions.to_string())),
};

pub(in crate::config) const LIMITS_SUBJECT_SESSIONS: Key = Key {
    name: "limits.subject_sessions",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 10_000_000, zero: NO_LIMIT }),
    meaning: "Open streams and long polls of one subject, or of one address where a credential names none.",
    restart: false,
    show: Show::Hub(|settings| Some(settings.limits.subject_sessions.to_string())),
};

pub(in crate::config) const LIMITS_ADDRESS_CONNECTIONS: Key = Key {
    name: "limits.address_connections",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 10_000_000, zero: NO_LIMIT }),
    meaning: "Open connections of one address, IPv6 by /64; behind a trusted proxy, streams of one.",
    restart: false,
    show: Show::Hub(|settings| Some(settings.limits.address_connections.to_string())),
};

pub(in crate::config) const LIMITS_CONNECT_RATE: Key = Key {
    name: "limits.connect_rate",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 1_000_000, zero: NO_LIMIT }),
    meaning: "New connections a second of one address, and after silence twice as many at once.",
    restart: false,
    show: Show::Hub(|settings| Some(settings.limits.connect_rate.to_string())),
};

pub(in crate::config) const LIMITS_EXEMPT: Key = Key {
    name: "limits.exempt",
    flag: None,
    takes: Takes::Networks,
    meaning: "Networks without limits by address; what a trusted proxy speaks for is judged by its own address.",
    restart: false,
    show: Show::Hub(|settings| Some(networks(&settings.limits.exempt))),
};

pub(in crate::config) const LIMITS_TOPICS: Key = Key {
    name: "limits.topics",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 100, zero: None }),
    meaning: "Topics and patterns of one stream or long poll.",
    restart: false,
    show: Show::Hub(|settings| Some(settings.limits.topics.to_string())),
};

pub(in crate::config) const LIMITS_PUBLISH_RATE: Key = Key {
    name: "limits.publish_rate",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 1_000_000_000, zero: NO_LIMIT }),
    meaning: "Events a second of one publisher (subject, else address), and after silence twice as many at once.",
    restart: false,
    show: Show::Hub(|settings| Some(settings.limits.publish_rate.to_string())),
};

pub(in crate::config) const LIMITS_PUBLISH_BYTES: Key = Key {
    name: "limits.publish_bytes",
    flag: None,
    takes: Takes::Size(Bounds { least: 1 << 10, most: 1 << 40, zero: NO_LIMIT }),
    meaning: "Bytes a second of one publisher (topics and data), and after silence twice as many at once.",
    restart: false,
    show: Show::Hub(|settings| size(settings.limits.publish_bytes)),
};

pub(in crate::config) const LIMITS_REPLAY_BYTES: Key = Key {
    name: "limits.replay_bytes",
    flag: None,
    takes: Takes::Size(Bounds { least: 1 << 10, most: 1 << 40, zero: NO_LIMIT }),
    meaning: "Bytes a second that one subject, else address, catches up with from the log; more comes later.",
    restart: false,
    show: Show::Hub(|settings| size(settings.limits.replay_bytes)),
};

pub(in crate::config) const LIMITS_BODY_RATE: Key = Key {
    name: "limits.body_rate",
    flag: None,
    takes: Takes::Size(Bounds { least: 1, most: 1 << 30, zero: NO_LIMIT }),
    meaning: "Bytes a second below which a body that does not stream is given up after its first five seconds.",
    restart: false,
    show: Show::Hub(|settings| size(settings.limits.body_rate)),
};

pub(in crate::config) const LIMITS_BODY_TOTAL: Key = Key {
    name: "limits.body_total",
    flag: None,
    takes: PATIENCE,
    meaning: "Time for a whole body that does not stream to arrive.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.limits.body_total)),
};
