//! How much one address, one subject and one topic may have: connections, sessions, publishes, bytes.
//!
//! A *party* is who a request is charged to: the subject of its credential, else the address it comes from. Networks in
//! `limits.exempt` are no party. Everything that is kept is bounded ([`Ledger`]), a check takes one short lock, and what is
//! not limited takes none.

mod held;
mod tally;

pub(crate) use held::Held;
pub(crate) use tally::{Limit, Tally};

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use headwater_access::{Grant, Network, Source};
use headwater_hub::{Account, AccountId, Bucket, Ledger, Rate};
use headwater_log::{NewEvent, Selection};

use crate::config::{Limits, Settings};

/// Addresses, parties or topics with an account, about 60 bytes each.
const MOST_ACCOUNTS: usize = 100_000;
/// Connections over a limit that are answered at the same time, in the whole hub; more are closed without a word.
const MOST_TURNED_AWAY: usize = 64;
/// The same per second.
const TURNED_AWAY_RATE: u64 = 200;

/// The limits of a hub.
pub(crate) struct Limiter {
    /// When its clock began.
    started: Instant,
    /// Keys are hashes with a secret of this process, so that nobody can choose theirs.
    hasher: RandomState,
    /// By the network of a holder.
    addresses: Mutex<Ledger<Address>>,
    books: Mutex<Books>,
    /// Who may still be told why they are turned away.
    turned_away: Mutex<Bucket>,
    turning_away: Arc<tokio::sync::Semaphore>,
    pub(crate) tally: Tally,
}

/// What is kept about an address.
#[derive(Debug, Default)]
struct Address {
    connections: u32,
    attempts: Bucket,
}

/// Accounts that are looked at together.
struct Books {
    parties: Ledger<Party>,
    topics: Ledger<TopicAccount>,
}

/// What is kept about a party.
#[derive(Debug, Default)]
struct Party {
    sessions: u32,
    publishes: Bucket,
    bytes: Bucket,
    replay: Bucket,
}

/// What is kept about a topic.
#[derive(Debug, Default)]
struct TopicAccount {
    sessions: u32,
    publishes: Bucket,
}

/// Over a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) limit: Limit,
    /// When it would pass; not known where it depends on others leaving.
    pub(crate) wait: Option<Duration>,
}

/// Who a request is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartyKey(u64);

impl Limiter {
    /// Without anybody.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            hasher: RandomState::new(),
            addresses: Mutex::new(Ledger::new(MOST_ACCOUNTS)),
            books: Mutex::new(Books { parties: Ledger::new(MOST_ACCOUNTS), topics: Ledger::new(MOST_ACCOUNTS) }),
            turned_away: Mutex::default(),
            turning_away: Arc::new(tokio::sync::Semaphore::new(MOST_TURNED_AWAY)),
            tally: Tally::default(),
        })
    }

    /// Who a request is charged to; `None` where there are no limits for it.
    pub(crate) fn party(&self, source: Source, grant: Option<&Grant>, limits: &Limits) -> Option<PartyKey> {
        match grant.and_then(|grant| Some((grant.issuer.as_deref(), grant.subject.as_deref()?))) {
            Some(subject) => Some(PartyKey(self.key("subject", subject))),
            None if is_exempt(source, limits) => None,
            None => Some(PartyKey(self.key("network", Network::of_holder(source.address)))),
        }
    }

    /// Counts a connection of a peer, for as long as what is returned is kept. A trusted proxy speaks for others, whose
    /// streams are counted instead.
    ///
    /// # Errors
    /// [`Refused`]. Then nothing is counted.
    pub(crate) fn connect_peer(self: &Arc<Self>, peer: IpAddr, settings: &Settings) -> Result<Held, Refused> {
        match contains(&settings.trusted_proxies, peer) {
            true => Ok(Held::nothing()),
            false => self.connect(Source::direct(peer), &settings.limits),
        }
    }

    /// Counts a connection from a source, for as long as what is returned is kept.
    ///
    /// # Errors
    /// [`Refused`]. Then nothing is counted.
    pub(crate) fn connect(self: &Arc<Self>, source: Source, limits: &Limits) -> Result<Held, Refused> {
        if (limits.address_connections == 0 && limits.connect_rate == 0) || is_exempt(source, limits) {
            return Ok(Held::nothing());
        }
        let key = self.key("network", Network::of_holder(source.address));
        let now = self.now();
        let id = {
            let mut addresses = lock(&self.addresses);
            let (id, address) = addresses.open(key, now);
            if limits.address_connections > 0 && address.connections as usize >= limits.address_connections {
                return Err(self.tally.refused(Limit::Connections, None));
            }
            if let Some(rate) = Rate::per_second(limits.connect_rate) {
                let passed = address.attempts.pass(rate, 1, now);
                passed.map_err(|wait| self.tally.refused(Limit::ConnectRate, Some(wait)))?;
                self.tally.allowed(Limit::ConnectRate);
            }
            address.connections += 1;
            id
        };
        self.tally.allowed(Limit::Connections);
        Ok(Held::address(self.clone(), id))
    }

    /// Whether one that is turned away may be told why: a bounded number at a time and per second. For as long as what is
    /// returned is kept.
    pub(crate) fn turn_away(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let permit = self.turning_away.clone().try_acquire_owned().ok()?;
        let rate = Rate::per_second(TURNED_AWAY_RATE)?;
        let passed = lock(&self.turned_away).pass(rate, 1, self.now());
        passed.ok().map(|()| permit)
    }

    /// Counts a session, for as long as what is returned is kept.
    ///
    /// # Errors
    /// [`Refused`]. Then nothing is counted.
    pub(crate) fn open_session(
        self: &Arc<Self>,
        party: Option<PartyKey>,
        selection: &Selection,
        settings: &Settings,
    ) -> Result<Held, Refused> {
        let most = settings.limits.subject_sessions;
        let party = party.filter(|_| most > 0);
        let topics: Vec<(u64, usize)> = match settings.readers.iter().any(|policy| policy.sessions > 0) {
            false => Vec::new(),
            true => selection
                .topics()
                .map(|topic| (self.key("topic", topic.as_str()), settings.readers.of(topic).sessions as usize))
                .filter(|(_, most)| *most > 0)
                .collect(),
        };
        if party.is_none() && topics.is_empty() {
            return Ok(Held::nothing());
        }
        let now = self.now();
        let mut books = lock(&self.books);
        // Asked first, taken then: what is refused leaves nothing behind.
        if let Some(PartyKey(key)) = party
            && books.parties.open(key, now).1.sessions as usize >= most
        {
            return Err(self.tally.refused(Limit::SubjectSessions, None));
        }
        if topics.iter().any(|(key, most)| books.topics.open(*key, now).1.sessions as usize >= *most) {
            return Err(self.tally.refused(Limit::TopicSessions, None));
        }
        let party = party.map(|PartyKey(key)| {
            self.tally.allowed(Limit::SubjectSessions);
            let (id, account) = books.parties.open(key, now);
            account.sessions += 1;
            id
        });
        let topics = topics.iter().map(|(key, _)| {
            self.tally.allowed(Limit::TopicSessions);
            let (id, account) = books.topics.open(*key, now);
            account.sessions += 1;
            id
        });
        let topics = topics.collect();
        drop(books);
        Ok(Held::session(self.clone(), party, topics))
    }

    /// Lets events be published, all or none of them.
    ///
    /// # Errors
    /// [`Refused`]. Then nothing is counted.
    pub(crate) fn publish(
        &self,
        party: Option<PartyKey>,
        events: &[NewEvent],
        settings: &Settings,
    ) -> Result<(), Refused> {
        let limits = &settings.limits;
        let (count, bytes) = (Rate::per_second(limits.publish_rate), Rate::per_second(limits.publish_bytes));
        let party = party.filter(|_| count.is_some() || bytes.is_some());
        let topics = self.topic_shares(events, settings);
        if party.is_none() && topics.is_empty() {
            return Ok(());
        }
        let size: usize = events.iter().map(|event| event.topic.as_str().len() + event.data.len()).sum();
        let shares = [(Limit::PublishRate, count, events.len() as u64), (Limit::PublishBytes, bytes, size as u64)];
        let now = self.now();
        let mut books = lock(&self.books);
        // Asked first, taken then: what is refused leaves nothing behind.
        let mut refused: Option<(Limit, Duration)> = None;
        let mut ask = |limit, wait: Duration| {
            if wait > refused.map_or(Duration::ZERO, |(_, longest)| longest) {
                refused = Some((limit, wait));
            }
        };
        if let Some(PartyKey(key)) = party {
            let (_, account) = books.parties.open(key, now);
            for (limit, rate, units) in shares {
                let bucket = account.bucket(limit);
                rate.into_iter().for_each(|rate| ask(limit, bucket.wait(rate, units, now)));
            }
        }
        for (key, rate, units) in &topics {
            ask(Limit::TopicRate, books.topics.open(*key, now).1.publishes.wait(*rate, *units, now));
        }
        if let Some((limit, wait)) = refused {
            return Err(self.tally.refused(limit, Some(wait)));
        }
        if let Some(PartyKey(key)) = party {
            let (_, account) = books.parties.open(key, now);
            for (limit, rate, units) in shares {
                let Some(rate) = rate else { continue };
                account.bucket(limit).take(rate, units, now);
                self.tally.allowed(limit);
            }
        }
        for (key, rate, units) in &topics {
            books.topics.open(*key, now).1.publishes.take(*rate, *units, now);
            self.tally.allowed(Limit::TopicRate);
        }
        Ok(())
    }

    /// How long a party has to wait until it may read more of the log.
    ///
    /// # Errors
    /// The time.
    pub(crate) fn may_replay(&self, party: PartyKey, limits: &Limits) -> Result<(), Duration> {
        let Some(rate) = Rate::per_second(limits.replay_bytes) else { return Ok(()) };
        let now = self.now();
        match lock(&self.books).parties.open(party.0, now).1.replay.wait(rate, 1, now) {
            Duration::ZERO => {
                self.tally.allowed(Limit::Replay);
                Ok(())
            }
            wait => Err(self.tally.refused(Limit::Replay, Some(wait)).wait.unwrap_or(wait)),
        }
    }

    /// Charges a party for what was read of the log.
    pub(crate) fn replayed(&self, party: PartyKey, bytes: usize, limits: &Limits) {
        let Some(rate) = Rate::per_second(limits.replay_bytes) else { return };
        let now = self.now();
        lock(&self.books).parties.open(party.0, now).1.replay.take(rate, bytes as u64, now);
    }

    /// For each limited topic its key, its rate and the number of events.
    fn topic_shares(&self, events: &[NewEvent], settings: &Settings) -> Vec<(u64, Rate, u64)> {
        if !settings.readers.iter().any(|policy| policy.publish_rate > 0) {
            return Vec::new();
        }
        let share = |event: &NewEvent| {
            let rate = Rate::per_second(settings.readers.of(&event.topic).publish_rate.into())?;
            Some((self.key("topic", event.topic.as_str()), rate, 1))
        };
        let mut shares: Vec<(u64, Rate, u64)> = events.iter().filter_map(share).collect();
        shares.sort_unstable_by_key(|(key, ..)| *key);
        shares.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            kept.2 += if same { next.2 } else { 0 };
            same
        });
        shares
    }

    fn release_address(&self, id: AccountId) {
        if let Some(address) = lock(&self.addresses).get(id) {
            address.connections = address.connections.saturating_sub(1);
        }
    }

    fn release_session(&self, party: Option<AccountId>, topics: &[AccountId]) {
        let mut books = lock(&self.books);
        if let Some(account) = party.and_then(|id| books.parties.get(id)) {
            account.sessions = account.sessions.saturating_sub(1);
        }
        for id in topics {
            if let Some(account) = books.topics.get(*id) {
                account.sessions = account.sessions.saturating_sub(1);
            }
        }
    }

    fn key(&self, kind: &str, value: impl Hash) -> u64 {
        self.hasher.hash_one((kind, value))
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}

impl Party {
    fn bucket(&mut self, limit: Limit) -> &mut Bucket {
        match limit {
            Limit::PublishBytes => &mut self.bytes,
            _ => &mut self.publishes,
        }
    }
}

impl Account for Address {
    fn is_idle(&self, now_ns: u64) -> bool {
        self.connections == 0 && self.attempts.is_full(now_ns)
    }
}

impl Account for Party {
    fn is_idle(&self, now_ns: u64) -> bool {
        self.sessions == 0 && [self.publishes, self.bytes, self.replay].iter().all(|bucket| bucket.is_full(now_ns))
    }
}

impl Account for TopicAccount {
    fn is_idle(&self, now_ns: u64) -> bool {
        self.sessions == 0 && self.publishes.is_full(now_ns)
    }
}

/// Whether there are no limits by address for a source. The address of a proxy says nothing about whom it speaks for.
fn is_exempt(source: Source, limits: &Limits) -> bool {
    source.known && contains(&limits.exempt, source.address)
}

/// Seconds, rounded up: what is told in `Retry-After` is enough.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_nanos().div_ceil(1_000_000_000).max(1) as u64
}

/// Whether one of the networks has the address.
pub(crate) fn contains(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
