//! Tickets: short credentials for clients that can send nothing but an address, such as native EventSource.
//!
//! A ticket is random text, known here by its hash only. It has to be used within seconds; the first use binds it to what
//! that stream reads, and from then on it opens the stream's reconnects, which repeat the same address, until the
//! credential it was made with ends. It holds one stream open at a time: it remembers which, and tells which one has to
//! go when the next one opens.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use headwater_log::Selection;

use crate::cache::hash;
use crate::{Grant, Refusal, Rights};

/// The tickets of a hub, where a session is called `S`.
#[derive(Debug)]
pub struct Tickets<S> {
    /// By the hash of their text; at most `capacity`.
    tickets: HashMap<TicketKey, Ticket<S>>,
    capacity: usize,
}

/// Which ticket it is, for those who need not know its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TicketKey([u8; 32]);

#[derive(Debug)]
struct Ticket<S> {
    /// What it opens, and until when.
    grant: Arc<Grant>,
    /// Whether it was used.
    state: State,
    /// The session that it opened last.
    session: Option<S>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody has used it; gone at this time.
    Unused(SystemTime),
    /// It opened a stream that reads what has this hash; gone when its grant is.
    Used([u8; 32]),
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

/// Longest time until the first use of a ticket.
pub const MAX_TICKET_TTL: Duration = Duration::from_secs(60);

impl<S> Tickets<S> {
    /// At most `capacity` tickets at a time.
    pub fn new(capacity: usize) -> Self {
        Self { tickets: HashMap::new(), capacity }
    }

    /// Makes a ticket that opens streams of `rights` for the holder of `grant`, first within `ttl` (at most
    /// [`MAX_TICKET_TTL`]) of `now`. `random` has to be unpredictable. With the ticket, when it is gone unless used.
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
        let until = now.checked_add(ttl.min(MAX_TICKET_TTL)).unwrap_or(now).min(grant.expires());
        let grant = Arc::new(Grant { rights, ..grant.clone() });
        self.tickets.insert(TicketKey::of(&text), Ticket { grant, state: State::Unused(until), session: None });
        Ok((text, until))
    }

    /// What somebody may do who shows this text. That alone is no use of it.
    ///
    /// # Errors
    /// [`Refusal::UnknownTicket`], whether it never was one or is one no longer.
    pub fn find(&mut self, text: &str, now: SystemTime) -> Result<(TicketKey, Arc<Grant>), Refusal> {
        let key = TicketKey::of(text);
        let grant = self.holding(&key, now)?.grant.clone();
        Ok((key, grant))
    }

    /// Uses a ticket for a stream, or for one of its reconnects. From the first use on it is for this selection.
    ///
    /// # Errors
    /// [`Refusal::OtherTopics`] for another selection than that of the first use; [`Refusal::UnknownTicket`] when its time
    /// has passed meanwhile.
    pub fn redeem(&mut self, key: &TicketKey, selection: &Selection, now: SystemTime) -> Result<(), Refusal> {
        let ticket = self.holding(key, now)?;
        let wanted = fingerprint(selection);
        match ticket.state {
            State::Used(bound) if bound != wanted => Err(Refusal::OtherTopics),
            State::Used(_) => Ok(()),
            State::Unused(_) => {
                ticket.state = State::Used(wanted);
                Ok(())
            }
        }
    }

    /// Notes the session that a ticket has opened, and gives the one that it opened before, which has to end: a ticket is
    /// for one stream at a time, and the newcomer may be the reconnect of one whose end was not noticed.
    pub fn opened(&mut self, key: &TicketKey, session: S) -> Option<S> {
        self.tickets.get_mut(key)?.session.replace(session)
    }

    /// Lets a ticket last as long as the credential that its session was renewed with. It opens no more than before.
    pub fn renew(&mut self, key: &TicketKey, grant: &Grant) {
        if let Some(ticket) = self.tickets.get_mut(key) {
            let rights = ticket.grant.rights.clone();
            ticket.grant = Arc::new(Grant { rights, ..grant.clone() });
        }
    }

    /// How many there are, the ones that are over and not yet forgotten included.
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    fn holding(&mut self, key: &TicketKey, now: SystemTime) -> Result<&mut Ticket<S>, Refusal> {
        if self.tickets.get(key).is_some_and(|ticket| !ticket.holds(now)) {
            self.tickets.remove(key);
        }
        self.tickets.get_mut(key).ok_or(Refusal::UnknownTicket)
    }

    fn purge(&mut self, now: SystemTime) {
        self.tickets.retain(|_, ticket| ticket.holds(now));
    }
}

impl TicketKey {
    fn of(text: &str) -> Self {
        Self(hash(text.as_bytes()))
    }
}

/// Equal for equal selections, whatever their size. No name has a line feed in it, and none is topic and pattern at once.
fn fingerprint(selection: &Selection) -> [u8; 32] {
    let topics = selection.topics().map(|topic| topic.as_str());
    let patterns = selection.patterns().map(|pattern| pattern.as_str());
    hash(topics.chain(patterns).collect::<Vec<_>>().join("\n").as_bytes())
}

impl<S> Ticket<S> {
    fn holds(&self, now: SystemTime) -> bool {
        let first_use = match self.state {
            State::Unused(until) => now < until,
            State::Used(_) => true,
        };
        first_use && self.grant.holds(now)
    }
}
