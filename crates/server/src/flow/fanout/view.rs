//! What others may see of a shard's sessions.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use headwater_access::Grant;
use headwater_hub::{Format, GroupId, Place, Ticket};
use headwater_log::{Pattern, Selection, Topic};

use super::sessions::{Driver, Entry};
use super::{SessionName, State};

/// A session as it is at this moment.
#[derive(Clone, Debug)]
pub(crate) struct SessionView {
    pub(crate) name: SessionName,
    pub(crate) selection: Arc<Selection>,
    pub(crate) format: Format,
    /// How its bytes leave: `socket` or `pull`.
    pub(crate) driver: &'static str,
    pub(crate) state: SessionState,
    /// Everything it reads up to here was handed over.
    pub(crate) cursor: u64,
    /// The newest id its client was told.
    pub(crate) told: u64,
    /// For how long it has been behind, if it was live before.
    pub(crate) behind_ms: Option<u64>,
    pub(crate) age_ms: u64,
    /// Since its last byte left.
    pub(crate) idle_ms: u64,
    /// Since its reader stopped taking anything.
    pub(crate) blocked_ms: Option<u64>,
    pub(crate) grant: Option<Arc<Grant>>,
    /// From where its client comes.
    pub(crate) address: IpAddr,
    /// Bytes that were sent.
    pub(crate) bytes: u64,
}

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionState {
    /// It has everything there is.
    Live,
    /// It has something to get.
    CatchingUp,
    /// It has something to get and waits for its turn, because it gets so many deliveries a second.
    Limited,
    /// It is about to end.
    Closing,
}

/// Which sessions are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Those that read this topic, or that asked for this very pattern.
    pub(crate) topic: Option<Pattern>,
    /// Those of this holder.
    pub(crate) subject: Option<String>,
}

/// Some of the sessions of a shard, by slot.
pub(crate) struct Listed {
    pub(crate) sessions: Vec<SessionView>,
    /// The slot to go on from, if there may be more.
    pub(crate) next: Option<u32>,
}

/// Those of a stretch of a shard's slots that are furthest behind.
#[derive(Default)]
pub(crate) struct Furthest {
    /// How many sessions of the stretch are asked for.
    pub(crate) total: usize,
    /// With for how many milliseconds each has been behind; those that have everything stand last.
    pub(crate) sessions: Vec<(Option<u64>, SessionView)>,
    /// The slot to go on from, if there is more.
    pub(crate) next: Option<u32>,
}

/// The sessions of a shard that read a topic.
#[derive(Default)]
pub(crate) struct Behind {
    /// How many there are.
    pub(crate) matching: usize,
    /// How many of them have not got that far.
    pub(crate) behind: usize,
    /// Some of these.
    pub(crate) sessions: Vec<SessionView>,
}

/// Slots that are looked at in one go, so that a list never holds up deliveries for long.
const SLOTS_PER_LOOK: u32 = 10_000;

impl SessionState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::CatchingUp => "catching_up",
            Self::Limited => "limited",
            Self::Closing => "closing",
        }
    }
}

impl State {
    /// A session, unless it has left.
    pub(super) fn view(&mut self, ticket: Ticket) -> Option<SessionView> {
        self.sessions.find(ticket)?;
        self.view_slot(ticket.slot)
    }

    /// At most `most` sessions from the slot `from` on.
    pub(super) fn list(&self, filter: &Filter, from: u32, most: usize) -> Listed {
        let end = self.look_until(from);
        let mut sessions = Vec::new();
        for (slot, _) in self.matching(filter, from..end) {
            if sessions.len() == most {
                return Listed { sessions, next: Some(slot) };
            }
            sessions.extend(self.view_slot(slot));
        }
        Listed { sessions, next: (end < self.sessions.slot_count()).then_some(end) }
    }

    /// Looks at some of the slots from `from` on, and names at most `most` of those that are furthest behind.
    pub(super) fn furthest(&self, filter: &Filter, from: u32, most: usize) -> Furthest {
        let now = self.now_ms();
        let end = self.look_until(from);
        let found = self.matching(filter, from..end).map(|(slot, entry)| (entry.behind_for(now), slot));
        let mut found: Vec<(Option<u64>, u32)> = found.collect();
        let total = found.len();
        found.sort_by_key(|(behind, _)| Reverse(*behind));
        found.truncate(most);
        let named = found.into_iter().filter_map(|(behind, slot)| Some((behind, self.view_slot(slot)?)));
        Furthest { total, sessions: named.collect(), next: (end < self.sessions.slot_count()).then_some(end) }
    }

    /// The slot at which a look that begins at `from` ends.
    fn look_until(&self, from: u32) -> u32 {
        from.saturating_add(SLOTS_PER_LOOK).min(self.sessions.slot_count())
    }

    /// The sessions in these slots that are asked for.
    fn matching<'a>(&'a self, filter: &'a Filter, slots: Range<u32>) -> impl Iterator<Item = (u32, &'a Entry)> {
        let mut wanted: HashMap<GroupId, bool> = HashMap::new();
        slots.filter_map(move |slot| {
            let entry = self.sessions.get(slot)?;
            let reads = *wanted.entry(entry.session.group).or_insert_with(|| {
                self.fanout.group(entry.session.group).is_some_and(|group| filter.takes(&group.selection))
            });
            (reads && filter.takes_holder(entry)).then_some((slot, entry))
        })
    }

    /// The sessions that read `topic`, and at most `most` of those that have not got as far as `seq`.
    pub(super) fn behind(&self, topic: &Topic, seq: u64, most: usize) -> Behind {
        let mut found = Behind::default();
        for group in self.fanout.groups_of(topic) {
            found.matching += group.members().len();
            for slot in group.members() {
                if self.sessions.get(*slot).is_some_and(|entry| entry.session.cursor(self.head) < seq) {
                    found.behind += 1;
                    if found.sessions.len() < most {
                        found.sessions.extend(self.view_slot(*slot));
                    }
                }
            }
        }
        found
    }

    /// The session in this slot.
    pub(super) fn view_slot(&self, slot: u32) -> Option<SessionView> {
        let now = self.now_ms();
        let (entry, ticket) = (self.sessions.get(slot)?, self.sessions.ticket(slot)?);
        let since = |time: u64| now.saturating_sub(time);
        Some(SessionView {
            name: SessionName { shard: self.index, ticket },
            selection: self.fanout.group(entry.session.group)?.selection.clone(),
            format: entry.format,
            driver: match entry.driver {
                Driver::Socket(_) => "socket",
                Driver::Pull(_) => "pull",
            },
            state: entry.state(),
            cursor: entry.session.cursor(self.head),
            told: entry.session.told(),
            behind_ms: entry.left_live_ms.filter(|_| entry.session.place != Place::Live).map(since),
            age_ms: since(entry.opened_ms),
            idle_ms: since(entry.sent_ms),
            blocked_ms: entry.blocked_ms.map(since),
            grant: entry.grant.clone(),
            address: entry.address,
            bytes: entry.bytes,
        })
    }
}

impl Furthest {
    /// Adds what another stretch has, and keeps those of both that are furthest behind.
    pub(crate) fn add(&mut self, other: Self, most: usize) {
        self.total += other.total;
        self.sessions.extend(other.sessions);
        self.sessions.sort_by_key(|(behind, _)| Reverse(*behind));
        self.sessions.truncate(most);
    }
}

impl Entry {
    fn state(&self) -> SessionState {
        if self.closing.is_some() || self.ending.is_some() {
            return SessionState::Closing;
        }
        match self.session.place {
            Place::Live => SessionState::Live,
            _ if self.pace.as_ref().is_some_and(|pace| pace.waiting) => SessionState::Limited,
            _ => SessionState::CatchingUp,
        }
    }
}

impl Filter {
    fn takes(&self, selection: &Selection) -> bool {
        let Some(wanted) = &self.topic else { return true };
        match wanted.as_topic() {
            Some(topic) => selection.matches(&topic),
            None => selection.patterns().any(|pattern| pattern == wanted),
        }
    }

    fn takes_holder(&self, entry: &Entry) -> bool {
        let holder = || entry.grant.as_ref().and_then(|grant| grant.subject.as_deref());
        self.subject.as_deref().is_none_or(|wanted| holder() == Some(wanted))
    }
}
