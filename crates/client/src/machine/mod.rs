//! The behaviour of a subscription as a state machine: no socket, no clock, no runtime. Answers, bytes and times go in;
//! what is to be done next, items and changes of state come out.
//!
//! A driver does what [`Core::action`] says and tells how it went. It calls [`Core::next_item`] first and takes bytes from
//! its socket only when that gives none: so nothing piles up here. [`Subscription`](crate::Subscription) is that driver;
//! this module is public for another HTTP library or another runtime.

mod answer;
mod backoff;
#[cfg(any(test, feature = "fuzzing"))]
pub mod checked;
mod known;
#[cfg(test)]
mod properties;
mod reader;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use answer::Answer;
pub(crate) use answer::{Meaning, is_passing};
pub use backoff::Retry;
use reader::Reader;

use crate::error::Error;
use crate::item::{Closing, Item};
use crate::refresh::Cause;
use crate::state::{CloseReason, Reason, State};

/// What a core is set up with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The waiting times.
    pub retry: Retry,
    /// The longest time until there is the head of an answer.
    pub connect_timeout: Duration,
    /// How often there is a byte at least, instead of what the server says.
    pub heartbeat: Option<Duration>,
    /// The largest event, in bytes.
    pub max_event: usize,
    /// Whether what comes again is dropped.
    pub dedupe: bool,
    /// Whether there is a refresh hook.
    pub can_refresh: bool,
    /// Where the random part of the waiting times comes from.
    pub seed: u64,
}

/// What the driver has to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make a request, and tell its [answer](Core::answered), or that there is [none](Core::unreachable).
    Connect,
    /// Ask for a new credential, and tell [what came](Core::refreshed).
    Refresh(Cause),
    /// Read from the open stream, and tell the [bytes](Core::received) or its [end](Core::ended).
    Read,
    /// Wait for the [deadline](Core::deadline).
    Wait,
    /// Nothing, ever.
    Stop,
}

/// The state machine.
#[derive(Debug)]
pub struct Core {
    settings: Settings,
    random: fastrand::Rng,
    reader: Reader,
    phase: Phase,
    /// When the phase ends if nothing else ends it.
    deadline: Option<Instant>,
    /// Failures in a row.
    failures: u32,
    /// The attempt under way is the first with a new credential.
    is_fresh: bool,
    /// What went wrong for good, until it is taken.
    error: Option<Error>,
    /// The cursor of the item that was handed out last.
    delivered: String,
    /// Items were dropped that nobody had asked for.
    is_cut: bool,
    /// The last cursor that was given out to be saved.
    saved: String,
    state: State,
    /// Changes of state that nobody took yet.
    changes: VecDeque<State>,
}

#[derive(Debug)]
enum Phase {
    Connecting,
    /// A credential is asked for; an attempt that was refused for want of it is remembered.
    Refreshing {
        cause: Cause,
        /// The status of the answer that refused the one there is.
        refused: Option<u16>,
    },
    Reading {
        since: Instant,
        silence: Option<Duration>,
    },
    /// `refresh`: ask for a new credential before the next attempt.
    Waiting {
        refresh: Option<Cause>,
    },
    Closed,
}

/// How late a deadline may be noticed. Whoever is later did not look, and the time counts for nothing.
const LATEST: Duration = Duration::from_secs(1);

/// Changes of state that are kept for a driver that does not take them.
const MOST_CHANGES: usize = 1024;

impl Core {
    /// A subscription that is about to make its first attempt.
    pub fn new(settings: Settings) -> Self {
        Self {
            random: fastrand::Rng::with_seed(settings.seed),
            reader: Reader::new(settings.max_event, settings.dedupe),
            phase: Phase::Connecting,
            deadline: None,
            failures: 0,
            is_fresh: false,
            error: None,
            delivered: String::new(),
            is_cut: false,
            saved: String::new(),
            state: State::Connecting,
            changes: VecDeque::from([State::Connecting]),
            settings,
        }
    }

    /// Starts after this id. A `stored` one was handled, and is dropped when it comes again. Another is the caller's, and
    /// says nothing of what was handled: the store keeps what it has until there is something new.
    pub fn resume(&mut self, id: &str, stored: bool) {
        self.reader.resume(id, stored);
        self.delivered = id.into();
        self.saved = id.into();
    }

    /// What is to be done.
    pub fn action(&self) -> Action {
        match &self.phase {
            Phase::Connecting => Action::Connect,
            Phase::Refreshing { cause, .. } => Action::Refresh(cause.clone()),
            Phase::Reading { .. } => Action::Read,
            Phase::Waiting { .. } => Action::Wait,
            Phase::Closed => Action::Stop,
        }
    }

    /// When [`tick`](Self::tick) is to be called at the latest.
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The cursor for the next request: the last id that was received; empty when there is none.
    pub fn cursor(&self) -> &str {
        self.reader.cursor()
    }

    /// The next change of state that was not taken.
    pub fn take_change(&mut self) -> Option<State> {
        self.changes.pop_front()
    }

    /// The error it ended with, once.
    pub fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    /// The session whose credential ends soon and when that is, once.
    pub fn take_expiring(&mut self) -> Option<(String, String)> {
        self.reader.take_expiring()
    }

    /// The next item. Whoever asks has handled the one before.
    pub fn next_item(&mut self) -> Option<Item> {
        let item = self.reader.next()?;
        self.delivered.clear();
        self.delivered.push_str(item.id());
        if let Phase::Reading { .. } = self.phase {
            // The application has a turn now, however long it takes.
            self.deadline = None;
        }
        Some(item)
    }

    /// The cursor after what was handled, when all that was handed out is, and it is another than the last time.
    pub fn take_handled(&mut self) -> Option<&str> {
        // What came behind the last item and is no item, such as an id on its own, is handled with it.
        let is_behind = self.is_cut || self.reader.has_ready();
        let handled = if is_behind { &self.delivered } else { self.reader.cursor() };
        if handled == self.saved {
            return None;
        }
        self.saved.clear();
        self.saved.push_str(handled);
        Some(&self.saved)
    }

    /// There is nothing to do but to wait for the socket: from now on its silence counts.
    pub fn idle(&mut self, now: Instant) {
        if self.deadline.is_none() {
            self.deadline = self.limit().and_then(|limit| now.checked_add(limit));
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Instant) {
        let Some(deadline) = self.deadline.filter(|deadline| *deadline <= now) else { return };
        let is_late = now - deadline > LATEST;
        match &mut self.phase {
            Phase::Waiting { refresh } => {
                let refresh = refresh.take();
                self.connect(refresh);
            }
            _ if is_late => self.deadline = self.limit().and_then(|limit| now.checked_add(limit)),
            Phase::Connecting => self.fail(now, Reason::Timeout, Duration::ZERO),
            Phase::Reading { .. } => self.fail(now, Reason::Silent, Duration::ZERO),
            Phase::Refreshing { .. } | Phase::Closed => self.deadline = None,
        }
    }

    /// There was no connection, or no answer on it.
    pub fn unreachable(&mut self, why: String, now: Instant) {
        if let Phase::Connecting = self.phase {
            self.fail(now, Reason::Unreachable(why), Duration::ZERO);
        }
    }

    /// There is an answer.
    pub fn answered(&mut self, answer: Answer, now: Instant) {
        let Phase::Connecting = self.phase else { return };
        let was_fresh = std::mem::take(&mut self.is_fresh);
        match answer.meaning() {
            Meaning::Stream => self.open(&answer, now),
            Meaning::WrongType => {
                let found = answer.content_type.unwrap_or_else(|| "of no type".into());
                self.close_with(Error::WrongType { found });
            }
            Meaning::Finished => self.close(CloseReason::Finished),
            Meaning::Later => {
                self.fail(now, Reason::Refused(answer.status), answer.retry_after.unwrap_or_default());
            }
            Meaning::Credential if self.settings.can_refresh && !was_fresh => {
                let cause = Cause::Refused { status: answer.status, reason: answer.problem.reason.clone() };
                self.deadline = None;
                self.phase = Phase::Refreshing { cause, refused: Some(answer.status) };
            }
            Meaning::Credential => {
                self.close_with(Error::Unauthorized { status: answer.status, problem: answer.problem });
            }
            Meaning::Rejected => {
                self.close_with(Error::Rejected { status: answer.status, problem: answer.problem });
            }
        }
    }

    /// The refresh hook gave a new credential, or failed.
    pub fn refreshed(&mut self, is_new: bool, now: Instant) {
        let Phase::Refreshing { refused, .. } = &self.phase else { return };
        match *refused {
            // Whoever gives out credentials may be down for a while.
            Some(status) if !is_new => self.fail(now, Reason::Refused(status), Duration::ZERO),
            // Where nothing was refused yet the old credential may do.
            _ => {
                self.is_fresh = is_new;
                self.phase = Phase::Connecting;
            }
        }
    }

    /// The stream brought bytes. Call it only after [`next_item`](Self::next_item) gave none.
    pub fn received(&mut self, bytes: Bytes) {
        if let Phase::Reading { .. } = self.phase {
            self.deadline = None;
            self.reader.push(bytes);
        }
    }

    /// The stream ended cleanly.
    pub fn ended(&mut self, now: Instant) {
        self.lost(now, Reason::Ended);
    }

    /// The connection broke.
    pub fn broken(&mut self, why: String, now: Instant) {
        self.lost(now, Reason::Broken(why));
    }

    /// Drops the connection, or the wait for one, and makes an attempt at once.
    pub fn restart(&mut self) {
        if let Phase::Reading { .. } | Phase::Waiting { .. } | Phase::Connecting = self.phase {
            self.reader.disconnect();
            self.connect(None);
        }
    }

    /// Ends it on behalf of the caller. What was not asked for is dropped.
    pub fn abort(&mut self) {
        if !matches!(self.phase, Phase::Closed) {
            self.is_cut = self.reader.has_ready();
            self.reader.clear();
            self.close(CloseReason::Aborted);
        }
    }

    fn open(&mut self, answer: &Answer, now: Instant) {
        let heartbeat = self.settings.heartbeat.or(answer.heartbeat);
        // Two and a half, so that one that is lost or late does no harm.
        let silence = heartbeat.map(|heartbeat| heartbeat.saturating_mul(5) / 2);
        self.reader.connect();
        self.phase = Phase::Reading { since: now, silence };
        self.deadline = None;
        self.change(State::Open);
    }

    fn lost(&mut self, now: Instant, reason: Reason) {
        if !matches!(self.phase, Phase::Reading { .. }) {
            return;
        }
        match self.reader.take_closing() {
            Some(Closing { reason, reconnect, .. }) => self.fail(now, Reason::Closing(reason), reconnect),
            None => self.fail(now, reason, Duration::ZERO),
        }
    }

    /// An attempt has failed; `floor` is the shortest wait the server asks for in it.
    fn fail(&mut self, now: Instant, reason: Reason, floor: Duration) {
        self.reader.disconnect();
        if let Phase::Reading { since, .. } = self.phase
            && now.saturating_duration_since(since) >= self.settings.retry.stable
        {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        if self.settings.retry.failures.is_some_and(|most| self.failures >= most) {
            return self.close_with(Error::Exhausted { failures: self.failures, last: reason });
        }
        let floor = floor.max(self.reader.retry().unwrap_or_default());
        let delay = self.settings.retry.delay(self.failures, floor, &mut self.random);
        let refresh = match &reason {
            Reason::Closing(why) if self.settings.can_refresh && matches!(&**why, "expired" | "revoked") => {
                Some(Cause::Closing { reason: why.clone() })
            }
            _ => None,
        };
        self.is_fresh = false;
        self.phase = Phase::Waiting { refresh };
        self.deadline = now.checked_add(delay);
        self.change(State::Waiting { reason, delay, failures: self.failures });
    }

    fn connect(&mut self, refresh: Option<Cause>) {
        self.deadline = None;
        self.phase = match refresh {
            Some(cause) => Phase::Refreshing { cause, refused: None },
            None => Phase::Connecting,
        };
        self.change(State::Connecting);
    }

    fn close_with(&mut self, error: Error) {
        let reason = error.reason();
        self.error = Some(error);
        self.close(reason);
    }

    fn close(&mut self, reason: CloseReason) {
        self.reader.disconnect();
        self.phase = Phase::Closed;
        self.deadline = None;
        self.change(State::Closed { reason });
    }

    fn change(&mut self, state: State) {
        if self.state != state {
            self.state = state.clone();
            self.changes.push_back(state);
            self.changes.truncate(MOST_CHANGES);
        }
    }

    /// How long the phase may take while its socket gives nothing.
    fn limit(&self) -> Option<Duration> {
        match self.phase {
            Phase::Connecting => Some(self.settings.connect_timeout),
            Phase::Reading { silence, .. } => silence,
            Phase::Refreshing { .. } | Phase::Waiting { .. } | Phase::Closed => None,
        }
    }
}
