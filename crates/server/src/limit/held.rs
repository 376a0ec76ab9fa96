//! What somebody holds of what is limited in number. Dropping it gives it back.

use std::sync::Arc;

use headwater_hub::AccountId;

use super::Limiter;

/// What somebody holds; nothing, mostly, and then as small as a pointer.
#[derive(Default)]
pub(crate) struct Held(Option<Box<Holding>>);

struct Holding {
    limiter: Arc<Limiter>,
    /// A connection of this address.
    address: Option<AccountId>,
    /// A session of this party.
    party: Option<AccountId>,
    /// A session of these topics.
    topics: Vec<AccountId>,
}

impl Held {
    /// Nothing.
    pub(super) fn nothing() -> Self {
        Self(None)
    }

    /// A connection.
    pub(super) fn address(limiter: Arc<Limiter>, id: AccountId) -> Self {
        Self(Some(Box::new(Holding { limiter, address: Some(id), party: None, topics: Vec::new() })))
    }

    /// A session.
    pub(super) fn session(limiter: Arc<Limiter>, party: Option<AccountId>, topics: Vec<AccountId>) -> Self {
        Self(Some(Box::new(Holding { limiter, address: None, party, topics })))
    }

    /// Both together.
    pub(crate) fn and(mut self, mut other: Self) -> Self {
        match (&mut self.0, &mut other.0) {
            (Some(one), Some(more)) => {
                one.address = one.address.or_else(|| more.address.take());
                one.party = one.party.or_else(|| more.party.take());
                one.topics.append(&mut more.topics);
                self
            }
            (None, _) => other,
            (_, None) => self,
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if let Some(id) = self.address {
            self.limiter.release_address(id);
        }
        if self.party.is_some() || !self.topics.is_empty() {
            self.limiter.release_session(self.party, &self.topics);
        }
    }
}
