//! A core beside a plain model of what the chapter on clients says, held against each other at every step. For property
//! tests and fuzzing only.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headwater_event_stream::{Chunk, Decoder};

use super::{Action, Answer, Core, Settings};
use crate::item::{Closing, Gap, Item, TOPIC};
use crate::state::{CloseReason, Reason, State};

/// What happens to a core. All of it may happen at any time, whatever was asked for.
#[derive(Clone, Debug)]
pub enum Input {
    /// An answer.
    Answer(Answer),
    /// No connection.
    Unreachable,
    /// The refresh hook gave a credential, or did not.
    Refreshed(bool),
    /// Bytes of a stream; at most [`MOST_BYTES`] of them count.
    Bytes(Vec<u8>),
    /// The application asks for so many items at most.
    Take(u8),
    /// The stream ended cleanly.
    End,
    /// The connection broke.
    Break,
    /// The driver waits for its socket.
    Idle,
    /// Time passes, and the driver looks at the clock.
    Pass(Duration),
    /// The time until the deadline passes, and so many milliseconds beside.
    Due(u16),
    /// What is handled is to be saved.
    Save,
    /// The application restarts it.
    Restart,
    /// The application ends it.
    Abort,
}

/// Bytes that are decoded at once, so that the model knows when.
pub const MOST_BYTES: usize = 4096;

/// How many ids are known.
const MOST_KNOWN: usize = 1024;
/// The most a server can ask for.
const HOUR: Duration = Duration::from_hours(1);

/// The core and its model.
#[derive(Debug)]
pub struct Checked {
    core: Core,
    settings: Settings,
    now: Instant,
    /// What is to be done, as far as the model knows.
    action: Action,
    /// Failures in a row.
    failures: u32,
    /// When the stream that is read was opened.
    opened: Option<Instant>,
    is_fresh: bool,
    decoder: Decoder,
    /// The id before an event that is too large and whose end has not come.
    refused: Option<String>,
    /// Given and not decoded.
    bytes: Vec<u8>,
    /// Items to come.
    items: VecDeque<Item>,
    closing: Option<Closing>,
    /// Ids, each with the connection it was first received on; oldest first.
    known: VecDeque<(String, u32)>,
    connection: u32,
    /// The id of the item that came last.
    delivered: String,
    saved: String,
    /// Items were dropped that nobody asked for.
    is_cut: bool,
    close: Option<CloseReason>,
}

impl Checked {
    /// A core that starts after the id, if there is one; with `stored` it comes from a store.
    pub fn new(settings: Settings, cursor: &str, stored: bool) -> Self {
        let mut core = Core::new(settings.clone());
        let decoder = Decoder::builder()
            .capture(TOPIC)
            .max_event(settings.max_event)
            .max_line(settings.max_event.saturating_add(64))
            .last_event_id(cursor)
            .build();
        core.resume(cursor, stored);
        assert_eq!(core.take_change(), Some(State::Connecting));
        let known = (stored && !cursor.is_empty()).then(|| (cursor.to_owned(), 0));
        Self {
            core,
            settings,
            now: Instant::now(),
            action: Action::Connect,
            failures: 0,
            opened: None,
            is_fresh: false,
            decoder,
            refused: None,
            bytes: Vec::new(),
            items: VecDeque::new(),
            closing: None,
            known: known.into_iter().collect(),
            connection: 0,
            delivered: cursor.into(),
            saved: cursor.into(),
            is_cut: false,
            close: None,
        }
    }

    /// Lets something happen to both.
    ///
    /// # Panics
    /// When they differ afterwards.
    pub fn apply(&mut self, input: Input) {
        match input {
            Input::Answer(answer) => self.answer(answer),
            Input::Unreachable => {
                self.core.unreachable("no".into(), self.now);
                if self.action == Action::Connect {
                    self.fail(Reason::Unreachable("no".into()), Duration::ZERO);
                }
            }
            Input::Refreshed(is_given) => self.refreshed(is_given),
            Input::Bytes(mut bytes) => {
                self.take(usize::MAX);
                bytes.truncate(MOST_BYTES);
                self.core.received(Bytes::copy_from_slice(&bytes));
                if self.action == Action::Read {
                    self.bytes = bytes;
                }
            }
            Input::Take(most) => self.take(most.into()),
            Input::End => {
                self.core.ended(self.now);
                self.lost(Reason::Ended);
            }
            Input::Break => {
                self.core.broken("no".into(), self.now);
                self.lost(Reason::Broken("no".into()));
            }
            Input::Idle => self.core.idle(self.now),
            Input::Pass(time) => self.pass(time),
            Input::Due(late) => {
                let left = self.core.deadline().map(|deadline| deadline.saturating_duration_since(self.now));
                self.pass(left.unwrap_or_default().saturating_add(Duration::from_millis(late.into())));
            }
            Input::Save => self.save(),
            Input::Restart => {
                self.core.restart();
                if let Action::Connect | Action::Read | Action::Wait = self.action {
                    self.leave(Action::Connect, State::Connecting);
                }
            }
            Input::Abort => {
                self.core.abort();
                if self.action != Action::Stop {
                    self.is_cut = !self.items.is_empty();
                    self.items.clear();
                    self.stop(CloseReason::Aborted);
                }
            }
        }
        self.compare();
    }

    fn answer(&mut self, answer: Answer) {
        self.core.answered(answer.clone(), self.now);
        if self.action != Action::Connect {
            return;
        }
        let was_fresh = std::mem::take(&mut self.is_fresh);
        let media = answer.content_type.as_deref().unwrap_or("").split(';').next().unwrap_or("");
        match answer.status {
            200 if media.trim().eq_ignore_ascii_case("text/event-stream") => {
                self.decoder.reset();
                self.refused = None;
                self.connection += 1;
                self.opened = Some(self.now);
                self.closing = None;
                self.action = Action::Read;
                self.expect(State::Open);
            }
            200 => self.stop(CloseReason::WrongType),
            204 => self.stop(CloseReason::Finished),
            408 | 425 | 429 | 500..=599 => {
                self.fail(Reason::Refused(answer.status), answer.retry_after.unwrap_or_default());
            }
            401 | 403 if self.settings.can_refresh && !was_fresh => {
                // Which cause it is has its own tests.
                self.action = self.core.action();
                assert!(matches!(self.action, Action::Refresh(_)), "{:?}", self.action);
            }
            401 | 403 => self.stop(CloseReason::Unauthorized),
            _ => self.stop(CloseReason::Rejected),
        }
    }

    fn refreshed(&mut self, is_given: bool) {
        let Action::Refresh(cause) = &self.action else {
            return self.core.refreshed(true, self.now);
        };
        let refused = match cause {
            crate::refresh::Cause::Refused { status, .. } => Some(*status),
            _ => None,
        };
        self.core.refreshed(is_given, self.now);
        match refused {
            Some(status) if !is_given => self.fail(Reason::Refused(status), Duration::ZERO),
            _ => {
                self.is_fresh = is_given;
                self.action = Action::Connect;
            }
        }
    }

    /// Items come as the model has them, and not after the core has said that there are none.
    fn take(&mut self, most: usize) {
        for _ in 0..most {
            if self.items.is_empty() {
                self.decode();
            }
            let item = self.core.next_item();
            assert_eq!(item, self.items.pop_front());
            match item {
                Some(item) => self.delivered = item.id().to_owned(),
                None => return,
            }
        }
    }

    fn decode(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut chunk = Chunk::new(&bytes);
        loop {
            if let Some(before) = self.refused.clone() {
                if !self.decoder.skip_refused(&mut chunk) {
                    return;
                }
                self.refused = None;
                self.items.push_back(Item::Gap(Gap::oversized(&before, self.decoder.last_event_id())));
            }
            let (item, own_id) = match self.decoder.decode(&mut chunk) {
                Ok(None) => return,
                Ok(Some(event)) => {
                    let own_id = (event.has_own_id() && !event.id.is_empty()).then(|| event.id.to_owned());
                    (Item::read(&event), own_id)
                }
                Err(_) => {
                    self.refused = Some(self.decoder.last_event_id().into());
                    continue;
                }
            };
            if let Item::Closing(closing) = &item {
                self.closing = Some(closing.clone());
            }
            let is_event = matches!(item, Item::Event(_) | Item::End(_));
            let is_repeated = match own_id.filter(|_| is_event && self.settings.dedupe) {
                Some(id) => self.is_repeated(id),
                None => false,
            };
            if !is_repeated {
                self.items.push_back(item);
            }
        }
    }

    /// Whether an event came on an earlier connection, as far as that is known.
    fn is_repeated(&mut self, id: String) -> bool {
        if let Some((_, connection)) = self.known.iter().find(|(known, _)| *known == id) {
            return *connection < self.connection;
        }
        self.known.push_back((id, self.connection));
        if self.known.len() > MOST_KNOWN {
            self.known.pop_front();
        }
        false
    }

    fn lost(&mut self, reason: Reason) {
        if self.action == Action::Read {
            match self.closing.take() {
                Some(closing) => self.fail(Reason::Closing(closing.reason), closing.reconnect),
                None => self.fail(reason, Duration::ZERO),
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let Some(now) = self.now.checked_add(time) else { return };
        self.now = now;
        let deadline = self.core.deadline();
        let before = self.core.action();
        self.core.tick(self.now);
        let Some(deadline) = deadline.filter(|deadline| *deadline <= self.now) else { return };
        let is_late = self.now - deadline > Duration::from_secs(1);
        match before {
            Action::Wait => {
                // Which of both it is depends on why it waited.
                self.action = self.core.action();
                assert!(matches!(self.action, Action::Connect | Action::Refresh(_)), "{:?}", self.action);
                self.expect(State::Connecting);
            }
            Action::Connect if !is_late => self.fail(Reason::Timeout, Duration::ZERO),
            Action::Read if !is_late => self.fail(Reason::Silent, Duration::ZERO),
            // Nobody had looked, so that nothing can be said about the socket.
            _ => {}
        }
    }

    /// What is saved was handed out, and never lies behind what was not.
    fn save(&mut self) {
        let is_behind = self.is_cut || !self.items.is_empty();
        let handled = if is_behind { self.delivered.clone() } else { self.decoder.last_event_id().to_owned() };
        let expected = (handled != self.saved).then_some(&*handled);
        assert_eq!(self.core.take_handled(), expected);
        self.saved = handled;
    }

    /// An attempt has failed: the wait is as long as documented.
    fn fail(&mut self, reason: Reason, floor: Duration) {
        if self.opened.take().is_some_and(|opened| self.now - opened >= self.settings.retry.stable) {
            self.failures = 0;
        }
        self.is_fresh = false;
        self.failures = self.failures.saturating_add(1);
        if self.settings.retry.failures.is_some_and(|most| self.failures >= most) {
            return self.stop(CloseReason::Exhausted);
        }
        let floor = floor.max(self.decoder.retry().unwrap_or_default()).min(HOUR);
        let doubled = 2_u32.checked_pow(self.failures - 1).unwrap_or(u32::MAX);
        let most = self.settings.retry.first.saturating_mul(doubled).min(self.settings.retry.most);
        let Some(State::Waiting { reason: told, delay, failures }) = self.core.take_change() else {
            panic!("no wait after {reason:?}")
        };
        assert_eq!((told, failures), (reason, self.failures));
        assert!(delay >= floor && delay <= floor.saturating_add(most), "{delay:?} is not {floor:?} to {most:?} more");
        assert_eq!(self.core.deadline(), self.now.checked_add(delay));
        self.drop_connection();
        self.action = Action::Wait;
    }

    fn leave(&mut self, action: Action, state: State) {
        let was_connecting = self.action == Action::Connect;
        self.drop_connection();
        self.action = action;
        if !was_connecting {
            self.expect(state);
        }
    }

    fn stop(&mut self, reason: CloseReason) {
        self.drop_connection();
        self.action = Action::Stop;
        self.close = Some(reason);
        self.expect(State::Closed { reason });
        let error = self.core.take_error().map(|error| error.reason());
        let is_error = !matches!(reason, CloseReason::Aborted | CloseReason::Finished);
        assert_eq!(error, is_error.then_some(reason));
    }

    fn drop_connection(&mut self) {
        self.decoder.reset();
        self.bytes.clear();
        self.opened = None;
    }

    fn expect(&mut self, state: State) {
        assert_eq!(self.core.take_change(), Some(state));
    }

    /// What has to hold at any time.
    fn compare(&mut self) {
        assert_eq!(self.core.action(), self.action);
        assert_eq!(self.core.take_change(), None);
        assert!(self.core.take_error().is_none(), "an error is told once");
        // The cursor goes where the server says, and nowhere else.
        assert_eq!(self.core.cursor(), self.decoder.last_event_id());
        if self.close.is_some() {
            assert_eq!((self.core.action(), self.core.deadline()), (Action::Stop, None), "closed stays closed");
        }
    }
}
