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
