//! The configuration as written: every key optional, values read, nothing compared with anything else.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use headwater_access::{Algorithm, Network};
use headwater_hub::SlowPolicy;
use headwater_log::{Durability, Pattern};
use serde::{Deserialize, Deserializer, de};

use super::access::Secret;
use super::hook::HookEvent;
use super::keys::{IN_MEMORY, quoted};
use super::units::{parse_duration, parse_size};
use super::{AccessLogTarget, LogLevel, Storage};

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
    pub(super) access_log: Option<Value<AccessLogTarget>>,
    pub(super) trusted_proxies: List<Network>,
    pub(super) tls: WrittenTls,
    pub(super) limits: WrittenLimits,
    pub(super) access: Option<WrittenAccess>,
    pub(super) hook: Vec<WrittenHook>,
    pub(super) class: Vec<WrittenClass>,
}

/// `[access]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenAccess {
    pub(super) audience: Option<Value<Text>>,
    pub(super) hosts: List<Text>,
    pub(super) origins: List<Text>,
    pub(super) anonymous: WrittenRights,
    pub(super) keys: Vec<WrittenKey>,
    pub(super) webhook: Option<WrittenWebhook>,
}

/// `anonymous`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenRights {
    pub(super) subscribe: List<Pattern>,
    pub(super) publish: List<Pattern>,
}

/// `[access.webhook]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenWebhook {
    pub(super) url: Option<Value<Text>>,
    pub(super) timeout: Option<Value<Duration>>,
    pub(super) headers: Option<List<Text>>,
    pub(super) ca: Option<Value<PathBuf>>,
}

/// One `[[access.keys]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenKey {
    pub(super) id: Option<Value<Text>>,
    pub(super) algorithm: Option<Value<Algorithm>>,
    pub(super) issuer: Option<Value<Text>>,
    pub(super) audience: Option<Value<Text>>,
    pub(super) secret: Option<Value<Secret>>,
    pub(super) secret_env: Option<Value<Text>>,
    pub(super) secret_file: Option<Value<PathBuf>>,
    pub(super) public_key_file: Option<Value<PathBuf>>,
    pub(super) jwks_url: Option<Value<Text>>,
    pub(super) jwks_internal: Option<bool>,
    pub(super) jwks_ca: Option<Value<PathBuf>>,
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
    pub(super) subject_sessions: Option<Value<Number>>,
    pub(super) address_connections: Option<Value<Number>>,
    pub(super) connect_rate: Option<Value<Number>>,
    pub(super) exempt: Option<List<Network>>,
    pub(super) topics: Option<Value<Number>>,
    pub(super) publish_rate: Option<Value<Number>>,
    pub(super) publish_bytes: Option<Value<Size>>,
    pub(super) replay_bytes: Option<Value<Size>>,
    pub(super) body_rate: Option<Value<Size>>,
    pub(super) body_total: Option<Value<Duration>>,
}

/// One `[[hook]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenHook {
    pub(super) id: Option<Value<Text>>,
    pub(super) url: Option<Value<Text>>,
    pub(super) topics: List<Pattern>,
    pub(super) events: List<HookEvent>,
    pub(super) secret: Option<Value<Secret>>,
    pub(super) secret_env: Option<Value<Text>>,
    pub(super) secret_file: Option<Value<PathBuf>>,
    pub(super) timeout: Option<Value<Duration>>,
    pub(super) ca_file: Option<Value<PathBuf>>,
}

/// One `[[class]]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WrittenClass {
    pub(super) topics: Vec<Value<Pattern>>,
    pub(super) durability: Option<Value<Durability>>,
    pub(super) retention: WrittenRetention,
    pub(super) max_event: Option<Value<Size>>,
    pub(super) max_rate: Option<Value<Number>>,
    pub(super) conflate: Option<bool>,
    pub(super) slow: Option<Value<SlowPolicy>>,
    pub(super) presence: Option<bool>,
    pub(super) topic_sessions: Option<Value<Number>>,
    pub(super) publish_rate: Option<Value<Number>>,
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

/// A list; a variable, which has no lists, has its entries between commas.
#[derive(Clone, Debug)]
pub(super) struct List<T>(pub(super) Vec<T>);

/// A text that says something.
#[derive(Clone, Debug)]
pub(super) struct Text(pub(super) String);

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

impl Scalar for Text {
    fn scan(text: &str) -> Result<Self, String> {
        match text.trim().is_empty() {
            true => Err("is empty; write a text or leave the key out".to_owned()),
            false => Ok(Self(text.to_owned())),
        }
    }
}

impl Scalar for Secret {
    fn scan(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

impl Scalar for Algorithm {
    fn scan(text: &str) -> Result<Self, String> {
        word(text, &Self::ALL.map(|algorithm| (algorithm.as_str(), algorithm)))
    }
}

impl Scalar for AccessLogTarget {
    fn scan(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "-" => Ok(Self::Stderr),
            path => PathBuf::scan(path).map(Self::File),
        }
    }
}

impl Scalar for Network {
    fn scan(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error| format!("{text:?} {error}"))
    }
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

impl Scalar for HookEvent {
    fn scan(text: &str) -> Result<Self, String> {
        word(text, &Self::ALL.map(|event| (event.as_str(), event)))
    }
}

impl Scalar for SlowPolicy {
    fn scan(text: &str) -> Result<Self, String> {
        word(text, &[("catch_up", Self::CatchUp), ("conflate", Self::Conflate), ("close", Self::Close)])
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

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Scalar> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Scalar> de::Visitor<'de> for Visitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a list")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
                entries.map(T::scan).collect::<Result<_, _>>().map(List).map_err(E::custom)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(Value(entry)) = entries.next_element()? {
                    list.push(entry);
                }
                Ok(List(list))
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
