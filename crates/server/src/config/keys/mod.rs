//! The one table of all keys. It feeds the reading of files and variables, the flags and `--help`, `config print` and
//! the reference in the documentation, so that none of them can know a key the others do not.

mod access;
mod class;
mod hook;
mod hub;
mod limits;

use std::time::Duration;

use headwater_access::Network;
use headwater_hub::ReaderPolicy;
use headwater_log::{Class, Pattern};

use super::Settings;
use super::access::{Access, AccessKey};
use super::hook::Hook;
use super::units::{format_duration, format_size};

pub(super) use access::*;
pub(super) use class::*;
pub(super) use hook::*;
pub(super) use hub::*;
pub(super) use limits::*;

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
    /// `true` or `false`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of topics and patterns.
    Patterns,
    /// A list of ranges of IP addresses.
    Networks,
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
    /// A key of every hook, none while it is not set or not to be shown.
    Hook(fn(&Hook) -> Option<String>),
    /// A key of every class.
    Class(fn(&Class) -> String),
    /// A key of every class, about those who read it.
    Readers(fn(ReaderPolicy) -> String),
}

impl Key {
    /// The environment variable that sets it; entries of a list are set whole, in TOML, by the list's variable.
    pub fn variable(&self) -> String {
        let name = match self.show {
            Show::Hub(_) => self.name,
            Show::Class(_) | Show::Readers(_) => CLASS,
            Show::AccessKey(_) => ACCESS_KEYS,
            Show::Hook(_) => HOOK,
        };
        format!("{PREFIX}{}", name.to_uppercase().replace('.', "__"))
    }

    /// Its default as TOML; none when it has no value unless set.
    pub fn default(&self) -> Option<String> {
        match self.show {
            Show::Hub(show) => show(&Settings::default()),
            Show::AccessKey(_) | Show::Hook(_) => None,
            Show::Class(_) if self.takes == Takes::Patterns => None,
            Show::Class(show) => Some(show(&Class::default())),
            Show::Readers(show) => Some(show(ReaderPolicy::default())),
        }
    }

    /// Its value in these settings as TOML, one for each class where it belongs to classes.
    pub(super) fn values(&self, settings: &Settings) -> Vec<String> {
        match self.show {
            Show::Hub(show) => show(settings).into_iter().collect(),
            Show::Hook(show) => settings.hooks.iter().filter_map(show).collect(),
            Show::Class(show) => settings.classes.iter().map(show).collect(),
            Show::Readers(show) => settings.readers.iter().map(show).collect(),
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
            Self::Switch => "true or false".to_owned(),
            Self::Word(words) => format!("one of {}", quoted(words)),
            Self::Text => "a text".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
            Self::Patterns => "a list of topics and patterns such as [\"prices/**\"]".to_owned(),
            Self::Networks => "a list of networks such as [\"10.0.0.0/8\", \"::1\"]".to_owned(),
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
            Self::Switch => "true or false".to_owned(),
            Self::Word(words) => words.join(", "),
            Self::Patterns => "list of topics and patterns".to_owned(),
            Self::Networks => "list of networks".to_owned(),
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
            Self::Switch => "BOOL",
            Self::Word(_) => "LEVEL",
            Self::Patterns => "PATTERNS",
            Self::Networks => "NETWORKS",
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

/// The list of hooks.
pub(super) const HOOK: &str = "hook";

/// The lists of tables.
pub(super) const LISTS: [&str; 3] = [CLASS, ACCESS_KEYS, HOOK];

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
    &ACCESS_LOG,
    &TRUSTED_PROXIES,
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
    &LIMITS_SUBJECT_SESSIONS,
    &LIMITS_ADDRESS_CONNECTIONS,
    &LIMITS_CONNECT_RATE,
    &LIMITS_EXEMPT,
    &LIMITS_TOPICS,
    &LIMITS_PUBLISH_RATE,
    &LIMITS_PUBLISH_BYTES,
    &LIMITS_REPLAY_BYTES,
    &LIMITS_BODY_RATE,
    &LIMITS_BODY_TOTAL,
    &ACCESS_AUDIENCE,
    &ACCESS_HOSTS,
    &ACCESS_ORIGINS,
    &ACCESS_ANONYMOUS_SUBSCRIBE,
    &ACCESS_ANONYMOUS_PUBLISH,
    &ACCESS_WEBHOOK_URL,
    &ACCESS_WEBHOOK_TIMEOUT,
    &ACCESS_WEBHOOK_HEADERS,
    &ACCESS_WEBHOOK_CA,
    &ACCESS_KEYS_ID,
    &ACCESS_KEYS_ALGORITHM,
    &ACCESS_KEYS_ISSUER,
    &ACCESS_KEYS_AUDIENCE,
    &ACCESS_KEYS_SECRET,
    &ACCESS_KEYS_SECRET_ENV,
    &ACCESS_KEYS_SECRET_FILE,
    &ACCESS_KEYS_PUBLIC_KEY_FILE,
    &ACCESS_KEYS_JWKS_URL,
    &ACCESS_KEYS_JWKS_INTERNAL,
    &ACCESS_KEYS_JWKS_CA,
    &HOOK_ID,
    &HOOK_URL,
    &HOOK_TOPICS,
    &HOOK_EVENTS,
    &HOOK_SECRET,
    &HOOK_SECRET_ENV,
    &HOOK_SECRET_FILE,
    &HOOK_TIMEOUT,
    &HOOK_CA_FILE,
    &CLASS_TOPICS,
    &CLASS_DURABILITY,
    &CLASS_RETENTION_AGE,
    &CLASS_RETENTION_EVENTS,
    &CLASS_RETENTION_BYTES,
    &CLASS_MAX_EVENT,
    &CLASS_MAX_RATE,
    &CLASS_CONFLATE,
    &CLASS_SLOW,
    &CLASS_PRESENCE,
    &CLASS_TOPIC_SESSIONS,
    &CLASS_PUBLISH_RATE,
];

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

fn networks(networks: &[Network]) -> String {
    let networks: Vec<String> = networks.iter().map(|network| quote(&network.to_string())).collect();
    format!("[{}]", networks.join(", "))
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
