//! The sessions of one shard: a table of slots, reused, with generations.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::task::Waker;

use headwater_access::{Grant, TicketKey};
use headwater_hub::{Closing, Format, Pace, Place, Session, Ticket};
use headwater_log::Selection;
use tokio::task::AbortHandle;

use super::Flow;
use crate::edge::budget::Place as ConnectionPlace;
use crate::flow::deliver::{LogRead, patience};
use crate::limit::{Held, PartyKey};

/// How the bytes of a session leave.
pub(crate) enum Driver {
    /// The shard writes to the bare socket.
    Socket(BareSocket),
    /// Somebody polls for the next piece.
    Pull(Puller),
}

/// Who polls for the pieces of a session, and carries them away.
#[derive(Default)]
pub(crate) struct Puller {
    /// Present while it waits for a piece.
    pub(crate) waker: Option<Waker>,
    /// Bytes it was given and has not got rid of.
    pub(crate) unsent: usize,
    /// It had everything when a pass began, and has not come for what that brought.
    pub(crate) fresh: bool,
    /// Its task, which ends with a session that stalled: it waits for the client, and hears of nothing else.
    pub(crate) task: Option<AbortHandle>,
}

/// A socket that has left hyper, with its place in the budget of connections.
pub(crate) struct BareSocket {
    fd: OwnedFd,
    _place: ConnectionPlace,
    /// The kernel has been told to wait for its peer.
    slow: bool,
}

impl BareSocket {
    pub(crate) fn new(fd: OwnedFd, place: ConnectionPlace) -> Self {
        Self { fd, _place: place, slow: false }
    }

    /// Its peer takes nothing at the moment.
    pub(crate) fn wait_for_slow(&mut self) {
        if !self.slow {
            self.slow = true;
            patience::wait_for_slow(&self.fd);
        }
    }

    /// Its peer takes what it is sent.
    pub(crate) fn wait_as_usual(&mut self) {
        if self.slow {
            self.slow = false;
            patience::wait_as_usual(&self.fd);
        }
    }
}

impl Puller {
    /// Lets it come for more.
    pub(crate) fn wake(&mut self) {
        self.waker.take().into_iter().for_each(Waker::wake);
    }
}

impl AsFd for BareSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CloseCause {
    /// The client left.
    Client,
    /// All its topics are finished.
    Ended,
    /// The hub stops.
    Drain,
    /// The stream was old enough.
    MaxAge,
    /// Its credential has ended.
    Expired,
    /// Its credential was taken back, or serves another session now.
    Revoked,
    /// An administrator ended it.
    Admin,
    /// It took no byte for too long.
    Stalled,
    /// What it had begun to receive is gone.
    Lagged,
    /// The log could not be read.
    Error,
}

/// What a new session starts with.
pub(crate) struct Opening {
    /// What it reads.
    pub(crate) selection: Arc<Selection>,
    /// The form of its events.
    pub(crate) format: Format,
    /// It reads after this place.
    pub(crate) cursor: u64,
    /// First bytes: the response head (socket driver) and the preamble.
    pub(crate) first_bytes: Vec<u8>,
    /// Reads the log when the cursor is before the tail.
    pub(crate) log: Option<Box<LogRead>>,
    /// What its client holds, if that is a credential.
    pub(crate) grant: Option<Arc<Grant>>,
    /// The ticket that opens it, if one does.
    pub(crate) ticket: Option<TicketKey>,
    /// How its client wants to be served.
    pub(crate) flow: Flow,
    /// From where its client comes.
    pub(crate) address: IpAddr,
    /// Its reader is code of this process: neither its age nor its time to take a piece ends it.
    pub(crate) in_process: bool,
    /// What it counts as.
    pub(crate) held: Held,
    /// Who is charged for what it reads from the log; nobody where that is not limited.
    pub(crate) party: Option<PartyKey>,
}

/// One session with what its driver needs.
pub(crate) struct Entry {
    pub(crate) session: Session,
    pub(crate) driver: Driver,
    pub(crate) format: Format,
    /// Bytes that go out before any more events: head, preamble, heartbeat, closing. Nearly always empty.
    pub(crate) control: Vec<u8>,
    /// Present while the session reads the log.
    pub(crate) log: Option<Box<LogRead>>,
    /// Asked to end, with this reason, at the next event boundary.
    pub(crate) closing: Option<Closing>,
    /// Ends when `control` is out.
    pub(crate) ending: Option<CloseCause>,
    /// Milliseconds of the shard's clock.
    pub(crate) opened_ms: u64,
    /// When the last byte left.
    pub(crate) sent_ms: u64,
    /// When it last stopped being live; `None` if it never was.
    pub(crate) left_live_ms: Option<u64>,
    /// Its reader is code of this process, which may take its time.
    pub(crate) in_process: bool,
    /// Since when its reader takes nothing although something waits.
    pub(crate) blocked_ms: Option<u64>,
    /// Silence after which it gets a heartbeat: the configured one, a little less for most.
    pub(crate) heartbeat_ms: u32,
    /// Age at which it is ended; 0: never.
    pub(crate) max_age_ms: u64,
    /// What its client holds, if that is a credential.
    pub(crate) grant: Option<Arc<Grant>>,
    /// The ticket that opened it, if one did; few have one.
    pub(crate) ticket: Option<Box<TicketKey>>,
    /// The client was told that its credential ends soon.
    pub(crate) warned: bool,
    /// It was told that it is there.
    pub(crate) present: bool,
    /// Some of its topics conflate for slow readers.
    pub(crate) thins_slow: bool,
    /// Some of its topics end the streams of slow readers.
    pub(crate) closes_slow: bool,
    /// Present if it gets at most so many deliveries a second.
    pub(crate) pace: Option<Box<Pace>>,
    /// From where its client comes.
    pub(crate) address: IpAddr,
    /// Bytes that were sent.
    pub(crate) bytes: u64,
    /// What it counts as, until it ends.
    pub(crate) _held: Held,
    /// Who is charged for what it reads from the log; nobody where that is not limited.
    pub(crate) party: Option<PartyKey>,
    /// When its next deadline comes. An entry of the wheel that comes before was overtaken by an earlier one.
    pub(crate) due_ms: u64,
}

impl Entry {
    /// Since when it has been behind, although it was live once. Who resumes with a backlog is not held to that.
    pub(crate) fn behind_since(&self) -> Option<u64> {
        let waits_its_turn = self.pace.as_ref().is_some_and(|pace| !pace.is_open());
        self.left_live_ms.filter(|_| self.session.place != Place::Live && !waits_its_turn)
    }

    /// It has everything up to the shard's head.
    pub(crate) fn go_live(&mut self) {
        self.session.go_live();
        if let Some(pace) = &mut self.pace {
            pace.end(self.session.told());
        }
    }
}

/// The table.
#[derive(Default)]
pub(crate) struct SessionTable {
    slots: Vec<Slot>,
    free: Vec<u32>,
    len: usize,
    /// Of the next session; counts through the whole table, so that it may shrink.
    generation: u32,
}

struct Slot {
    generation: u32,
    entry: Option<Entry>,
}

impl SessionTable {
    /// Number of sessions.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The ticket the next [`SessionTable::insert`] will give.
    pub(crate) fn next_ticket(&self) -> Ticket {
        Ticket { slot: self.free.last().copied().unwrap_or(self.slots.len() as u32), generation: self.generation }
    }

    /// Adds a session.
    pub(crate) fn insert(&mut self, entry: Entry) -> Ticket {
        let ticket = self.next_ticket();
        let slot = Slot { generation: ticket.generation, entry: Some(entry) };
        match self.free.pop() {
            Some(free) => self.slots[free as usize] = slot,
            None => self.slots.push(slot),
        }
        self.generation = self.generation.wrapping_add(1);
        self.len += 1;
        ticket
    }

    /// Removes a session. When the last one leaves, the memory goes back too.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Entry> {
        let entry = self.slots.get_mut(slot as usize)?.entry.take()?;
        self.len -= 1;
        match self.len {
            0 => (self.slots, self.free) = (Vec::new(), Vec::new()),
            _ => self.free.push(slot),
        }
        Some(entry)
    }

    /// The session in this slot, to look at.
    pub(crate) fn get(&self, slot: u32) -> Option<&Entry> {
        self.slots.get(slot as usize)?.entry.as_ref()
    }

    /// The session in this slot.
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.slots.get_mut(slot as usize)?.entry.as_mut()
    }

    /// The ticket of the session in this slot.
    pub(crate) fn ticket(&self, slot: u32) -> Option<Ticket> {
        let place = self.slots.get(slot as usize)?;
        place.entry.as_ref().map(|_| Ticket { slot, generation: place.generation })
    }

    /// The session of this ticket, unless it has left.
    pub(crate) fn find(&mut self, ticket: Ticket) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(ticket.slot as usize)?;
        if slot.generation != ticket.generation {
            return None;
        }
        slot.entry.as_mut()
    }

    /// One more than the highest slot there may be a session in.
    pub(crate) fn slot_count(&self) -> u32 {
        self.slots.len() as u32
    }

    /// The slots in use.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        self.slots.iter().enumerate().filter(|(_, slot)| slot.entry.is_some()).map(|(slot, _)| slot as u32)
    }
}

impl CloseCause {
    /// All causes, in the order of their counters.
    pub(crate) const ALL: [Self; 10] = [
        Self::Client,
        Self::Ended,
        Self::Drain,
        Self::MaxAge,
        Self::Expired,
        Self::Revoked,
        Self::Admin,
        Self::Stalled,
        Self::Lagged,
        Self::Error,
    ];

    /// The word in metrics and logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Ended => "ended",
            Self::Drain => "drain",
            Self::MaxAge => "max_age",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Admin => "admin",
            Self::Stalled => "stalled",
            Self::Lagged => "lagged",
            Self::Error => "error",
        }
    }
}

impl From<Closing> for CloseCause {
    fn from(closing: Closing) -> Self {
        match closing {
            Closing::Drain => Self::Drain,
            Closing::MaxAge => Self::MaxAge,
            Closing::Expired => Self::Expired,
            Closing::Revoked => Self::Revoked,
            Closing::Admin => Self::Admin,
            Closing::Lagged => Self::Lagged,
        }
    }
}
