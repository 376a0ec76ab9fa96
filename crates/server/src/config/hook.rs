//! `[[hook]]`: who else is told of topics, and the secret that signs what they are told.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headwater_hub::ReaderPolicies;
use headwater_log::Pattern;

use super::access::{KeyFault, Secret, read};

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// What it is called, in logs, in metrics, and in the name of the file that keeps its place.
    pub id: String,
    /// Where it sends.
    pub url: String,
    /// The topics it is about.
    pub topics: Vec<Pattern>,
    /// What it tells of them.
    pub events: Vec<HookEvent>,
    /// Where the secret is.
    pub secret: HookSecret,
    /// How long one request may take.
    pub timeout: Duration,
    /// File with the certificates that are trusted, in place of those of the system.
    pub ca: Option<PathBuf>,
}

/// Where the secret of a hook is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookSecret {
    /// Written down.
    Inline(Secret),
    /// In an environment variable: its name, and its value if it is set.
    Variable(String, Option<Secret>),
    /// The whole content of a file but for line ends at its end.
    File(PathBuf),
}

/// What a hook tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookEvent {
    /// A topic has its first reader.
    Occupied,
    /// The last reader of a topic has gone.
    Vacated,
    /// A topic is finished.
    Finished,
}

/// Why a hook cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HookFault {
    /// The variable is not set, or the file cannot be read.
    #[error(transparent)]
    Missing(#[from] KeyFault),
    /// What was read is no secret.
    #[error("its secret is not `whsec_` and base64; make one with: echo whsec_$(head -c 32 /dev/urandom | base64)")]
    NoSecret,
}

/// What a secret begins with (Standard Webhooks).
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of the shortest secret that the specification allows.
const LEAST_SECRET: usize = 24;

impl HookEvent {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Occupied, Self::Vacated, Self::Finished];

    /// The word in the configuration and in what is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Occupied => "topic.occupied",
            Self::Vacated => "topic.vacated",
            Self::Finished => "topic.finished",
        }
    }
}

impl Hook {
    /// Reads the secret.
    ///
    /// # Errors
    /// [`HookFault`] without any part of the secret.
    pub fn load(&self) -> Result<Vec<u8>, HookFault> {
        let text = match &self.secret {
            HookSecret::Inline(text) | HookSecret::Variable(_, Some(text)) => text.0.clone(),
            HookSecret::Variable(name, None) => return Err(KeyFault::NoVariable(name.clone()).into()),
            HookSecret::File(path) => read(path)?,
        };
        let encoded = text.trim_end_matches(['\r', '\n']).strip_prefix(SECRET_PREFIX).ok_or(HookFault::NoSecret)?;
        STANDARD.decode(encoded).ok().filter(|secret| !secret.is_empty()).ok_or(HookFault::NoSecret)
    }

    /// What should be changed although it works, one sentence each.
    pub(super) fn warnings(&self, readers: &ReaderPolicies) -> Vec<String> {
        let mut warnings = Vec::new();
        let id = &self.id;
        if self.load().is_ok_and(|secret| secret.len() < LEAST_SECRET) {
            warnings.push(format!(
                "hook `{id}` has a secret of less than {LEAST_SECRET} bytes, which can be guessed; use 32 random bytes"
            ));
        }
        if is_plain(&self.url) {
            warnings.push(format!(
                "hook `{id}` sends over plain HTTP to another machine, so what it tells can be read on the way; use https://"
            ));
        }
        let about_readers = self.events.iter().any(|event| *event != HookEvent::Finished);
        if about_readers && !readers.keep_any_presence() {
            warnings.push(format!(
                "hook `{id}` is never told of readers, because no class has presence = true; add it to the class of its topics"
            ));
        }
        warnings
    }
}

/// Whether an address is one that requests can go to.
pub(super) fn is_url(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|authority| !authority.host().is_empty())
            && !text.contains('@')
    })
}

/// Whether this can be the name of a hook: it becomes a part of the name of a file.
pub(super) fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// Whether it speaks plain HTTP to another machine.
pub(super) fn is_plain(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or("").trim_start_matches('[').trim_end_matches(']').to_owned();
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    uri.scheme_str() == Some("http") && !loopback
}
