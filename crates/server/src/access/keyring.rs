//! The keys that verify tokens: those of the configuration, and those of sets that are fetched.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use headwater_access::{Grant, Issuer, Key, Refusal, TokenCache, Verifier};

use super::key_set::KeySet;
use crate::config;

/// The keys that verify tokens, and the tokens that they verified.
pub(super) struct Keyring {
    /// As configured, without the keys of sets.
    configured: Vec<Issuer>,
    sets: Vec<KeySet>,
    state: Mutex<State>,
}

/// Every shard asks it, for about a microsecond.
struct State {
    verifier: Arc<Verifier>,
    /// Tokens that this verifier has verified: it goes with the verifier, so that a key that is gone is gone.
    cache: TokenCache,
    /// The keys of each set, once there are some.
    fetched: Vec<Option<Vec<Key>>>,
}

/// Verified tokens that are remembered at least.
const CACHED_TOKENS: usize = 50_000;
/// How long a request waits for a fetch: a little longer than one may take.
const WAIT: Duration = Duration::from_secs(6);

impl Keyring {
    /// Reads the keys that are at hand.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub(super) fn new(access: &config::Access) -> Result<Self, String> {
        let at = |id: &str, fault: &dyn std::fmt::Display| format!("cannot use the key \"{id}\": {fault}");
        let configured = access.issuers().map_err(|(id, fault)| at(&id, &fault))?;
        let mut sets = Vec::new();
        for (key, source) in access.key_sets() {
            let signer = access.signer(key);
            let issuer = configured.iter().position(|one| (one.name.as_ref(), one.audience.as_ref()) == signer);
            let set = KeySet::new(key, source, issuer.unwrap_or_default());
            sets.push(set.map_err(|fault| at(&key.id, &format!("its jwks_url {fault}")))?);
        }
        let fetched = vec![None; sets.len()];
        let verifier = Arc::new(Verifier::new(configured.clone()));
        let state = Mutex::new(State { verifier, cache: TokenCache::new(CACHED_TOKENS), fetched });
        Ok(Self { configured, sets, state })
    }

    /// Decides about a token with the keys that are there.
    ///
    /// # Errors
    /// The verifier's.
    pub(super) fn verify(&self, token: &str, now: SystemTime) -> Result<Arc<Grant>, Refusal> {
        let verifier = {
            let mut state = self.state();
            if let Some(remembered) = state.cache.recall(token, now) {
                return remembered;
            }
            state.verifier.clone()
        };
        // Without the lock: a signature takes a hundred times as long as a look into the cache.
        let grant = Arc::new(verifier.verify(token, now)?);
        let mut state = self.state();
        // Other keys may be in force by now, and this one gone.
        if Arc::ptr_eq(&state.verifier, &verifier) {
            state.cache.insert(token, grant.clone());
        }
        Ok(grant)
    }

    /// What a token gives, and the id of the key that signed it.
    ///
    /// # Errors
    /// The verifier's.
    pub(super) fn examine(&self, token: &str, now: SystemTime) -> Result<(Grant, String), Refusal> {
        let verifier = self.state().verifier.clone();
        verifier.examine(token, now).map(|(grant, key)| (grant, key.id().to_owned()))
    }

    /// The sets of keys that are fetched.
    pub(super) fn sets(&self) -> &[KeySet] {
        &self.sets
    }

    /// Has the sets fetched again, as far as they may be, and waits for that. Whoever comes meanwhile waits for the same
    /// fetch.
    pub(super) async fn refresh(&self) {
        let fetches: Vec<_> = self.sets.iter().filter_map(KeySet::ask).collect();
        let all = async {
            for fetch in fetches {
                fetch.over().await;
            }
        };
        // One that takes too long has brought nothing.
        let _ = tokio::time::timeout(WAIT, all).await;
    }

    /// Puts the keys of a set in force in place of those it had, and forgets whom they verified.
    pub(super) fn replace(&self, set: usize, keys: Vec<Key>) {
        let mut state = self.state();
        state.fetched[set] = Some(keys);
        let mut issuers = self.configured.clone();
        issuers.iter_mut().for_each(|issuer| issuer.pending = false);
        for (set, keys) in self.sets.iter().zip(&state.fetched) {
            let Some(issuer) = issuers.get_mut(set.issuer()) else { continue };
            match keys {
                Some(keys) => issuer.keys.extend(keys.iter().cloned()),
                None => issuer.pending = true,
            }
        }
        state.verifier = Arc::new(Verifier::new(issuers));
        state.cache = TokenCache::new(CACHED_TOKENS);
    }

    /// Takes over what another keyring has fetched from the same places, so that a reload waits for nobody.
    pub(super) fn take_over(&self, earlier: &Self) {
        for (index, set) in self.sets.iter().enumerate() {
            let same = earlier.sets.iter().position(|other| other.is_from_the_place_of(set));
            let keys = same.and_then(|same| earlier.state().fetched[same].clone());
            if let Some(keys) = keys {
                self.replace(index, keys);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
