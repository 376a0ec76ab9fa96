//! Keys at the top of the file, and `[tls]`.

use super::super::{AccessLogTarget, LogLevel, Storage};
use super::*;

pub(in crate::config) const LISTEN: Key = Key {
    name: "listen",
    flag: Some("listen"),
    takes: Takes::Address,
    meaning: "Where the hub listens, port 0 for a free one.",
    restart: true,
    show: Show::Hub(|settings| text(&settings.listen.to_string())),
};

pub(in crate::config) const DATA: Key = Key {
    name: "data",
    flag: Some("data"),
    takes: Takes::Storage,
    meaning: "Where the log lives, or \":memory:\" for a log that is gone with the process.",
    restart: true,
    show: Show::Hub(|settings| match &settings.storage {
        Storage::Disk(folder) => text(&folder.to_string_lossy()),
        Storage::Memory => text(IN_MEMORY),
    }),
};

pub(in crate::config) const HEARTBEAT: Key = Key {
    name: "heartbeat",
    flag: Some("heartbeat"),
    takes: Takes::Duration(Bounds { least: SECOND, most: HOUR, zero: None }),
    meaning: "Silence after which a stream gets a heartbeat; keep it below half of the shortest idle limit of every \
              proxy in between.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.heartbeat)),
};

pub(in crate::config) const RETRY: Key = Key {
    name: "retry",
    flag: Some("retry"),
    takes: Takes::Duration(Bounds { least: Duration::from_millis(100), most: HOUR, zero: None }),
    meaning: "Reconnect delay told to clients, each of which gets a value ± 50 %.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.retry)),
};

pub(in crate::config) const DRAIN: Key = Key {
    name: "drain",
    flag: Some("drain"),
    takes: Takes::Duration(Bounds { least: Duration::from_millis(1), most: HOUR, zero: Some("at once") }),
    meaning: "Over how long a stopping hub spreads the ends of its streams.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.drain)),
};

pub(in crate::config) const MAX_AGE: Key = Key {
    name: "max_age",
    flag: Some("max-age"),
    takes: Takes::Duration(Bounds { least: SECOND, most: YEAR, zero: Some("never") }),
    meaning: "Age, ± 10 %, at which a stream is ended; its client comes back, perhaps to another hub.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.max_age)),
};

pub(in crate::config) const IDEMPOTENCY: Key = Key {
    name: "idempotency",
    flag: None,
    takes: Takes::Duration(Bounds { least: SECOND, most: WEEK, zero: Some("repeats are not recognised") }),
    meaning: "Window in which a repeated idempotency key is answered with the first event's id.",
    restart: true,
    show: Show::Hub(|settings| duration(settings.idempotency)),
};

pub(in crate::config) const SHARDS: Key = Key {
    name: "shards",
    flag: Some("shards"),
    takes: Takes::Number(Bounds { least: 1, most: 1024, zero: Some("one per core") }),
    meaning: "Threads that serve connections.",
    restart: true,
    show: Show::Hub(|settings| {
        let all_cores = settings.shards == Settings::default().shards;
        Some(if all_cores { "0".to_owned() } else { settings.shards.to_string() })
    }),
};

pub(in crate::config) const TAIL: Key = Key {
    name: "tail",
    flag: Some("tail"),
    takes: Takes::Size(Bounds { least: 64 << 10, most: 1 << 40, zero: None }),
    meaning: "Recent events kept in memory, shared by all live readers.",
    restart: true,
    show: Show::Hub(|settings| size(settings.tail as u64)),
};

pub(in crate::config) const SEGMENT: Key = Key {
    name: "segment",
    flag: None,
    takes: Takes::Size(Bounds { least: 64 << 10, most: 1 << 30, zero: None }),
    meaning: "Size at which a file of the log is sealed; space comes back in pieces of this size.",
    restart: true,
    show: Show::Hub(|settings| size(settings.segment)),
};

pub(in crate::config) const MEMORY: Key = Key {
    name: "memory",
    flag: None,
    takes: Takes::Size(Bounds { least: 64 << 10, most: 1 << 40, zero: None }),
    meaning: "Events kept for all classes with durability \"memory\" together; the oldest go first.",
    restart: true,
    show: Show::Hub(|settings| size(settings.memory)),
};

pub(in crate::config) const LOG: Key = Key {
    name: "log",
    flag: Some("log"),
    takes: Takes::Word(&["error", "warn", "info", "debug"]),
    meaning: "Least severity that is logged to standard error.",
    restart: false,
    show: Show::Hub(|settings| {
        text(match settings.log {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        })
    }),
};

pub(in crate::config) const ACCESS_LOG: Key = Key {
    name: "access_log",
    flag: Some("access-log"),
    takes: Takes::File,
    meaning: "Where each session and publish has its line: a file, \"-\" for standard error, or \"off\"; a reload opens the file again.",
    restart: false,
    show: Show::Hub(|settings| match &settings.access_log {
        AccessLogTarget::Off => text("off"),
        AccessLogTarget::Stderr => text("-"),
        AccessLogTarget::File(path) => text(&path.to_string_lossy()),
    }),
};

pub(in crate::config) const TRUSTED_PROXIES: Key = Key {
    name: "trusted_proxies",
    flag: None,
    takes: Takes::Networks,
    meaning: "Proxies that are believed when `Forwarded` or `X-Forwarded-For` names whom they speak for; nobody else is.",
    restart: false,
    show: Show::Hub(|settings| Some(networks(&settings.trusted_proxies))),
};

pub(in crate::config) const TLS_CERTIFICATE: Key = Key {
    name: "tls.certificate",
    flag: Some("tls-certificate"),
    takes: Takes::File,
    meaning: "Certificate chain in PEM, leaf first; with it `listen` speaks TLS.",
    restart: false,
    show: Show::Hub(|settings| settings.tls.as_ref().and_then(|tls| text(&tls.certificate.to_string_lossy()))),
};

pub(in crate::config) const TLS_KEY: Key = Key {
    name: "tls.key",
    flag: Some("tls-key"),
    takes: Takes::File,
    meaning: "Private key of the certificate in PEM.",
    restart: false,
    show: Show::Hub(|settings| settings.tls.as_ref().and_then(|tls| text(&tls.key.to_string_lossy()))),
};
