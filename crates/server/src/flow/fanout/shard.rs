//! A shard: one thread's sessions and what they share.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headwater_hub::{Closing, FanOut, Group, Place, Session, Ticket, Wheel};
use rustix::event::epoll;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::AbortHandle;

use super::pacing::Paced;
use super::pass::{Rest, Round};
use super::sample::Ended;
use super::sessions::{CloseCause, Driver, Entry, Opening, SessionTable};
use super::{Message, ShardHandle};
use crate::flow::deliver::Found;
use crate::hub::Hub;
use crate::observe::{Counters, Record, What};

/// What the tasks of one thread share.
pub(crate) struct Shard {
    /// The hub.
    pub(crate) hub: Arc<Hub>,
    /// How other threads reach this shard.
    pub(crate) handle: Arc<ShardHandle>,
    /// Never borrowed across an await.
    pub(crate) state: RefCell<State>,
}

/// The sessions of one thread.
pub(crate) struct State {
    /// Index of this shard.
    pub(crate) index: u32,
    pub(crate) hub: Arc<Hub>,
    pub(crate) handle: Arc<ShardHandle>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) sessions: SessionTable,
    pub(crate) fanout: FanOut,
    pub(crate) wheel: Wheel,
    /// Everything up to here has been handed to the live sessions.
    pub(crate) head: u64,
    /// Watches the bare sockets.
    pub(crate) epoll: OwnedFd,
    /// Sessions that are reading a page from the log, of at most [`State::MOST_READS`].
    pub(crate) reads: usize,
    /// Sessions that wait for their turn to read the log.
    pub(crate) waiting_reads: VecDeque<Ticket>,
    /// Not all that the kernel has to say about the sockets was heard.
    pub(crate) more_sockets: bool,
    /// What was found last in the tail.
    pub(crate) found: Found,
    /// Sessions that wait for their turn because they get so many deliveries a second.
    pub(super) paced: Paced,
    /// The time since the last pass.
    pub(super) rest: Rest,
    /// Sessions that may read the log again at this time, in milliseconds.
    pub(crate) waiting_replays: BinaryHeap<Reverse<(u64, u32, u32)>>,
    /// What is left of the pass under way.
    pub(crate) rounds: VecDeque<Round>,
    /// Sessions left in the middle of much data, so that others get their turn.
    pub(crate) unfinished: VecDeque<Ticket>,
    /// Sessions whose cursor is past `head`: they go on when the shard gets there.
    pub(crate) ahead: Vec<Ticket>,
    /// The last sessions that the hub ended, for operators; bounded.
    pub(super) ended: VecDeque<Ended>,
    /// Sessions to end per second, and the share of one that the last tick left over.
    pub(crate) drain: Option<(f64, f64)>,
    pub(crate) random: fastrand::Rng,
    /// When its clock began.
    pub(crate) started: Instant,
}

impl Shard {
    /// The shard of this index, without sessions.
    ///
    /// # Errors
    /// When the kernel gives no epoll descriptor.
    pub(crate) fn new(hub: Arc<Hub>, index: usize) -> io::Result<Rc<Self>> {
        let (handle, counters) = (hub.shards[index].clone(), hub.counters[index].clone());
        let state = State {
            index: index as u32,
            hub: hub.clone(),
            handle: handle.clone(),
            counters,
            sessions: SessionTable::default(),
            fanout: FanOut::default(),
            wheel: Wheel::new(0),
            head: hub.tail.head(),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            reads: 0,
            waiting_reads: VecDeque::new(),
            more_sockets: false,
            found: Found::default(),
            paced: Paced::new(),
            rest: Rest::new(Instant::now()),
            waiting_replays: BinaryHeap::new(),
            rounds: VecDeque::new(),
            unfinished: VecDeque::new(),
            ahead: Vec::new(),
            ended: VecDeque::new(),
            drain: None,
            random: fastrand::Rng::new(),
            started: Instant::now(),
        };
        Ok(Rc::new(Self { hub, handle, state: RefCell::new(state) }))
    }

    /// Serves the sessions until the task is dropped.
    pub(crate) async fn run(self: Rc<Self>) -> io::Result<()> {
        let epoll = self.state.borrow().epoll.try_clone()?;
        let sockets = watch(epoll)?;
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(Wheel::TICK_MS));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            let (ticking, more, turn) = {
                let state = self.state.borrow();
                let more = state.more_sockets || !state.unfinished.is_empty() || !state.rounds.is_empty();
                let turn = [state.next_turn(), state.pass_due()].into_iter().flatten().min();
                (!state.wheel.is_empty(), more, turn)
            };
            tokio::select! {
                // Whoever published hears of it before its readers do: their next events are on the way meanwhile.
                () = self.handle.notified() => tokio::task::yield_now().await,
                ready = sockets.readable() => {
                    ready?.clear_ready();
                    self.state.borrow_mut().more_sockets = true;
                }
                _ = tick.tick(), if ticking => self.state.borrow_mut().on_tick(),
                () = at(turn), if turn.is_some() => {}
                // Lets accepts and requests of this thread have their turn first.
                () = tokio::task::yield_now(), if more => {}
            }
            let mut state = self.state.borrow_mut();
            for message in self.handle.take() {
                state.on_message(message);
            }
            if state.more_sockets {
                state.on_sockets()?;
            }
            state.pass();
            state.go_round();
            state.serve_paced();
            state.resume_unfinished();
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// Lets the runtime say when one of the bare sockets has news.
#[expect(unsafe_code, reason = "the runtime asks for a promise about the descriptor")]
fn watch(epoll: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the `OwnedFd` moves into the `AsyncFd`, always reports the same descriptor, and nobody else can close
    // it: it stays open until the `AsyncFd` drops it.
    unsafe { AsyncFd::register_with_interest(epoll, Interest::READABLE) }.map_err(io::Error::from)
}

/// Deadlines of sessions that have left which are not worth a sweep.
const SPARE_DEADLINES: usize = 4096;

impl State {
    /// Most sessions of a shard that read pages from the log at the same time (T16).
    pub(crate) const MOST_READS: usize = 64;

    /// Milliseconds since the shard started.
    pub(crate) fn now_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Adds a session.
    pub(crate) fn open(&mut self, opening: Opening, driver: Driver) -> Ticket {
        let now = self.now_ms();
        let settings = self.hub.settings();
        let Opening {
            selection,
            format,
            cursor,
            first_bytes,
            log,
            grant,
            ticket: by,
            flow,
            address,
            in_process,
            held,
            party,
        } = opening;
        let over = settings.readers.over(&selection);
        let conflate = flow.conflation(over);
        let (group, member) = self.fanout.join(selection, format, conflate, self.sessions.next_ticket().slot);
        let mut session = Session::new(group, member, cursor);
        if log.is_some() {
            session.place = Place::Log;
        }
        let heartbeat = settings.heartbeat.as_millis() as f64;
        let max_age = if in_process { 0.0 } else { settings.max_age.as_millis() as f64 };
        let mut entry = Entry {
            session,
            driver,
            format,
            control: first_bytes,
            log,
            closing: None,
            ending: None,
            opened_ms: now,
            sent_ms: now,
            left_live_ms: None,
            in_process,
            blocked_ms: None,
            // Spread, so that sessions fed by the same event do not all beat in the same moment.
            heartbeat_ms: (heartbeat * (0.9 + 0.1 * self.random.f64())) as u32,
            max_age_ms: (max_age * (0.9 + 0.2 * self.random.f64())) as u64,
            grant,
            ticket: by.map(Box::new),
            warned: false,
            present: false,
            thins_slow: over.thins_slow,
            closes_slow: over.closes_slow,
            pace: flow.pace(over, now * 1000),
            address,
            bytes: 0,
            _held: held,
            party,
            due_ms: 0,
        };
        let oldest = if entry.max_age_ms > 0 { entry.max_age_ms } else { u64::MAX };
        entry.due_ms = now.saturating_add(oldest.min(u64::from(entry.heartbeat_ms))).min(entry.expiry_due_ms(now));
        // It may have been revoked since the request was let in.
        if entry.grant.as_ref().is_some_and(|grant| self.hub.credentials.revoked.covers(grant)) {
            entry.closing = Some(Closing::Revoked);
        }
        let due = entry.due_ms;
        let ticket = self.sessions.insert(entry);
        self.wheel.schedule(due, ticket);
        self.counters.opened.add(1);
        if let Some(by) = by {
            self.supersede(&by, ticket);
        }
        if over.presence {
            self.arrive(ticket, &settings);
        }
        if let Some(log) = self.sessions.find(ticket).and_then(|entry| entry.log.as_mut()) {
            log.want();
            self.start_read(ticket);
        }
        ticket
    }

    /// Ends a session now; its socket is closed, and whoever pulls finds it gone.
    pub(crate) fn close(&mut self, slot: u32, cause: CloseCause) {
        let now = self.now_ms();
        let Some(ticket) = self.sessions.ticket(slot) else { return };
        self.remember_end(slot, cause);
        let Some(entry) = self.sessions.remove(slot) else { return };
        self.depart(ticket, &entry);
        self.log_end(&entry, cause, now);
        if let Some(moved) = self.fanout.leave(entry.session.group, entry.session.member)
            && let Some(other) = self.sessions.get_mut(moved)
        {
            other.session.member = entry.session.member;
        }
        // Sessions that come and go fast would leave their deadlines behind until these are due.
        if self.wheel.len() > 2 * self.sessions.len() + SPARE_DEADLINES {
            let sessions = &mut self.sessions;
            self.wheel.sweep(|ticket| sessions.find(ticket).is_some());
        }
        self.counters.closed(cause);
        tracing::debug!(
            reason = cause.as_str(),
            seconds = now.saturating_sub(entry.opened_ms) / 1000,
            last_id = %self.hub.wire.position(entry.session.told()),
            "stream ended"
        );
        match entry.driver {
            Driver::Socket(socket) => {
                // The descriptor leaves the epoll set when it is closed.
                if cause != CloseCause::Client {
                    let _ = rustix::net::shutdown(socket.as_fd(), rustix::net::Shutdown::Write);
                }
            }
            Driver::Pull(mut puller) => {
                puller.wake();
                // Neither hears anything one that takes nothing, so that only its end can tell it.
                let deaf = cause == CloseCause::Stalled
                    || (matches!(cause, CloseCause::Revoked | CloseCause::Expired) && entry.blocked_ms.is_some());
                puller.task.filter(|_| deaf).iter().for_each(AbortHandle::abort);
            }
        }
    }

    /// Notes the end of a session in the access log.
    fn log_end(&self, entry: &Entry, cause: CloseCause, now: u64) {
        if !self.hub.access_log.is_on() {
            return;
        }
        self.hub.access_log.note(Record {
            what: What::Session(self.fanout.group(entry.session.group).map(|group| group.selection.clone())),
            status: 200,
            reason: Some(cause.as_str()),
            duration: Duration::from_millis(now.saturating_sub(entry.opened_ms)),
            bytes: Some(entry.bytes),
            last_id: Some(self.hub.wire.position(entry.session.told()).to_string()),
            grant: entry.grant.clone(),
            address: entry.address,
        });
    }

    /// Whether every topic of this group is finished at the shard's head.
    pub(crate) fn finished(&self, group: &Group) -> bool {
        group.finished(self.head, |topic| {
            self.hub.engine.topic(topic).filter(|info| info.end.is_some()).map(|info| info.last)
        })
    }

    fn on_message(&mut self, message: Message) {
        match message {
            Message::Page(ticket, page) => self.on_page(ticket, page),
            Message::Readers(topics, reply) => {
                // Whoever asked may have gone.
                let _ = reply.send(topics.iter().map(|topic| self.fanout.readers(topic)).collect());
            }
            Message::Attendance => self.report_attendance(),
            Message::Renew(ticket, grant, reply) => {
                let _ = reply.send(self.renew(ticket, grant));
            }
            Message::Revoke(target) => self.revoke(&target),
            Message::End(ticket, reply) => {
                let there = self.sessions.find(ticket).is_some();
                if there {
                    self.ask_to_end(ticket.slot, Closing::Admin);
                }
                let _ = reply.send(there);
            }
            Message::Superseded(ticket) => {
                if self.sessions.find(ticket).is_some() {
                    self.ask_to_end(ticket.slot, Closing::Revoked);
                }
            }
            Message::View(ticket, reply) => {
                let _ = reply.send(self.view(ticket));
            }
            Message::List(filter, from, most, reply) => {
                let _ = reply.send(self.list(&filter, from, most));
            }
            Message::Furthest(filter, from, most, reply) => {
                let _ = reply.send(self.furthest(&filter, from, most));
            }
            Message::Behind(topic, seq, most, reply) => {
                let _ = reply.send(self.behind(&topic, seq, most));
            }
            Message::Sample(from, most, reply) => {
                let _ = reply.send(self.sample(from, most));
            }
            Message::Ended(reply) => {
                let _ = reply.send(self.ended().iter().cloned().collect());
            }
            Message::Drain(rate) => self.drain = Some((rate, 1.0)),
        }
    }
}
