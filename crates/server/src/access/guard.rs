//! Access control as configured, ready to decide.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use headwater_access::{Grant, Refusal, Rights};
use http::HeaderValue;
use http::uri::Authority;
use tokio::task::AbortHandle;

use super::key_set::KeySet;
use super::keyring::Keyring;
use super::visitor::{address, is_loopback};
use super::webhook::Webhook;
use super::{Caller, credential};
use crate::api::problem::Problem;
use crate::config;
use crate::outgoing::Dispatch;

/// Access control as configured, ready to decide. A reload makes another one, with an empty cache.
pub(crate) struct Guard {
    keyring: Arc<Keyring>,
    /// They fetch keys, and end with the guard.
    fetching: Mutex<Vec<AbortHandle>>,
    /// Asked about whoever brings no token.
    webhook: Option<Webhook>,
    anonymous: Arc<Rights>,
    /// In lower case, with or without a port.
    hosts: HashSet<String>,
    origins: HashSet<String>,
    any_origin: bool,
}

impl Guard {
    /// Reads the keys.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub(super) fn new(access: &config::Access) -> Result<Self, String> {
        Ok(Self {
            keyring: Arc::new(Keyring::new(access)?),
            fetching: Mutex::default(),
            webhook: access
                .webhook
                .as_ref()
                .map(|webhook| Webhook::new(webhook).map_err(|fault| format!("the access.webhook.url {fault}")))
                .transpose()?,
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

    /// Begins to fetch keys, with those in force until then that another guard has fetched.
    pub(super) fn start(&self, outgoing: &Dispatch, earlier: Option<&Self>) {
        if let Some(earlier) = earlier {
            self.keyring.take_over(&earlier.keyring);
        }
        if let Some(webhook) = &self.webhook {
            webhook.start(outgoing);
        }
        let fetch = |set| outgoing.spawn(KeySet::keep_fresh(self.keyring.clone(), set)).abort_handle();
        let fetching = (0..self.keyring.sets().len()).map(fetch).collect();
        *self.fetching.lock().unwrap_or_else(PoisonError::into_inner) = fetching;
    }

    /// The holder of a token. Waits, not for long, where its key may be among those that are to be fetched.
    ///
    /// # Errors
    /// 401 with the reason.
    pub(super) async fn verify(&self, token: &str) -> Result<Caller, Problem> {
        let mut verified = self.keyring.verify(token, SystemTime::now());
        if let Err(Refusal::UnknownKey | Refusal::KeysPending) = verified
            && !self.keyring.sets().is_empty()
        {
            // Apart, because hardly any request has to.
            Box::pin(self.keyring.refresh()).await;
            verified = self.keyring.verify(token, SystemTime::now());
        }
        verified.map(Caller::holder).map_err(credential::refused)
    }

    /// What a token gives, and the id of the key that signed it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn examine(&self, token: &str, now: SystemTime) -> Result<(Grant, String), Refusal> {
        self.keyring.examine(token, now)
    }

    /// The application that is asked about whoever brings no token.
    pub(super) fn webhook(&self) -> Option<&Webhook> {
        self.webhook.as_ref()
    }

    /// Somebody without a credential.
    pub(super) fn anonymous(&self) -> Caller {
        Caller::anonymous(self.anonymous.clone())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let fetching = self.fetching.get_mut().unwrap_or_else(PoisonError::into_inner);
        fetching.iter().for_each(AbortHandle::abort);
    }
}
