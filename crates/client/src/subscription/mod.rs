//! A subscription: the thin layer between the state machine in `core`, and the network, the clock and the application.

mod attempt;
mod builder;
mod handle;
mod renewal;
mod saver;

use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use futures_core::Stream;
use http::HeaderValue;
use http_body::Body as _;
use tokio::time::Sleep;

use crate::error::{BoxError, Error, chain};
use crate::item::Item;
use crate::machine::{Action, Core};
use crate::refresh::{BoxFuture, Cause, Hook};
use crate::state::{OnState, State};
use crate::warning::{OnWarning, Warning};
use attempt::{Attempt, Opened};
pub use builder::Builder;
pub use handle::Handle;
use handle::{Shared, Signal};
use renewal::Renewal;
use saver::Saver;

/// An open subscription: a stream of items that goes on where it was, whatever happens to its connections.
///
/// It works only while it is polled, on the task that polls it: nothing is read that was not asked for, and there is no
/// queue that could grow. A subscription that is not polled for long lets the server wait.
///
/// [`next`](Self::next) may be dropped at any time, for example in `select!`, and loses nothing. An item counts as handled
/// when the next one is asked for; only then is its id stored.
///
/// The stream ends with `None` after the server said that there is nothing more (204) or the subscription was closed, and
/// with one `Err` before that when it failed for good.
pub struct Subscription {
    core: Core,
    attempt: Attempt,
    io: Io,
    token: Option<HeaderValue>,
    refresh: Option<Hook>,
    /// A credential is renewed while the stream goes on.
    renewal: Option<BoxFuture<Renewal>>,
    saver: Option<Saver>,
    timer: Pin<Box<Sleep>>,
    shared: Arc<Shared>,
    on_state: Option<OnState>,
    on_warning: Arc<OnWarning>,
}

/// What is under way.
enum Io {
    /// Nothing.
    Idle,
    /// The store is asked where to start.
    Loading(BoxFuture<Result<Option<String>, BoxError>>),
    /// A request was made.
    Connecting(BoxFuture<Result<Opened, String>>),
    /// A stream is open.
    Reading(Box<reqwest::Body>),
    /// The application is asked for a credential.
    Refreshing(BoxFuture<Result<String, BoxError>>),
}

impl Subscription {
    /// Settings for a subscription to this address, which can be any that answers with `text/event-stream`.
    pub fn builder(address: impl Into<String>) -> Builder {
        Builder::new(address.into())
    }

    /// Settings for a subscription to topics and patterns of the hub at `base`, for example `http://127.0.0.1:7070`.
    pub fn hub<T: AsRef<str>>(base: &str, topics: impl IntoIterator<Item = T>) -> Builder {
        Builder::hub(base, topics)
    }

    /// The next item; `None` when there is nothing more. Asking for it says that the item before was handled.
    ///
    /// # Errors
    /// One [`Error`] when the subscription fails for good; after it there is nothing more.
    pub async fn next(&mut self) -> Option<Result<Item, Error>> {
        std::future::poll_fn(|cx| self.poll_item(cx)).await
    }

    /// Counts the item that came last as handled, without asking for another: for a program that stops after it.
    pub fn acknowledge(&mut self) {
        self.save_handled();
    }

    /// The last id that was received: where the next attempt goes on. Empty when there is none.
    pub fn last_event_id(&self) -> &str {
        self.core.cursor()
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Something to restart or close it with from elsewhere.
    pub fn handle(&self) -> Handle {
        Handle::new(self.shared.clone())
    }

    /// Closes it, and waits until the last id that was handled is stored.
    pub async fn close(mut self) {
        self.abort();
        if let Some(saver) = self.saver.take() {
            saver.finish().await;
        }
    }

    fn abort(&mut self) {
        self.core.abort();
        self.io = Io::Idle;
        self.renewal = None;
        self.tell_changes();
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Item, Error>>> {
        self.obey(cx);
        loop {
            self.tell_changes();
            self.save_handled();
            if let Io::Loading(load) = &mut self.io {
                let loaded = ready!(load.as_mut().poll(cx));
                self.io = Io::Idle;
                self.start_from(loaded);
            }
            if let Some(item) = self.core.next_item() {
                self.renew_if_expiring();
                return Poll::Ready(Some(Ok(item)));
            }
            self.renew_if_expiring();
            self.poll_renewal(cx);
            let progress = match self.core.action() {
                Action::Stop => return Poll::Ready(self.core.take_error().map(Err)),
                Action::Connect => self.poll_connect(cx),
                Action::Refresh(cause) => self.poll_refresh(cause, cx),
                Action::Read => self.poll_read(cx),
                Action::Wait => Poll::Pending,
            };
            if progress.is_pending() && self.poll_timer(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Does what was asked through a [`Handle`].
    fn obey(&mut self, cx: &Context<'_>) {
        match self.shared.take_signal(cx.waker()) {
            Some(Signal::Close) => self.abort(),
            Some(Signal::Restart) => {
                self.core.restart();
                if let Io::Connecting(_) | Io::Reading(_) = self.io {
                    self.io = Io::Idle;
                }
            }
            None => {}
        }
    }

    fn start_from(&mut self, loaded: Result<Option<String>, BoxError>) {
        match loaded {
            Ok(Some(id)) => self.core.resume(&id, true),
            Ok(None) => {}
            Err(error) => self.on_warning.tell(Warning::Load(error)),
        }
    }

    fn poll_connect(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !matches!(self.io, Io::Connecting(_)) {
            self.io = Io::Connecting(self.attempt.send(self.token.as_ref(), self.core.cursor()));
        }
        let Io::Connecting(request) = &mut self.io else { return Poll::Pending };
        let outcome = ready!(request.as_mut().poll(cx));
        self.io = Io::Idle;
        match outcome {
            Err(why) => self.core.unreachable(why, Instant::now()),
            Ok(Opened { answer, body }) => {
                self.core.answered(answer, Instant::now());
                if let (Action::Read, Some(body)) = (self.core.action(), body) {
                    self.io = Io::Reading(Box::new(body));
                }
            }
        }
        Poll::Ready(())
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Io::Reading(body) = &mut self.io else {
            self.core.ended(Instant::now());
            return Poll::Ready(());
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        match frame {
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    self.core.received(bytes);
                }
            }
            Some(Err(error)) => {
                self.io = Io::Idle;
                self.core.broken(chain(&error.without_url()), Instant::now());
            }
            None => {
                self.io = Io::Idle;
                self.core.ended(Instant::now());
            }
        }
        Poll::Ready(())
    }

    fn poll_refresh(&mut self, cause: Cause, cx: &mut Context<'_>) -> Poll<()> {
        let Some(hook) = &self.refresh else {
            self.core.refreshed(false, Instant::now());
            return Poll::Ready(());
        };
        if !matches!(self.io, Io::Refreshing(_)) {
            self.io = Io::Refreshing(hook(cause));
        }
        let Io::Refreshing(answer) = &mut self.io else { return Poll::Pending };
        let answer = ready!(answer.as_mut().poll(cx));
        self.io = Io::Idle;
        let taken = answer.and_then(|token| Ok(crate::http::bearer(&token)?));
        let is_new = taken.is_ok();
        match taken {
            Ok(token) => self.token = Some(token),
            Err(error) => self.on_warning.tell(Warning::Refresh(error)),
        }
        self.core.refreshed(is_new, Instant::now());
        Poll::Ready(())
    }

    /// Waits for the deadline of the core, counting from now what has none yet.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        self.core.idle(now);
        let Some(deadline) = self.core.deadline() else { return Poll::Pending };
        if self.timer.deadline().into_std() != deadline {
            self.timer.as_mut().reset(deadline.into());
        }
        ready!(self.timer.as_mut().poll(cx));
        let before = self.core.action();
        self.core.tick(Instant::now());
        if before != self.core.action() {
            self.io = Io::Idle;
        }
        Poll::Ready(())
    }

    fn renew_if_expiring(&mut self) {
        let Some((session, expires_at)) = self.core.take_expiring() else { return };
        if let Some(hook) = &self.refresh
            && let Some(request) = self.attempt.renewal(&session)
        {
            let credential = hook(Cause::Expiring { expires_at });
            self.renewal = Some(renewal::renew(credential, self.attempt.http.clone(), request));
        }
    }

    fn poll_renewal(&mut self, cx: &mut Context<'_>) {
        let Some(renewal) = &mut self.renewal else { return };
        let Poll::Ready(Renewal { token, failed }) = renewal.as_mut().poll(cx) else { return };
        self.renewal = None;
        self.token = token.or(self.token.take());
        if let Some(error) = failed {
            self.on_warning.tell(Warning::Renew(error));
        }
    }

    fn save_handled(&mut self) {
        if let Some(saver) = &self.saver
            && let Some(id) = self.core.take_handled()
        {
            saver.save(id);
        }
    }

    fn tell_changes(&mut self) {
        while let Some(state) = self.core.take_change() {
            self.shared.set_state(state.clone());
            if let Some(tell) = &mut self.on_state {
                tell(&state);
            }
        }
    }
}

impl Stream for Subscription {
    type Item = Result<Item, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("core", &self.core).finish_non_exhaustive()
    }
}
