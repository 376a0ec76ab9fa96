//! Credentials that were taken back before their end.
//!
//! A [`Target`] says which: by the token's id, by who holds it, by when it was issued, or by several of these together.
//! [`Revocations`] keeps them until every token they could concern has ended by itself, and decides about a [`Grant`].

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::Grant;

/// Which credentials are taken back: those for which everything that it names is so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its own id (`jti`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Who holds it (`sub`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who issued it (`iss`); narrows the others down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// It was issued before this second since 1970 (`iat`). A credential that does not say when counts as old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_before_s: Option<u64>,
}

/// A target with its name and its times in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Never given twice.
    pub id: u64,
    /// What it takes back.
    pub target: Target,
    /// Since when it is in force.
    pub since_s: u64,
    /// When it is dropped.
    pub until_s: u64,
}

/// Why something cannot be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevocationError {
    /// It names nothing, or an issuer alone.
    #[error("a revocation names a token, a subject or a time before which everything was issued")]
    Aimless,
    /// A text is empty or longer than [`Target::MOST_TEXT`].
    #[error("the names in a revocation have 1 to 1024 bytes")]
    Text,
    /// The time before which everything was issued is to come: nobody could get a credential that holds.
    #[error("the time before which credentials were issued is now or earlier, in seconds since 1970 or as RFC 3339")]
    Future,
    /// It would be dropped at once.
    #[error("a revocation ends in the future")]
    Over,
    /// There are [`Revocations::MOST`], or [`Revocations::MOST_GENERAL`] that name neither token nor subject.
    #[error("too many revocations are in force; take some back, or revoke by subject or time instead of by token")]
    Full,
}

/// What is revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Revocations {
    /// By their ids; at most [`Revocations::MOST`].
    entries: BTreeMap<u64, Revocation>,
    /// The ids of those that name a token.
    by_token: HashMap<String, Vec<u64>>,
    /// The ids of those that name a subject and no token.
    by_subject: HashMap<String, Vec<u64>>,
    /// The ids of the others.
    general: Vec<u64>,
    /// The newest id that was given.
    last: u64,
}

impl Target {
    /// Longest name in bytes.
    pub const MOST_TEXT: usize = 1024;

    /// Whether it concerns this grant.
    pub fn concerns(&self, grant: &Grant) -> bool {
        let is = |named: &Option<String>, held: &Option<String>| named.is_none() || named == held;
        let old = |before| grant.issued_s.is_none_or(|issued| issued < before);
        is(&self.token, &grant.id)
            && is(&self.subject, &grant.subject)
            && is(&self.issuer, &grant.issuer)
            && self.issued_before_s.is_none_or(old)
    }

    /// # Errors
    /// [`RevocationError`] when it takes back nothing that could be told.
    fn check(&self) -> Result<(), RevocationError> {
        if self.token.is_none() && self.subject.is_none() && self.issued_before_s.is_none() {
            return Err(RevocationError::Aimless);
        }
        let texts = [&self.token, &self.subject, &self.issuer];
        let good = |text: &String| (1..=Self::MOST_TEXT).contains(&text.len());
        texts.into_iter().flatten().all(good).then_some(()).ok_or(RevocationError::Text)
    }
}

impl Revocations {
    /// Most at a time.
    pub const MOST: usize = 10_000;
    /// Most that name neither token nor subject: every credential is held against each of them.
    pub const MOST_GENERAL: usize = 100;
    /// For how long one stays that does not say when it ends. A token that lasts longer than this outlives it.
    pub const KEPT: Duration = Duration::from_secs(366 * 86_400);

    /// Takes back what `target` names, until `until_s` or for [`Revocations::KEPT`]. One that is there already may only
    /// become longer.
    ///
    /// # Errors
    /// [`RevocationError`]; then nothing has changed.
    pub fn add(
        &mut self,
        target: Target,
        until_s: Option<u64>,
        now: SystemTime,
    ) -> Result<Revocation, RevocationError> {
        target.check()?;
        let since_s = seconds(now);
        if target.issued_before_s.is_some_and(|before| before > since_s.saturating_add(CLOCKS_S)) {
            return Err(RevocationError::Future);
        }
        let until_s = until_s.unwrap_or_else(|| since_s.saturating_add(Self::KEPT.as_secs()));
        if until_s <= since_s {
            return Err(RevocationError::Over);
        }
        if let Some(known) = self.known(&target).and_then(|id| self.entries.get_mut(&id)) {
            known.until_s = known.until_s.max(until_s);
            return Ok(known.clone());
        }
        let general = target.token.is_none() && target.subject.is_none();
        let full =
            |this: &Self| this.entries.len() >= Self::MOST || (general && this.general.len() >= Self::MOST_GENERAL);
        if full(self) {
            self.purge(now);
        }
        if full(self) {
            return Err(RevocationError::Full);
        }
        let revocation = Revocation { id: self.last + 1, target, since_s, until_s };
        self.last = revocation.id;
        self.insert(revocation.clone());
        Ok(revocation)
    }

    /// Gives back what one took.
    pub fn remove(&mut self, id: u64) -> Option<Revocation> {
        let revocation = self.entries.remove(&id)?;
        let forget = |index: &mut HashMap<String, Vec<u64>>, name: &String| {
            let Some(ids) = index.get_mut(name) else { return };
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                index.remove(name);
            }
        };
        match (&revocation.target.token, &revocation.target.subject) {
            (Some(token), _) => forget(&mut self.by_token, token),
            (None, Some(subject)) => forget(&mut self.by_subject, subject),
            (None, None) => self.general.retain(|other| *other != id),
        }
        Some(revocation)
    }

    /// The revocation that a grant falls under at this time, if there is one.
    pub fn find(&self, grant: &Grant, now: SystemTime) -> Option<&Revocation> {
        if self.entries.is_empty() {
            return None;
        }
        let now_s = seconds(now);
        let by_token = grant.id.as_deref().into_iter().flat_map(|id| self.candidates(Some(id), None));
        let by_subject = grant.subject.as_deref().into_iter().flat_map(|subject| self.candidates(None, Some(subject)));
        let general = self.candidates(None, None);
        by_token
            .chain(by_subject)
            .chain(general)
            .find(|revocation| now_s < revocation.until_s && revocation.target.concerns(grant))
    }

    /// All of them, the oldest first, from the one after `after` on.
    pub fn after(&self, after: u64) -> impl Iterator<Item = &Revocation> {
        self.entries.range(after.saturating_add(1)..).map(|(_, revocation)| revocation)
    }

    /// Drops those whose time has passed.
    pub fn purge(&mut self, now: SystemTime) {
        let now_s = seconds(now);
        let over: Vec<u64> =
            self.entries.values().filter(|revocation| revocation.until_s <= now_s).map(|over| over.id).collect();
        for id in over {
            self.remove(id);
        }
    }

    /// How many there are, the ones that are over and not yet dropped included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn insert(&mut self, revocation: Revocation) {
        let id = revocation.id;
        match (&revocation.target.token, &revocation.target.subject) {
            (Some(token), _) => self.by_token.entry(token.clone()).or_default().push(id),
            (None, Some(subject)) => self.by_subject.entry(subject.clone()).or_default().push(id),
            (None, None) => self.general.push(id),
        }
        self.entries.insert(id, revocation);
    }

    /// The id of the one with this target.
    fn known(&self, target: &Target) -> Option<u64> {
        let mut alike = self.candidates(target.token.as_deref(), target.subject.as_deref());
        alike.find(|known| known.target == *target).map(|known| known.id)
    }

    /// Those that are kept under this token, else under this subject, else under neither.
    fn candidates(&self, token: Option<&str>, subject: Option<&str>) -> impl Iterator<Item = &Revocation> + use<'_> {
        let ids = match (token, subject) {
            (Some(token), _) => self.by_token.get(token),
            (None, Some(subject)) => self.by_subject.get(subject),
            (None, None) => Some(&self.general),
        };
        ids.into_iter().flatten().filter_map(|id| self.entries.get(id))
    }
}

/// [`Revocations`] as they are written down. A program that reads them knows every member, or reads none.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    last: u64,
    revocations: Vec<Revocation>,
}

impl From<Revocations> for Stored {
    fn from(revocations: Revocations) -> Self {
        Self { last: revocations.last, revocations: revocations.entries.into_values().collect() }
    }
}

impl From<Stored> for Revocations {
    fn from(Stored { last, revocations: entries }: Stored) -> Self {
        let mut revocations = Self { last, ..Self::default() };
        for revocation in entries {
            revocations.last = revocations.last.max(revocation.id);
            revocations.insert(revocation);
        }
        revocations
    }
}

/// How far the clocks of an issuer and the hub may differ, as with tokens.
const CLOCKS_S: u64 = 30;

/// Seconds since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
