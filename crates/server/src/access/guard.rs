//! Access control as configured, ready to decide.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use headwater_access::{Grant, Refusal, Rights, TokenCache, Verifier};
use http::HeaderValue;
use http::uri::Authority;

use super::visitor::{address, is_loopback};
use super::{Caller, credential};
use crate::api::problem::Problem;
use crate::config;

/// Access control as configured, ready to decide. A reload makes another one, with an empty cache.
pub(crate) struct Guard {
    verifier: Verifier,
    /// Tokens that were verified; every shard asks it, for about a microsecond.
    cache: Mutex<TokenCache>,
    anonymous: Arc<Rights>,
    /// In lower case, with or without a port.
    hosts: HashSet<String>,
    origins: HashSet<String>,
    any_origin: bool,
}

/// Verified tokens that are remembered at least.
const CACHED_TOKENS: usize = 50_000;

impl Guard {
    /// Reads the keys.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub(super) fn new(access: &config::Access) -> Result<Self, String> {
        let issuers = access.issuers().map_err(|(id, fault)| format!("cannot use the key \"{id}\": {fault}"))?;
        Ok(Self {
            verifier: Verifier::new(issuers),
            cache: Mutex::new(TokenCache::new(CACHED_TOKENS)),
            anonymous: Arc::new(access.anonymous.clone()),
            hosts: access.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            any_origin: access.origins.iter().any(|origin| origin == "*"),
            origins: access.origins.iter().cloned().collect(),
        })
    }

    /// Whether the hub goes by this name. An address is no name that somebody else could point here, so every one will
    /// do (T9).
    pub(super) fn answers_to(&self, host: &Authority) -> bool {
        address(host.host()).is_some()
            || is_loopback(host.host())
            || self.hosts.contains(&host.host().to_ascii_lowercase())
            || self.hosts.contains(&host.as_str().to_ascii_lowercase())
    }

    /// Whether pages of this origin are served: `Some(true)` by name, `Some(false)` because all are.
    pub(super) fn takes_page(&self, origin: &HeaderValue) -> Option<bool> {
        match origin.to_str().is_ok_and(|origin| self.origins.contains(origin) && origin != "*") {
            true => Some(true),
            false => self.any_origin.then_some(false),
        }
    }

    /// The holder of a token.
    ///
    /// # Errors
    /// 401 with the reason.
    pub(super) fn verify(&self, token: &str, now: SystemTime) -> Result<Caller, Problem> {
        let cache = || self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let remembered = cache().recall(token, now);
        let verified = remembered.unwrap_or_else(|| {
            // Without the lock: a signature takes a hundred times as long as a look into the cache.
            let grant = Arc::new(self.verifier.verify(token, now)?);
            cache().insert(token, grant.clone());
            Ok(grant)
        });
        verified.map(Caller::holder).map_err(credential::refused)
    }

    /// What a token gives, and the id of the key that signed it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn examine(&self, token: &str, now: SystemTime) -> Result<(Grant, &str), Refusal> {
        self.verifier.examine(token, now).map(|(grant, key)| (grant, key.id()))
    }

    /// Somebody without a credential.
    pub(super) fn anonymous(&self) -> Caller {
        Caller::anonymous(self.anonymous.clone())
    }
}
