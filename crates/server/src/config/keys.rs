//! The one table of all keys. It feeds the reading of files and variables, the flags and `--help`, `config print` and
//! the reference in the documentation, so that none of them can know a key the others do not.

use std::time::Duration;

use headwater_log::{Class, Durability, Pattern};

use super::access::{Access, AccessKey, KeySource};
use super::units::{format_duration, format_size};
use super::{LogLevel, Settings, Storage};

/// One key of the configuration.
#[derive(Debug)]
pub struct Key {
    /// Its name from the top of the file, segments joined by `.`; keys of a list's entries are named without an index.
    pub name: &'static str,
    /// The long flag without its dashes, where there is one.
    pub flag: Option<&'static str>,
    /// What its value looks like.
    pub takes: Takes,
    /// What it does, one sentence.
    pub meaning: &'static str,
    /// Whether a change waits for the next start of the hub instead of the next reload.
    pub restart: bool,
    /// How to write the value it has in checked settings.
    pub(super) show: Show,
}

/// What a key's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// An IP address and a port.
    Address,
    /// A folder, or `:memory:`.
    Storage,
    /// A file.
    File,
    /// A number and a unit of time.
    Duration(Bounds<Duration>),
    /// A number and a unit of size.
    Size(Bounds<u64>),
    /// A plain number.
    Number(Bounds<u64>),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of topics and patterns.
    Patterns,
    /// A text.
    Text,
    /// A list of texts.
    Texts,
}

/// The range of a number, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds<T> {
    /// Smallest value.
    pub least: T,
    /// Largest value.
    pub most: T,
    /// What zero stands for, where it is allowed although it is below `least`.
    pub zero: Option<&'static str>,
}

/// Where in the settings a key's value is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Show {
    /// A key of the hub: its value as TOML, none while it is not set.
    Hub(fn(&Settings) -> Option<String>),
    /// A key of every key that verifies tokens, none while it is not set or not to be shown.
    AccessKey(fn(&AccessKey) -> Option<String>),
    /// A key of every class.
    Class(fn(&Class) -> String),
}

impl Key {
    /// The environment variable that sets it; entries of a list are set whole, in TOML, by the list's variable.
    pub fn variable(&self) -> String {
        let name = match self.show {
            Show::Hub(_) => self.name,
            Show::Class(_) => CLASS,
            Show::AccessKey(_) => ACCESS_KEYS,
        };
        format!("{PREFIX}{}", name.to_uppercase().replace('.', "__"))
    }

    /// Its default as TOML; none when it has no value unless set.
    pub fn default(&self) -> Option<String> {
        match self.show {
            Show::Hub(show) => show(&Settings::default()),
            Show::AccessKey(_) => None,
            Show::Class(_) if self.takes == Takes::Patterns => None,
            Show::Class(show) => Some(show(&Class::default())),
        }
    }

    /// Its value in these settings as TOML, one for each class where it belongs to classes.
    pub(super) fn values(&self, settings: &Settings) -> Vec<String> {
        match self.show {
            Show::Hub(show) => show(settings).into_iter().collect(),
            Show::Class(show) => settings.classes.iter().map(show).collect(),
            Show::AccessKey(show) => settings.access.iter().flat_map(|access| &access.keys).filter_map(show).collect(),
        }
    }
}

impl Takes {
    /// Its shape as a noun with an example.
    pub fn shape(&self) -> String {
        match self {
            Self::Address => "an IP address and a port such as \"127.0.0.1:7070\"".to_owned(),
            Self::Storage => "a folder such as \"./headwater-data\", or \":memory:\"".to_owned(),
            Self::File => "the path of a file such as \"cert.pem\"".to_owned(),
            Self::Duration(_) => "a duration such as \"15s\"".to_owned(),
            Self::Size(_) => "a size such as \"256KiB\"".to_owned(),
            Self::Number(_) => "a whole number such as 1000".to_owned(),
            Self::Word(words) => format!("one of {}", quoted(words)),
            Self::Text => "a text".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
            Self::Patterns => "a list of topics and patterns such as [\"prices/**\"]".to_owned(),
        }
    }

    /// Its unit or form in few words, with the range.
    pub fn unit(&self) -> String {
        match self {
            Self::Address => "address:port".to_owned(),
            Self::Storage => "folder, or \":memory:\"".to_owned(),
            Self::File => "file".to_owned(),
            Self::Duration(bounds) => format!("duration, {}", bounds.text(|value| format_duration(*value))),
            Self::Size(bounds) => format!("size, {}", bounds.text(|value| format_size(*value))),
            Self::Number(bounds) => format!("number, {}", bounds.text(u64::to_string)),
            Self::Word(words) => words.join(", "),
            Self::Patterns => "list of topics and patterns".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Texts => "list of texts".to_owned(),
        }
    }

    /// The word that stands for the value in `--help`.
    pub fn placeholder(&self) -> &'static str {
        match self {
            Self::Address => "ADDRESS",
            Self::Storage => "FOLDER",
            Self::File => "FILE",
            Self::Duration(_) => "DURATION",
            Self::Size(_) => "SIZE",
            Self::Number(_) => "NUMBER",
            Self::Word(_) => "LEVEL",
            Self::Patterns => "PATTERNS",
            Self::Text => "TEXT",
            Self::Texts => "LIST",
        }
    }
}

impl<T: Copy + PartialOrd + Default> Bounds<T> {
    /// Whether a value is inside.
    pub(super) fn hold(&self, value: T) -> bool {
        (self.least <= value && value <= self.most) || (self.zero.is_some() && value == T::default())
    }

    /// The range as text.
    pub(super) fn text(&self, write: impl Fn(&T) -> String) -> String {
        let range = format!("{} to {}", write(&self.least), write(&self.most));
        match self.zero {
            Some(zero) => format!("{range}, or 0: {zero}"),
            None => range,
        }
    }
}

/// `"a", "b" or "c"`.
pub(super) fn quoted(words: &[&str]) -> String {
    let mut words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match words.pop() {
        Some(last) if !words.is_empty() => format!("{} or {last}", words.join(", ")),
        last => last.unwrap_or_default(),
    }
}

/// Every key, in the order of the printed file: the top of the file first, then table by table.
pub fn keys() -> &'static [&'static Key] {
    KEYS
}

/// What the names of our environment variables begin with.
pub(super) const PREFIX: &str = "HEADWATER_";

/// The list of classes.
pub(super) const CLASS: &str = "class";

/// The list of keys that verify tokens.
pub(super) const ACCESS_KEYS: &str = "access.keys";

/// The lists of tables.
pub(super) const LISTS: [&str; 2] = [CLASS, ACCESS_KEYS];

const KEYS: &[&Key] = &[
    &LISTEN,
    &DATA,
    &HEARTBEAT,
    &RETRY,
    &DRAIN,
    &MAX_AGE,
    &IDEMPOTENCY,
    &SHARDS,
    &TAIL,
    &SEGMENT,
    &MEMORY,
    &LOG,
    &TLS_CERTIFICATE,
    &TLS_KEY,
    &LIMITS_BODY,
    &LIMITS_HEAD,
    &LIMITS_HEAD_TIMEOUT,
    &LIMITS_BODY_TIMEOUT,
    &LIMITS_STALL_TIMEOUT,
    &LIMITS_LAG,
    &LIMITS_QUEUE,
    &LIMITS_CONNECTIONS,
    &LIMITS_SESSIONS,
    &ACCESS_AUDIENCE,
    &ACCESS_HOSTS,
    &ACCESS_ORIGINS,
    &ACCESS_ANONYMOUS_SUBSCRIBE,
    &ACCESS_ANONYMOUS_PUBLISH,
    &ACCESS_KEYS_ID,
    &ACCESS_KEYS_ALGORITHM,
    &ACCESS_KEYS_ISSUER,
    &ACCESS_KEYS_AUDIENCE,
    &ACCESS_KEYS_SECRET,
    &ACCESS_KEYS_SECRET_ENV,
    &ACCESS_KEYS_SECRET_FILE,
    &ACCESS_KEYS_PUBLIC_KEY_FILE,
    &CLASS_TOPICS,
    &CLASS_DURABILITY,
    &CLASS_RETENTION_AGE,
    &CLASS_RETENTION_EVENTS,
    &CLASS_RETENTION_BYTES,
    &CLASS_MAX_EVENT,
];

pub(super) const LISTEN: Key = Key {
    name: "listen",
    flag: Some("listen"),
    takes: Takes::Address,
    meaning: "Where the hub listens, port 0 for a free one.",
    restart: true,
    show: Show::Hub(|settings| text(&settings.listen.to_string())),
};

pub(super) const DATA: Key = Key {
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

pub(super) const HEARTBEAT: Key = Key {
    name: "heartbeat",
    flag: Some("heartbeat"),
    takes: Takes::Duration(Bounds { least: SECOND, most: HOUR, zero: None }),
    meaning: "Silence after which a stream gets a heartbeat; keep it below half of the shortest idle limit of every \
              proxy in between.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.heartbeat)),
};

pub(super) const RETRY: Key = Key {
    name: "retry",
    flag: Some("retry"),
    takes: Takes::Duration(Bounds { least: Duration::from_millis(100), most: HOUR, zero: None }),
    meaning: "Reconnect delay told to clients, each of which gets a value ± 50 %.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.retry)),
};

pub(super) const DRAIN: Key = Key {
    name: "drain",
    flag: Some("drain"),
    takes: Takes::Duration(Bounds { least: Duration::from_millis(1), most: HOUR, zero: Some("at once") }),
    meaning: "Over how long a stopping hub spreads the ends of its streams.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.drain)),
};

pub(super) const MAX_AGE: Key = Key {
    name: "max_age",
    flag: Some("max-age"),
    takes: Takes::Duration(Bounds { least: SECOND, most: YEAR, zero: Some("never") }),
    meaning: "Age, ± 10 %, at which a stream is ended; its client comes back, perhaps to another hub.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.max_age)),
};

pub(super) const IDEMPOTENCY: Key = Key {
    name: "idempotency",
    flag: None,
    takes: Takes::Duration(Bounds { least: SECOND, most: WEEK, zero: Some("repeats are not recognised") }),
    meaning: "Window in which a repeated idempotency key is answered with the first event's id.",
    restart: true,
    show: Show::Hub(|settings| duration(settings.idempotency)),
};

pub(super) const SHARDS: Key = Key {
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

pub(super) const TAIL: Key = Key {
    name: "tail",
    flag: Some("tail"),
    takes: Takes::Size(Bounds { least: 64 << 10, most: 1 << 40, zero: None }),
    meaning: "Recent events kept in memory, shared by all live readers.",
    restart: true,
    show: Show::Hub(|settings| size(settings.tail as u64)),
};

pub(super) const SEGMENT: Key = Key {
    name: "segment",
    flag: None,
    takes: Takes::Size(Bounds { least: 64 << 10, most: 1 << 30, zero: None }),
    meaning: "Size at which a file of the log is sealed; space comes back in pieces of this size.",
    restart: true,
    show: Show::Hub(|settings| size(settings.segment)),
};

pub(super) const MEMORY: Key = Key {
    name: "memory",
    flag: None,
    takes: Takes::Size(Bounds { least: 64 << 10, most: 1 << 40, zero: None }),
    meaning: "Events kept for all classes with durability \"memory\" together; the oldest go first.",
    restart: true,
    show: Show::Hub(|settings| size(settings.memory)),
};

pub(super) const LOG: Key = Key {
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

pub(super) const TLS_CERTIFICATE: Key = Key {
    name: "tls.certificate",
    flag: Some("tls-certificate"),
    takes: Takes::File,
    meaning: "Certificate chain in PEM, leaf first; with it `listen` speaks TLS.",
    restart: false,
    show: Show::Hub(|settings| settings.tls.as_ref().and_then(|tls| text(&tls.certificate.to_string_lossy()))),
};

pub(super) const TLS_KEY: Key = Key {
    name: "tls.key",
    flag: Some("tls-key"),
    takes: Takes::File,
    meaning: "Private key of the certificate in PEM.",
    restart: false,
    show: Show::Hub(|settings| settings.tls.as_ref().and_then(|tls| text(&tls.key.to_string_lossy()))),
};

pub(super) const LIMITS_BODY: Key = Key {
    name: "limits.body",
    flag: None,
    takes: Takes::Size(Bounds { least: 1 << 10, most: 1 << 30, zero: None }),
    meaning: "Largest body of a publish; in a streaming body each event is bounded instead.",
    restart: false,
    show: Show::Hub(|settings| size(settings.limits.body as u64)),
};

pub(super) const LIMITS_HEAD: Key = Key {
    name: "limits.head",
    flag: None,
    takes: Takes::Size(Bounds { least: 8 << 10, most: 1 << 20, zero: None }),
    meaning: "Largest request head: request line and header fields.",
    restart: false,
    show: Show::Hub(|settings| size(settings.limits.head as u64)),
};

pub(super) const LIMITS_HEAD_TIMEOUT: Key = Key {
    name: "limits.head_timeout",
    flag: None,
    takes: PATIENCE,
    meaning: "Time for a whole request head to arrive.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.limits.head_timeout)),
};

pub(super) const LIMITS_BODY_TIMEOUT: Key = Key {
    name: "limits.body_timeout",
    flag: None,
    takes: PATIENCE,
    meaning: "Time without a byte after which the body of a publish is given up.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.limits.body_timeout)),
};

pub(super) const LIMITS_STALL_TIMEOUT: Key = Key {
    name: "limits.stall_timeout",
    flag: None,
    takes: PATIENCE,
    meaning: "Time a reader may take no byte while data waits for it.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.limits.stall_timeout)),
};

pub(super) const LIMITS_LAG: Key = Key {
    name: "limits.lag",
    flag: None,
    takes: Takes::Duration(Bounds { least: SECOND, most: YEAR, zero: NO_LIMIT }),
    meaning: "Time a reader that was up to date may be behind, after which its stream is ended as lagged.",
    restart: false,
    show: Show::Hub(|settings| duration(settings.limits.lag)),
};

pub(super) const LIMITS_QUEUE: Key = Key {
    name: "limits.queue",
    flag: None,
    takes: Takes::Size(Bounds { least: 64 << 10, most: 1 << 36, zero: None }),
    meaning: "Publishes waiting for the disk, above which more are answered 429.",
    restart: true,
    show: Show::Hub(|settings| size(settings.limits.queue as u64)),
};

pub(super) const LIMITS_CONNECTIONS: Key = Key {
    name: "limits.connections",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 10_000_000, zero: Some("as many as the file descriptors allow") }),
    meaning: "Open connections.",
    restart: true,
    show: Show::Hub(|settings| Some(settings.limits.connections.to_string())),
};

pub(super) const LIMITS_SESSIONS: Key = Key {
    name: "limits.sessions",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 10_000_000, zero: Some("19 for every 20 connections") }),
    meaning: "Open streams and long polls; who comes after that is sent away for about a minute, publishers are not.",
    restart: false,
    show: Show::Hub(|settings| Some(settings.limits.sessions.to_string())),
};

pub(super) const ACCESS_AUDIENCE: Key = Key {
    name: "access.audience",
    flag: None,
    takes: Takes::Text,
    meaning: "What the `aud` of a token has to name, usually the address of the hub.",
    restart: false,
    show: Show::Hub(|settings| settings.access.as_ref()?.audience.as_deref().and_then(text)),
};

pub(super) const ACCESS_HOSTS: Key = Key {
    name: "access.hosts",
    flag: None,
    takes: Takes::Texts,
    meaning: "Names under which the hub is reached, with or without a port; IP addresses and localhost need no entry.",
    restart: false,
    show: Show::Hub(|settings| list(settings.access.as_ref(), |access| &access.hosts)),
};

pub(super) const ACCESS_ORIGINS: Key = Key {
    name: "access.origins",
    flag: None,
    takes: Takes::Texts,
    meaning: "Origins of web pages that may use the hub, such as \"https://app.example\".",
    restart: false,
    show: Show::Hub(|settings| list(settings.access.as_ref(), |access| &access.origins)),
};

pub(super) const ACCESS_ANONYMOUS_SUBSCRIBE: Key = Key {
    name: "access.anonymous.subscribe",
    flag: None,
    takes: Takes::Patterns,
    meaning: "What may be read without a credential.",
    restart: false,
    show: Show::Hub(|settings| Some(patterns(settings.access.as_ref()?.anonymous.subscribe()))),
};

pub(super) const ACCESS_ANONYMOUS_PUBLISH: Key = Key {
    name: "access.anonymous.publish",
    flag: None,
    takes: Takes::Patterns,
    meaning: "What may be published to without a credential.",
    restart: false,
    show: Show::Hub(|settings| Some(patterns(settings.access.as_ref()?.anonymous.publish()))),
};

pub(super) const ACCESS_KEYS_ID: Key = Key {
    name: "access.keys.id",
    flag: None,
    takes: Takes::Text,
    meaning: "Name of the key, which the `kid` of a token selects it by.",
    restart: false,
    show: Show::AccessKey(|key| text(&key.id)),
};

pub(super) const ACCESS_KEYS_ALGORITHM: Key = Key {
    name: "access.keys.algorithm",
    flag: None,
    takes: Takes::Word(&["HS256", "EdDSA", "ES256", "RS256"]),
    meaning: "The one algorithm the key verifies.",
    restart: false,
    show: Show::AccessKey(|key| text(key.algorithm.as_str())),
};

pub(super) const ACCESS_KEYS_ISSUER: Key = Key {
    name: "access.keys.issuer",
    flag: None,
    takes: Takes::Text,
    meaning: "What the `iss` of tokens of this key has to be.",
    restart: false,
    show: Show::AccessKey(|key| key.issuer.as_deref().and_then(text)),
};

pub(super) const ACCESS_KEYS_AUDIENCE: Key = Key {
    name: "access.keys.audience",
    flag: None,
    takes: Takes::Text,
    meaning: "What the `aud` of tokens of this key has to name, instead of `access.audience`.",
    restart: false,
    show: Show::AccessKey(|key| key.audience.as_deref().and_then(text)),
};

pub(super) const ACCESS_KEYS_SECRET: Key = Key {
    name: "access.keys.secret",
    flag: None,
    takes: Takes::Text,
    meaning: "The secret of an HS256 key, at least 32 random bytes; never printed.",
    restart: false,
    show: Show::AccessKey(|_| None),
};

pub(super) const ACCESS_KEYS_SECRET_ENV: Key = Key {
    name: "access.keys.secret_env",
    flag: None,
    takes: Takes::Text,
    meaning: "Environment variable that holds the secret.",
    restart: false,
    show: Show::AccessKey(|key| match &key.source {
        KeySource::Variable(name, _) => text(name),
        _ => None,
    }),
};

pub(super) const ACCESS_KEYS_SECRET_FILE: Key = Key {
    name: "access.keys.secret_file",
    flag: None,
    takes: Takes::File,
    meaning: "File that holds the secret.",
    restart: false,
    show: Show::AccessKey(|key| match &key.source {
        KeySource::SecretFile(path) => text(&path.to_string_lossy()),
        _ => None,
    }),
};

pub(super) const ACCESS_KEYS_PUBLIC_KEY_FILE: Key = Key {
    name: "access.keys.public_key_file",
    flag: None,
    takes: Takes::File,
    meaning: "File with the public key of an EdDSA, ES256 or RS256 key, PEM or JWK.",
    restart: false,
    show: Show::AccessKey(|key| match &key.source {
        KeySource::PublicKeyFile(path) => text(&path.to_string_lossy()),
        _ => None,
    }),
};

pub(super) const CLASS_TOPICS: Key = Key {
    name: "class.topics",
    flag: None,
    takes: Takes::Patterns,
    meaning: "The topics of the class; the first class that matches a topic wins, and one for every other topic is \
              implied.",
    restart: false,
    show: Show::Class(|class| patterns(&class.topics)),
};

pub(super) const CLASS_DURABILITY: Key = Key {
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

pub(super) const CLASS_RETENTION_AGE: Key = Key {
    name: "class.retention.age",
    flag: None,
    takes: Takes::Duration(Bounds { least: SECOND, most: CENTURY, zero: NO_LIMIT }),
    meaning: "How long events stay.",
    restart: false,
    show: Show::Class(|class| quote_unless_zero(format_duration(class.retention.age))),
};

pub(super) const CLASS_RETENTION_EVENTS: Key = Key {
    name: "class.retention.events",
    flag: None,
    takes: Takes::Number(Bounds { least: 1, most: 1_000_000_000_000, zero: NO_LIMIT }),
    meaning: "Most events kept per topic.",
    restart: false,
    show: Show::Class(|class| class.retention.events.to_string()),
};

pub(super) const CLASS_RETENTION_BYTES: Key = Key {
    name: "class.retention.bytes",
    flag: None,
    takes: Takes::Size(Bounds { least: 1 << 10, most: 100 << 40, zero: NO_LIMIT }),
    meaning: "Most bytes (topic, type, key and data) kept per topic.",
    restart: false,
    show: Show::Class(|class| quote_unless_zero(format_size(class.retention.bytes))),
};

pub(super) const CLASS_MAX_EVENT: Key = Key {
    name: "class.max_event",
    flag: None,
    takes: Takes::Size(Bounds { least: 1, most: 1 << 30, zero: None }),
    meaning: "Largest event (topic, type, key and data together).",
    restart: false,
    show: Show::Class(|class| quote_unless_zero(format_size(class.max_event as u64))),
};

/// How a log in memory is spelled.
pub(super) const IN_MEMORY: &str = ":memory:";

/// A time-out: long enough to be kept on a slow link, short enough to end.
const PATIENCE: Takes = Takes::Duration(Bounds { least: Duration::from_millis(100), most: HOUR, zero: None });

const NO_LIMIT: Option<&str> = Some("no limit");
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const CENTURY: Duration = Duration::from_secs(36_500 * 24 * 3600);

fn duration(value: Duration) -> Option<String> {
    Some(quote_unless_zero(format_duration(value)))
}

fn size(value: u64) -> Option<String> {
    Some(quote_unless_zero(format_size(value)))
}

fn text(value: &str) -> Option<String> {
    Some(quote(value))
}

fn list(access: Option<&Access>, of: impl Fn(&Access) -> &Vec<String>) -> Option<String> {
    let texts: Vec<String> = of(access?).iter().map(|text| quote(text)).collect();
    Some(format!("[{}]", texts.join(", ")))
}

fn patterns(patterns: &[Pattern]) -> String {
    let patterns: Vec<String> = patterns.iter().map(|pattern| quote(pattern.as_str())).collect();
    format!("[{}]", patterns.join(", "))
}

fn quote_unless_zero(value: String) -> String {
    if value == "0" { value } else { quote(&value) }
}

/// A TOML basic string.
fn quote(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
