//! The configuration as written: every key optional, values read, nothing compared with anything else.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use headwater_log::{Durability, Pattern};
use serde::{Deserialize, Deserializer, de};

use super::keys::{IN_MEMORY, quoted};
use super::units::{parse_duration, parse_size};
use super::{LogLevel, Storage};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    pub(super) listen: Option<Value<SocketAddr>>,
    pub(super) data: Option<Value<Storage>>,
    pub(super) heartbeat: Option<Value<Duration>>,
    pub(super) retry: Option<Value<Duration>>,
    pub(super) drain: Option<Value<Duration>>,
    pub(super) max_age: Option<Value<Duration>>,
    pub(super) idempotency: Option<Value<Duration>>,
    pub(super) shards: Option<Value<Number>>,
    pub(super) tail: Option<Value<Size>>,
    pub(super) segment: Option<Value<Size>>,
    pub(super) memory: Option<Value<Size>>,
    pub(super) log: Option<Value<LogLevel>>,
    pub(super) tls: WrittenTls,
    pub(super) limits: WrittenLimits,
    pub(super) class: Vec<WrittenClass>,
}

/// `[tls]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenTls {
    pub(super) certificate: Option<Value<PathBuf>>,
    pub(super) key: Option<Value<PathBuf>>,
}

/// `[limits]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenLimits {
    pub(super) body: Option<Value<Size>>,
    pub(super) head: Option<Value<Size>>,
    pub(super) head_timeout: Option<Value<Duration>>,
    pub(super) body_timeout: Option<Value<Duration>>,
    pub(super) stall_timeout: Option<Value<Duration>>,
    pub(super) lag: Option<Value<Duration>>,
    pub(super) queue: Option<Value<Size>>,
    pub(super) connections: Option<Value<Number>>,
    pub(super) sessions: Option<Value<Number>>,
}

/// One `[[class]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenClass {
    pub(super) topics: Vec<Value<Pattern>>,
    pub(super) durability: Option<Value<Durability>>,
    pub(super) retention: WrittenRetention,
    pub(super) max_event: Option<Value<Size>>,
}

/// `retention` of a class.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenRetention {
    pub(super) age: Option<Value<Duration>>,
    pub(super) events: Option<Value<Number>>,
    pub(super) bytes: Option<Value<Size>>,
}

/// A value read from text or a plain number.
#[derive(Clone, Debug)]
pub(super) struct Value<T>(pub(super) T);

/// A size in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size(pub(super) u64);

/// A plain number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number(pub(super) u64);

/// What can be read from the text of a value. Plain numbers are offered as their digits.
trait Scalar: Sized {
    /// Reads it; the error completes the sentence that begins with the key.
    fn scan(text: &str) -> Result<Self, String>;
}

impl Scalar for SocketAddr {
    fn scan(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(address);
        }
        if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
            return Ok((Ipv4Addr::LOCALHOST, port).into());
        }
        let port = text.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(7070_u16);
        Err(format!("{text:?} is not an IP address and a port; write \"127.0.0.1:{port}\""))
    }
}

impl Scalar for Storage {
    fn scan(text: &str) -> Result<Self, String> {
        match text {
            "" => Err(format!("\"\" is not a folder; name one such as \"./headwater-data\", or {IN_MEMORY:?}")),
            IN_MEMORY => Ok(Self::Memory),
            folder if folder.contains('\0') => Err("no folder has a NUL in its name; remove it".to_owned()),
            folder => Ok(Self::Disk(folder.into())),
        }
    }
}

impl Scalar for PathBuf {
    fn scan(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('\0') {
            return Err(format!("{text:?} is not a path; name a file"));
        }
        Ok(text.into())
    }
}

impl Scalar for Duration {
    fn scan(text: &str) -> Result<Self, String> {
        parse_duration(text).map_err(|error| error.to_string())
    }
}

impl Scalar for Size {
    fn scan(text: &str) -> Result<Self, String> {
        parse_size(text).map(Self).map_err(|error| error.to_string())
    }
}

impl Scalar for Number {
    fn scan(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| format!("{text:?} is not a whole number; write one such as 1000, or 0"))
    }
}

impl Scalar for LogLevel {
    fn scan(text: &str) -> Result<Self, String> {
        word(text, &[("error", Self::Error), ("warn", Self::Warn), ("info", Self::Info), ("debug", Self::Debug)])
    }
}

impl Scalar for Durability {
    fn scan(text: &str) -> Result<Self, String> {
        word(text, &[("disk", Self::Disk), ("memory", Self::Memory)])
    }
}

impl Scalar for Pattern {
    fn scan(text: &str) -> Result<Self, String> {
        Self::new(text).map_err(|error| {
            format!(
                "the pattern {text:?} {error}; write a topic such as \"orders/42\" or a pattern such as \"orders/**\""
            )
        })
    }
}

impl<'de, T: Scalar> Deserialize<'de> for Value<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);

        impl<T: Scalar> de::Visitor<'_> for Visitor<T> {
            type Value = Value<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::scan(text).map(Value).map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(Visitor(std::marker::PhantomData))
    }
}

fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("{text:?} is not one of its words; write {}", quoted(&known))
    })
}
