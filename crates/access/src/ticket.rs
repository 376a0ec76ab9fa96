//! Tickets: short credentials for clients that can send nothing but an address, such as native EventSource.
//!
//! A ticket is random text, known here by its hash only. It has to be used within seconds; the first use binds it to a
//! session, and from then on it opens that session's reconnects, which repeat the same address, until the credential it
//! was made with ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::cache::hash;
use crate::{Grant, Refusal, Rights};

/// The tickets of a hub.
#[derive(Debug)]
pub struct Tickets {
    /// By the hash of their text; at most `capacity`.
    tickets: HashMap<[u8; 32], Ticket>,
    capacity: usize,
}

#[derive(Debug)]
struct Ticket {
    /// What it opens.
    grant: Arc<Grant>,
    /// What a stream that it opens may read.
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has used it; gone at this time.
    Unused(SystemTime),
    /// It opened a stream; gone when its grant is.
    Used,
}

/// Why no ticket is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// The holder may not read what the ticket would open.
    #[error("a ticket cannot open more than the credential it is made with")]
    Forbidden,
    /// Too many are waiting or in use.
    #[error("too many tickets are in use; try again in a moment")]
    Full,
    /// Its credential has ended.
    #[error("the credential has expired")]
    Expired,
}

impl Tickets {
    /// Longest time until the first use.
    pub const LONGEST: Duration = Duration::from_secs(60);

    /// At most `capacity` tickets at a time.
    pub fn new(capacity: usize) -> Self {
        Self { tickets: HashMap::new(), capacity }
    }

    /// Makes a ticket that opens streams of `rights` for the holder of `grant`, first within `ttl` (at most
    /// [`Tickets::LONGEST`]) of `now`. `random` has to be unpredictable. With the ticket, when it is gone unless used.
    ///
    /// # Errors
    /// [`TicketError`] when it asks for more than the grant holds, when the grant is over, or when there are too many.
    pub fn issue(
        &mut self,
        grant: &Grant,
        rights: Rights,
        ttl: Duration,
        now: SystemTime,
        random: [u8; 32],
    ) -> Result<(String, SystemTime), TicketError> {
        if !grant.holds(now) {
            return Err(TicketError::Expired);
        }
        let covered = rights.subscribe().iter().all(|pattern| grant.rights.may_subscribe(pattern));
        if !covered || !rights.publish().is_empty() || (rights.is_admin() && !grant.rights.is_admin()) {
            return Err(TicketError::Forbidden);
        }
        if self.tickets.len() >= self.capacity {
            self.purge(now);
        }
        if self.tickets.len() >= self.capacity {
            return Err(TicketError::Full);
        }
        let text = BASE64_URL_SAFE_NO_PAD.encode(random);
        let until = now.checked_add(ttl.min(Self::LONGEST)).unwrap_or(now).min(grant.expires());
        let grant = Arc::new(Grant { rights, ..grant.clone() });
        self.tickets.insert(hash(text.as_bytes()), Ticket { grant, state: State::Unused(until) });
        Ok((text, until))
    }

    /// Opens a stream, or opens it again.
    ///
    /// # Errors
    /// [`Refusal::UnknownTicket`], whether it never was one or is one no longer.
    pub fn redeem(&mut self, text: &str, now: SystemTime) -> Result<Arc<Grant>, Refusal> {
        let key = hash(text.as_bytes());
        let ticket = self.tickets.get_mut(&key).ok_or(Refusal::UnknownTicket)?;
        if !ticket.holds(now) {
            self.tickets.remove(&key);
            return Err(Refusal::UnknownTicket);
        }
        ticket.state = State::Used;
        Ok(ticket.grant.clone())
    }

    /// How many there are, the ones that are over and not yet forgotten included.
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    fn purge(&mut self, now: SystemTime) {
        self.tickets.retain(|_, ticket| ticket.holds(now));
    }
}

impl Ticket {
    fn holds(&self, now: SystemTime) -> bool {
        let first_use = match self.state {
            State::Unused(until) => now < until,
            State::Used => true,
        };
        first_use && self.grant.holds(now)
    }
}
