//! From written to meant: defaults filled in, ranges held, and everything refused that cannot be true together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use headwater_access::{Algorithm, Rights};
use headwater_hub::{ReaderPolicies, ReaderPolicy};
use headwater_log::{Class, Classes, Durability, Pattern, Retention};

use super::access::{Access, AccessKey, KeySetSource, KeySource, Webhook, is_handed_on, is_host, is_origin};
use super::error::{ConfigError, Place, Problem};
use super::hook::{Hook, HookSecret, is_id, is_url};
use super::keys::{self, Bounds, Key, Takes};
use super::layers::Layers;
use super::units::{format_duration, format_size};
use super::written::{
    List, Number, Size, Text, Value, Written, WrittenAccess, WrittenClass, WrittenHook, WrittenKey, WrittenLimits,
    WrittenTls,
};
use super::{Limits, Settings, Storage, TlsFiles};
use crate::outgoing::{Endpoint, EndpointError};

/// How long a request of a hook may take, unless it is written.
const HOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes settings of what was written.
///
/// # Errors
/// The first value out of its range, or the first combination that cannot hold.
pub(super) fn mean(written: Written, layers: &Layers<'_>) -> Result<Settings, ConfigError> {
    let default = Settings::default();
    let from = Reader { layers, prefix: String::new() };
    let storage = written.data.map_or(default.storage, |data| data.0);
    let shards = from.number(&keys::SHARDS, written.shards, default.shards as u64)?;
    let (classes, readers) = classes(written.class, &storage, layers)?;
    let settings = Settings {
        listen: written.listen.map_or(default.listen, |listen| listen.0),
        heartbeat: from.duration(&keys::HEARTBEAT, written.heartbeat, default.heartbeat)?,
        retry: from.duration(&keys::RETRY, written.retry, default.retry)?,
        drain: from.duration(&keys::DRAIN, written.drain, default.drain)?,
        max_age: from.duration(&keys::MAX_AGE, written.max_age, default.max_age)?,
        tls: tls(written.tls, &from)?,
        access: written.access.map(|written| access(written, layers)).transpose()?,
        hooks: hooks(written.hook, layers)?,
        classes,
        readers,
        idempotency: from.duration(&keys::IDEMPOTENCY, written.idempotency, default.idempotency)?,
        shards: if shards == 0 { default.shards } else { count(shards) },
        tail: count(from.size(&keys::TAIL, written.tail, default.tail as u64)?),
        segment: from.size(&keys::SEGMENT, written.segment, default.segment)?,
        memory: from.size(&keys::MEMORY, written.memory, default.memory)?,
        limits: limits(written.limits, &from)?,
        log: written.log.map_or(default.log, |log| log.0),
        access_log: written.access_log.map_or(default.access_log, |target| target.0),
        trusted_proxies: written.trusted_proxies.0,
        storage,
    };
    check_reach(&settings, &from)?;
    check_sizes(&settings, layers)?;
    Ok(settings)
}

/// Checks values against the ranges of their keys, for one table of the document.
struct Reader<'a, 't> {
    layers: &'a Layers<'t>,
    /// `class.` or `hook.` plus an index and a dot, in place of the `class.` or `hook.` of its keys; else empty.
    prefix: String,
}

impl Reader<'_, '_> {
    fn duration(&self, key: &Key, value: Option<Value<Duration>>, default: Duration) -> Result<Duration, ConfigError> {
        let Takes::Duration(bounds) = key.takes else { return Ok(default) };
        self.held(key, bounds, value.map(|value| value.0), default, |value| format_duration(*value))
    }

    fn size(&self, key: &Key, value: Option<Value<Size>>, default: u64) -> Result<u64, ConfigError> {
        let Takes::Size(bounds) = key.takes else { return Ok(default) };
        self.held(key, bounds, value.map(|value| value.0.0), default, |value| format_size(*value))
    }

    fn number(&self, key: &Key, value: Option<Value<Number>>, default: u64) -> Result<u64, ConfigError> {
        let Takes::Number(bounds) = key.takes else { return Ok(default) };
        self.held(key, bounds, value.map(|value| value.0.0), default, u64::to_string)
    }

    fn held<T: Copy + PartialOrd + Default>(
        &self,
        key: &Key,
        bounds: Bounds<T>,
        value: Option<T>,
        default: T,
        write: impl Fn(&T) -> String,
    ) -> Result<T, ConfigError> {
        let Some(value) = value else { return Ok(default) };
        if bounds.hold(value) {
            return Ok(value);
        }
        let problem = Problem::OutOfRange { key: key.name, value: write(&value), range: bounds.text(&write) };
        Err(ConfigError::new(self.place(key), problem))
    }

    fn place(&self, key: &Key) -> Place {
        match key.name.split_once('.') {
            Some((_, rest)) if !self.prefix.is_empty() => self.layers.place(&format!("{}{rest}", self.prefix)),
            _ => self.layers.place(key.name),
        }
    }
}

fn tls(written: WrittenTls, from: &Reader<'_, '_>) -> Result<Option<TlsFiles>, ConfigError> {
    let half = |present: &Key, missing: &Key| {
        let problem = Problem::HalfOfTls { present: present.name, missing: missing.name };
        ConfigError::new(from.place(present), problem)
    };
    match (written.certificate, written.key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate: certificate.0, key: key.0 })),
        (Some(_), None) => Err(half(&keys::TLS_CERTIFICATE, &keys::TLS_KEY)),
        (None, Some(_)) => Err(half(&keys::TLS_KEY, &keys::TLS_CERTIFICATE)),
    }
}

fn access(written: WrittenAccess, layers: &Layers<'_>) -> Result<Access, ConfigError> {
    let checked = |key: &Key, list: List<Text>, holds: fn(&str) -> bool, example: &str| {
        let texts: Vec<String> = list.0.into_iter().map(|text| text.0).collect();
        match texts.iter().position(|text| !holds(text)) {
            None => Ok(texts),
            Some(index) => {
                let why = format!("{:?} is none; write one such as {example}", texts[index]);
                let place = match layers.place(&format!("{}.{index}", key.name)) {
                    Place::Default => layers.place(key.name),
                    place => place,
                };
                Err(ConfigError::new(place, Problem::BadValue { key: key.name.to_owned(), why }))
            }
        }
    };
    let mut keys: Vec<AccessKey> = Vec::with_capacity(written.keys.len());
    for (index, key) in written.keys.into_iter().enumerate() {
        let place = || layers.place(&format!("{}.{index}", keys::ACCESS_KEYS));
        let key = access_key(key).map_err(|problem| ConfigError::new(place(), problem))?;
        if keys.iter().any(|other| (&other.id, &other.issuer) == (&key.id, &key.issuer)) {
            return Err(ConfigError::new(place(), Problem::KeyTwice(key.id)));
        }
        keys.push(key);
    }
    let access = Access {
        audience: written.audience.map(|audience| audience.0.0),
        hosts: checked(&keys::ACCESS_HOSTS, written.hosts, is_host, "\"hub.example\"")?,
        origins: checked(&keys::ACCESS_ORIGINS, written.origins, is_origin, "\"https://app.example\"")?,
        anonymous: Rights::new(written.anonymous.subscribe.0, written.anonymous.publish.0, false),
        keys,
        webhook: match written.webhook {
            None => None,
            Some(written) => {
                let from = Reader { layers, prefix: String::new() };
                let headers = written.headers.map_or(Ok(Webhook::HEADERS.map(str::to_owned).into()), |list| {
                    checked(&keys::ACCESS_WEBHOOK_HEADERS, list, is_handed_on, "\"cookie\"")
                })?;
                Some(webhook(written.url, written.timeout, headers, written.ca, &from)?)
            }
        },
    };
    match access.webhook.is_none() && access.keys.is_empty() && access.anonymous.is_none() {
        true => Err(ConfigError::new(layers.place("access"), Problem::AccessForNobody)),
        false => Ok(access),
    }
}

fn webhook(
    url: Option<Value<Text>>,
    timeout: Option<Value<Duration>>,
    headers: Vec<String>,
    ca: Option<Value<PathBuf>>,
    from: &Reader<'_, '_>,
) -> Result<Webhook, ConfigError> {
    let key = &keys::ACCESS_WEBHOOK_URL;
    let without = || ConfigError::new(from.layers.place("access.webhook"), Problem::WebhookWithoutUrl);
    let url = url.ok_or_else(without)?.0.0;
    Endpoint::check(&url, true).map_err(|error| ConfigError::new(from.place(key), bad_url(key, &error)))?;
    Ok(Webhook {
        url,
        timeout: from.duration(&keys::ACCESS_WEBHOOK_TIMEOUT, timeout, Webhook::TIMEOUT)?,
        headers: headers.into_iter().map(|name| name.to_ascii_lowercase()).collect(),
        ca: ca.map(|path| path.0),
    })
}

fn bad_url(key: &Key, error: &EndpointError) -> Problem {
    Problem::BadValue { key: key.name.to_owned(), why: error.to_string() }
}

fn access_key(written: WrittenKey) -> Result<AccessKey, Problem> {
    let without = |missing, example| Problem::KeyWithout { missing, example };
    let mut sources: Vec<KeySource> = Vec::new();
    sources.extend(written.secret.map(|secret| KeySource::Inline(secret.0)));
    sources.extend(written.secret_env.map(|name| KeySource::Variable(name.0.0, None)));
    sources.extend(written.secret_file.map(|path| KeySource::SecretFile(path.0)));
    sources.extend(written.public_key_file.map(|path| KeySource::PublicKeyFile(path.0)));
    match (written.jwks_url, written.jwks_internal, written.jwks_ca) {
        (Some(url), internal, ca) => {
            let url = url.0.0;
            Endpoint::check(&url, false).map_err(|error| bad_url(&keys::ACCESS_KEYS_JWKS_URL, &error))?;
            let (internal, ca) = (internal.unwrap_or(false), ca.map(|path| path.0));
            sources.push(KeySource::KeySet(KeySetSource { url, internal, ca }));
        }
        (None, None, None) => {}
        (None, ..) => return Err(without("jwks_url", "jwks_url = \"https://id.example/keys\"")),
    }
    let found = sources.len();
    let source =
        sources.pop().ok_or(without("secret_env", "secret_env = \"HEADWATER_SECRET\", public_key_file or jwks_url"))?;
    if found > 1 {
        return Err(Problem::KeySources { found });
    }
    let algorithm = written.algorithm.ok_or(without("algorithm", "algorithm = \"HS256\""))?.0;
    if let (KeySource::KeySet(_), Algorithm::Hs256) = (&source, algorithm) {
        return Err(Problem::PublishedSecret);
    }
    Ok(AccessKey {
        id: written.id.ok_or(without("id", "id = \"main\""))?.0.0,
        algorithm,
        issuer: written.issuer.map(|issuer| issuer.0.0),
        audience: written.audience.map(|audience| audience.0.0),
        source,
    })
}

fn hooks(written: Vec<WrittenHook>, layers: &Layers<'_>) -> Result<Vec<Hook>, ConfigError> {
    let mut hooks: Vec<Hook> = Vec::with_capacity(written.len());
    for (index, hook) in written.into_iter().enumerate() {
        let from = Reader { layers, prefix: format!("{}.{index}.", keys::HOOK) };
        let refused = |problem| ConfigError::new(layers.place(&format!("{}.{index}", keys::HOOK)), problem);
        let timeout = from.duration(&keys::HOOK_TIMEOUT, hook.timeout.clone(), HOOK_TIMEOUT)?;
        let hook = hook_of(hook, timeout).map_err(refused)?;
        if hooks.iter().any(|other| other.id == hook.id) {
            return Err(refused(Problem::HookTwice(hook.id)));
        }
        hooks.push(hook);
    }
    Ok(hooks)
}

fn hook_of(written: WrittenHook, timeout: Duration) -> Result<Hook, Problem> {
    let without = |missing, example| Problem::HookWithout { missing, example };
    let bad = |key: &Key, value: &str, example| {
        let why = format!("{value:?} is none; write one such as {example}");
        Problem::BadValue { key: key.name.to_owned(), why }
    };
    let id = written.id.ok_or(without("id", "id = \"rooms\""))?.0.0;
    let url = written.url.ok_or(without("url", "url = \"https://app.example/hook\""))?.0.0;
    if !is_id(&id) {
        return Err(bad(&keys::HOOK_ID, &id, "\"rooms\""));
    }
    if !is_url(&url) {
        return Err(bad(&keys::HOOK_URL, &url, "\"https://app.example/hook\""));
    }
    if written.topics.0.is_empty() {
        return Err(without("topics", "topics = [\"rooms/**\"], or [\"**\"] for all"));
    }
    if written.events.0.is_empty() {
        return Err(without("events", "events = [\"topic.occupied\", \"topic.vacated\"]"));
    }
    let mut secrets: Vec<HookSecret> = Vec::new();
    secrets.extend(written.secret.map(|secret| HookSecret::Inline(secret.0)));
    secrets.extend(written.secret_env.map(|name| HookSecret::Variable(name.0.0, None)));
    secrets.extend(written.secret_file.map(|path| HookSecret::File(path.0)));
    let found = secrets.len();
    let secret = secrets.pop().ok_or(without("secret_env", "secret_env = \"HEADWATER_HOOK_SECRET\""))?;
    if found > 1 {
        return Err(Problem::HookSecrets { found });
    }
    let (topics, events, ca) = (written.topics.0, written.events.0, written.ca_file.map(|path| path.0));
    Ok(Hook { id, url, topics, events, secret, timeout, ca })
}

fn limits(written: WrittenLimits, from: &Reader<'_, '_>) -> Result<Limits, ConfigError> {
    let default = Limits::default();
    Ok(Limits {
        body: count(from.size(&keys::LIMITS_BODY, written.body, default.body as u64)?),
        head: count(from.size(&keys::LIMITS_HEAD, written.head, default.head as u64)?),
        head_timeout: from.duration(&keys::LIMITS_HEAD_TIMEOUT, written.head_timeout, default.head_timeout)?,
        body_timeout: from.duration(&keys::LIMITS_BODY_TIMEOUT, written.body_timeout, default.body_timeout)?,
        stall_timeout: from.duration(&keys::LIMITS_STALL_TIMEOUT, written.stall_timeout, default.stall_timeout)?,
        lag: from.duration(&keys::LIMITS_LAG, written.lag, default.lag)?,
        queue: count(from.size(&keys::LIMITS_QUEUE, written.queue, default.queue as u64)?),
        connections: count(from.number(&keys::LIMITS_CONNECTIONS, written.connections, default.connections as u64)?),
        sessions: count(from.number(&keys::LIMITS_SESSIONS, written.sessions, default.sessions as u64)?),
        subject_sessions: count(from.number(
            &keys::LIMITS_SUBJECT_SESSIONS,
            written.subject_sessions,
            default.subject_sessions as u64,
        )?),
        address_connections: count(from.number(
            &keys::LIMITS_ADDRESS_CONNECTIONS,
            written.address_connections,
            default.address_connections as u64,
        )?),
        connect_rate: from.number(&keys::LIMITS_CONNECT_RATE, written.connect_rate, default.connect_rate)?,
        exempt: written.exempt.map_or(default.exempt, |list| list.0),
        topics: count(from.number(&keys::LIMITS_TOPICS, written.topics, default.topics as u64)?),
        publish_rate: from.number(&keys::LIMITS_PUBLISH_RATE, written.publish_rate, default.publish_rate)?,
        publish_bytes: from.size(&keys::LIMITS_PUBLISH_BYTES, written.publish_bytes, default.publish_bytes)?,
        replay_bytes: from.size(&keys::LIMITS_REPLAY_BYTES, written.replay_bytes, default.replay_bytes)?,
        body_rate: from.size(&keys::LIMITS_BODY_RATE, written.body_rate, default.body_rate)?,
        body_total: from.duration(&keys::LIMITS_BODY_TOTAL, written.body_total, default.body_total)?,
    })
}

fn classes(
    written: Vec<WrittenClass>,
    storage: &Storage,
    layers: &Layers<'_>,
) -> Result<(Classes, ReaderPolicies), ConfigError> {
    // A log in memory keeps nothing on disk, and the classes say so.
    let implied = match storage {
        Storage::Disk(_) => Class::default(),
        Storage::Memory => Class { durability: Durability::Memory, ..Class::default() },
    };
    let mut taken: BTreeMap<Pattern, Place> = BTreeMap::new();
    let (mut classes, mut readers) = (Vec::with_capacity(written.len()), Vec::with_capacity(written.len()));
    for (index, class) in written.into_iter().enumerate() {
        let from = Reader { layers, prefix: format!("class.{index}.") };
        let policy = reader_policy(&class, &from)?;
        let class = class_of(class, &implied, &from)?;
        if class.topics.is_empty() {
            return Err(ConfigError::new(layers.place(&format!("class.{index}")), Problem::ClassWithoutTopics));
        }
        if class.durability == Durability::Disk && *storage == Storage::Memory {
            return Err(ConfigError::new(from.place(&keys::CLASS_DURABILITY), Problem::DiskInMemory));
        }
        for (at, pattern) in class.topics.iter().enumerate() {
            let place = layers.place(&format!("class.{index}.topics.{at}"));
            check_reached(pattern, &taken, &place)?;
            taken.entry(pattern.clone()).or_insert(place);
        }
        readers.push((class.topics.clone(), policy));
        classes.push(class);
    }
    Ok((Classes::new(classes, implied), ReaderPolicies::new(readers)))
}

fn reader_policy(written: &WrittenClass, from: &Reader<'_, '_>) -> Result<ReaderPolicy, ConfigError> {
    let default = ReaderPolicy::default();
    let rate = from.number(&keys::CLASS_MAX_RATE, written.max_rate.clone(), default.max_rate.into())?;
    let sessions = from.number(&keys::CLASS_TOPIC_SESSIONS, written.topic_sessions.clone(), default.sessions.into())?;
    let publish_rate =
        from.number(&keys::CLASS_PUBLISH_RATE, written.publish_rate.clone(), default.publish_rate.into())?;
    Ok(ReaderPolicy {
        max_rate: u32::try_from(rate).unwrap_or(u32::MAX),
        conflate: written.conflate.unwrap_or(default.conflate),
        slow: written.slow.as_ref().map_or(default.slow, |slow| slow.0),
        presence: written.presence.unwrap_or(default.presence),
        sessions: u32::try_from(sessions).unwrap_or(u32::MAX),
        publish_rate: u32::try_from(publish_rate).unwrap_or(u32::MAX),
    })
}

fn class_of(written: WrittenClass, implied: &Class, from: &Reader<'_, '_>) -> Result<Class, ConfigError> {
    let Retention { age, events, bytes } = implied.retention;
    Ok(Class {
        topics: written.topics.into_iter().map(|pattern| pattern.0).collect(),
        durability: written.durability.map_or(implied.durability, |durability| durability.0),
        retention: Retention {
            age: from.duration(&keys::CLASS_RETENTION_AGE, written.retention.age, age)?,
            events: from.number(&keys::CLASS_RETENTION_EVENTS, written.retention.events, events)?,
            bytes: from.size(&keys::CLASS_RETENTION_BYTES, written.retention.bytes, bytes)?,
        },
        max_event: count(from.size(&keys::CLASS_MAX_EVENT, written.max_event, implied.max_event as u64)?),
    })
}

/// Refuses a pattern all of whose topics an earlier one takes: the first match wins, so it would never be used.
fn check_reached(pattern: &Pattern, taken: &BTreeMap<Pattern, Place>, place: &Place) -> Result<(), ConfigError> {
    let Some((taker, at)) = taken.iter().find(|(earlier, _)| earlier.covers(pattern)) else {
        return Ok(());
    };
    let (taker, fix) = match taker == pattern {
        true => (format!("the same pattern at {at}"), "remove one of the two"),
        false => (format!("\"{taker}\" at {at}"), "move it into a class above"),
    };
    let problem = Problem::Unreachable { pattern: pattern.as_str().to_owned(), taker, fix };
    Err(ConfigError::new(place.clone(), problem))
}

/// Without access control everybody who reaches the hub may do everything, so only this machine may reach it.
fn check_reach(settings: &Settings, from: &Reader<'_, '_>) -> Result<(), ConfigError> {
    if settings.access.is_some() || settings.listen.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(ConfigError::new(from.place(&keys::LISTEN), Problem::NotLoopback { listen: settings.listen }))
}

/// Refuses limits that no event or body could ever pass because another limit is below them.
fn check_sizes(settings: &Settings, layers: &Layers<'_>) -> Result<(), ConfigError> {
    let body = (&keys::LIMITS_BODY, settings.limits.body as u64);
    let queue = (&keys::LIMITS_QUEUE, settings.limits.queue as u64);
    let segment = (&keys::SEGMENT, settings.segment);
    let memory = (&keys::MEMORY, settings.memory);
    let last = settings.classes.iter().count() - 1;
    let takes_all = |class: &Class| class.topics.iter().any(|pattern| pattern.as_str() == "**");
    let implied_is_used = !settings.classes.iter().any(takes_all);
    for (index, class) in settings.classes.iter().enumerate() {
        let implied = index == last;
        if implied && !implied_is_used {
            continue;
        }
        let event = (&keys::CLASS_MAX_EVENT, class.max_event as u64);
        let event_path = format!("class.{index}.max_event");
        let kept_in = match (&settings.storage, class.durability) {
            (Storage::Disk(_), Durability::Disk) => segment,
            _ => memory,
        };
        for small in [body, queue, kept_in] {
            check_fits(small, event, &event_path, implied, layers)?;
        }
    }
    check_fits(queue, body, body.0.name, false, layers)
}

fn check_fits(
    small: (&Key, u64),
    large: (&Key, u64),
    large_path: &str,
    implied: bool,
    layers: &Layers<'_>,
) -> Result<(), ConfigError> {
    if large.1 <= small.1 {
        return Ok(());
    }
    let place = match layers.place(small.0.name) {
        Place::Default => layers.place(large_path),
        written => written,
    };
    let (small_value, large_value) = (format_size(small.1), format_size(large.1));
    let problem = Problem::DoesNotFit {
        fix: match implied {
            false => format!("raise the first to at least {large_value} or lower the second"),
            true => format!(
                "raise the first to at least {large_value} or end with a class for [\"**\"] with max_event = \"{small_value}\""
            ),
        },
        whose: if implied { " of the implied class" } else { "" },
        small: small.0.name,
        small_value,
        large: large.0.name,
        large_value,
    };
    Err(ConfigError::new(place, problem))
}

/// A number of bytes or things as the machine counts them; on a 32-bit machine more than it can hold is all it can.
fn count(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
