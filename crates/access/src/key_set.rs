//! A set of public keys as an issuer publishes it (RFC 7517), and when to fetch it again.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::token::object;
use crate::{Algorithm, Key};

/// Why a text is no set of keys. Completes a sentence that begins with what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a JSON object with a list `keys`.
    #[error("is no JWK set: a JSON object with a list \"keys\"")]
    NotASet,
    /// More keys than anybody needs.
    #[error("has more than {} keys", MOST_KEYS)]
    TooMany,
}

/// Keys of one set that are looked at.
const MOST_KEYS: usize = 100;

/// The keys of a set that verify `algorithm`, and nothing else of it (T21): what is for another algorithm or another use,
/// what is private, and what cannot be read is passed over.
///
/// # Errors
/// [`KeySetError`] for what is no set at all.
pub fn read_key_set(algorithm: Algorithm, text: &[u8]) -> Result<Vec<Key>, KeySetError> {
    let set: Set<'_> = object(text).ok_or(KeySetError::NotASet)?;
    if set.keys.len() > MOST_KEYS {
        return Err(KeySetError::TooMany);
    }
    // Whoever can read a published secret could sign with it.
    if algorithm == Algorithm::Hs256 {
        return Ok(Vec::new());
    }
    let usable = |raw: &&RawValue| {
        let member: Member = object(raw.get().as_bytes())?;
        let verifies = member.key_ops.is_none_or(|operations| operations.iter().any(|one| one == "verify"));
        let id = member.kid.unwrap_or_default();
        verifies.then(|| Key::from_text(&id, algorithm, raw.get()).ok()).flatten()
    };
    Ok(set.keys.iter().filter_map(usable).collect())
}

#[derive(Deserialize)]
struct Set<'s> {
    #[serde(borrow)]
    keys: Vec<&'s RawValue>,
}

/// The members of a key that the key itself does not look at.
#[derive(Deserialize)]
struct Member {
    kid: Option<String>,
    key_ops: Option<Vec<String>>,
}

/// When a set of keys is fetched. Times are passed in.
#[derive(Clone, Debug)]
pub struct FetchPlan {
    /// When it is fetched without anybody asking.
    due: Instant,
    /// When it was last fetched because somebody asked.
    asked: Option<Instant>,
    /// Fetches that failed since the last one that did not.
    failures: u32,
    /// A fetch is under way.
    busy: bool,
}

impl FetchPlan {
    /// Least time between two fetches because of keys that are not in the set (T22).
    pub const FLOOR: Duration = Duration::from_secs(30);
    /// How long a set is good for at least, whatever it came with.
    pub const SHORTEST: Duration = Duration::from_secs(60);
    /// How long at most: a key that its issuer takes back counts no longer than that.
    pub const LONGEST: Duration = Duration::from_secs(6 * 3600);
    /// How long if nothing is said.
    pub const USUAL: Duration = Duration::from_secs(600);

    /// Due at once.
    pub fn new(now: Instant) -> Self {
        Self { due: now, asked: None, failures: 0, busy: false }
    }

    /// When the next fetch is due.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Whether somebody with a key that is not in the set should wait for a fetch: for the one that is under way, or for
    /// one that becomes due by asking.
    pub fn ask(&mut self, now: Instant) -> bool {
        if self.busy {
            return true;
        }
        if self.asked.is_some_and(|asked| now.saturating_duration_since(asked) < Self::FLOOR) {
            return false;
        }
        self.asked = Some(now);
        self.due = now;
        true
    }

    /// A fetch begins.
    pub fn begin(&mut self) {
        self.busy = true;
    }

    /// A set has come, good for so long if it says so.
    pub fn succeeded(&mut self, now: Instant, max_age: Option<Duration>) {
        (self.busy, self.failures) = (false, 0);
        self.due = now + max_age.unwrap_or(Self::USUAL).clamp(Self::SHORTEST, Self::LONGEST);
    }

    /// None has come. The next try is soon at first, and every half minute if that goes on.
    pub fn failed(&mut self, now: Instant) {
        self.busy = false;
        self.due = now + (Duration::from_secs(1) * (1 << self.failures.min(5))).min(Self::FLOOR);
        self.failures += 1;
    }
}

/// The `max-age` of a `Cache-Control` field. Zero, `no-cache` and `no-store` count as the shortest time.
pub fn max_age(cache_control: &str) -> Option<Duration> {
    let mut found = None;
    for directive in cache_control.split(',').map(str::trim) {
        if directive.eq_ignore_ascii_case("no-store") || directive.eq_ignore_ascii_case("no-cache") {
            return Some(Duration::ZERO);
        }
        if let Some((name, seconds)) = directive.split_once('=')
            && name.trim().eq_ignore_ascii_case("max-age")
        {
            found = seconds.trim().trim_matches('"').parse().ok().map(Duration::from_secs);
        }
    }
    found
}
