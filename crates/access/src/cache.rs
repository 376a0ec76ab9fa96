//! Remembers verified tokens, so that a client that comes back costs a hash and not a signature (T17).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};

use crate::{Grant, Refusal, Verifier};

/// Verified tokens by their SHA-256. Two halves: when the newer is full it becomes the older, and what was the older is
/// gone, so that it never holds more than twice its capacity and a token in use stays. Refused tokens are not
/// remembered: whoever sends many of them pays for each, and displaces nobody.
#[derive(Debug)]
pub struct TokenCache {
    newer: HashMap<[u8; 32], Arc<Grant>>,
    older: HashMap<[u8; 32], Arc<Grant>>,
    capacity: usize,
}

impl TokenCache {
    /// Remembers at least `capacity` tokens, at most twice as many, about 300 bytes each and their patterns.
    pub fn new(capacity: usize) -> Self {
        Self { newer: HashMap::new(), older: HashMap::new(), capacity: capacity.max(1) }
    }

    /// Decides about a token like [`Verifier::verify`], from memory where that is possible. Every verifier needs a
    /// cache of its own.
    ///
    /// # Errors
    /// The verifier's; a remembered token whose time has passed is refused, too.
    pub fn verify(&mut self, verifier: &Verifier, token: &str, now: SystemTime) -> Result<Arc<Grant>, Refusal> {
        if let Some(remembered) = self.recall(token, now) {
            return remembered;
        }
        let grant = Arc::new(verifier.verify(token, now)?);
        self.insert(token, grant.clone());
        Ok(grant)
    }

    /// What it remembers of a token, for those who verify the others without holding the cache.
    pub fn recall(&mut self, token: &str, now: SystemTime) -> Option<Result<Arc<Grant>, Refusal>> {
        let grant = self.find(&hash(token.as_bytes()))?;
        Some(if grant.holds(now) { Ok(grant) } else { Err(Refusal::Expired) })
    }

    /// Remembers a token that was verified.
    pub fn insert(&mut self, token: &str, grant: Arc<Grant>) {
        self.remember(hash(token.as_bytes()), grant);
    }

    /// How many tokens it remembers.
    pub fn len(&self) -> usize {
        self.newer.len() + self.older.len()
    }

    /// Whether it remembers none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find(&mut self, hash: &[u8; 32]) -> Option<Arc<Grant>> {
        if let Some(grant) = self.newer.get(hash) {
            return Some(grant.clone());
        }
        let grant = self.older.remove(hash)?;
        self.remember(*hash, grant.clone());
        Some(grant)
    }

    fn remember(&mut self, hash: [u8; 32], grant: Arc<Grant>) {
        if self.newer.len() >= self.capacity {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(hash, grant);
    }
}

/// SHA-256.
pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
