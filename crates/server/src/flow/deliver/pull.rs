//! The pull driver: whoever carries the bytes asks for the next piece.
//!
//! A hyper body (HTTP/2), the writer of a TLS connection and a long-poll answer are all this. Dropping the
//! [`Pull`] ends the session, so a session never outlives its connection (RUN-01).

use std::cell::OnceCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use headwater_hub::{Format, GapReason, Place, Run, Ticket};
use http_body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::AbortHandle;

use super::Step;
use crate::flow::fanout::{CloseCause, Driver, Opening, Puller, Shard, State};

/// Most bytes of one piece: what an HTTP/2 stream or a TLS connection may have unsent, beside what the kernel
/// holds (T12).
pub(crate) const PIECE_BYTES: usize = 16 << 10;

/// A session whose bytes somebody pulls.
pub(crate) struct Pull {
    shard: Rc<Shard>,
    ticket: Ticket,
    format: Format,
}

/// What a session gives.
pub(crate) enum Piece {
    /// Bytes that are not events.
    Control(Bytes),
    /// Events.
    Run(Run),
    /// Events are missing.
    Gap {
        /// Why.
        reason: GapReason,
        /// The place before them.
        requested: u64,
        /// The place after them.
        resumed_at: u64,
    },
}

impl Pull {
    /// Opens a session on `shard`.
    pub(crate) fn open(shard: &Rc<Shard>, opening: Opening) -> Self {
        let format = opening.format;
        let ticket = shard.state.borrow_mut().open(opening, Driver::Pull(Puller::default()));
        Self { shard: shard.clone(), ticket, format }
    }

    /// Has the task that runs this dropped when the session's client takes nothing for too long. Only for a task of
    /// [`spawn_carrier`] that does nothing else.
    pub(crate) fn carried_by_this_task(&self) {
        let mut state = self.shard.state.borrow_mut();
        if let Some(Driver::Pull(puller)) = state.sessions.find(self.ticket).map(|entry| &mut entry.driver) {
            puller.task = CARRIER.try_with(|task| task.get().cloned()).ok().flatten();
        }
    }

    /// The next piece; `None` when the stream is over.
    pub(crate) async fn next(&mut self) -> Option<Piece> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next piece, unless the session is live and has nothing: then `None`, too.
    pub(crate) async fn next_unless_live(&mut self) -> Option<Piece> {
        poll_fn(|cx| match self.poll_next(cx) {
            Poll::Pending if self.is_live() => Poll::Ready(None),
            other => other,
        })
        .await
    }

    fn is_live(&self) -> bool {
        let mut state = self.shard.state.borrow_mut();
        state.sessions.find(self.ticket).is_none_or(|entry| entry.session.place == Place::Live)
    }

    /// The place up to which everything has been handed over.
    pub(crate) fn cursor(&self) -> Option<u64> {
        let mut state = self.shard.state.borrow_mut();
        let head = state.head;
        state.sessions.find(self.ticket).map(|entry| entry.session.cursor(head))
    }

    /// Whether events between those handed over are known to be missing and were not told yet.
    pub(crate) fn untold(&self) -> bool {
        let mut state = self.shard.state.borrow_mut();
        let entry = state.sessions.find(self.ticket);
        entry.and_then(|entry| entry.log.as_ref()).is_some_and(|log| log.untold())
    }

    /// The next piece as bytes of the session's format.
    pub(crate) async fn next_bytes(&mut self) -> Option<Parcel> {
        poll_fn(|cx| self.poll_bytes(cx)).await
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Parcel>> {
        let piece = ready!(self.poll_piece(cx, PIECE_BYTES));
        Poll::Ready(piece.map(|piece| {
            let bytes = match piece {
                Piece::Control(bytes) => bytes,
                Piece::Run(run) => run.bytes,
                Piece::Gap { reason, requested, resumed_at } => {
                    let wire = self.shard.hub.wire;
                    let mut bytes = Vec::new();
                    wire.gap(self.format, reason, &wire.position(requested).to_string(), resumed_at, &mut bytes);
                    bytes.into()
                }
            };
            self.shard.state.borrow_mut().given(self.ticket, bytes.len());
            Parcel { bytes, from: Some((self.shard.clone(), self.ticket)) }
        }))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        self.poll_piece(cx, usize::MAX)
    }

    /// The next piece. Of a run longer than `most` bytes only the bytes count, which are the next of them.
    fn poll_piece(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<Option<Piece>> {
        let mut state = self.shard.state.borrow_mut();
        let now = state.now_ms();
        let slot = self.ticket.slot;
        if state.sessions.find(self.ticket).is_none() {
            return Poll::Ready(None);
        }
        let step = state.step(slot);
        let Some(entry) = state.sessions.find(self.ticket) else { return Poll::Ready(None) };
        let (run, from) = match step {
            Step::Control => {
                let bytes = Bytes::from(std::mem::take(&mut entry.control));
                entry.sent_ms = now;
                entry.bytes += bytes.len() as u64;
                state.counters.bytes_out.add(bytes.len() as u64);
                return Poll::Ready(Some(Piece::Control(bytes)));
            }
            Step::Tail(run) => (run, entry.session.partial()),
            Step::Log => {
                let Some(log) = &mut entry.log else { return Poll::Ready(None) };
                let Some(run) = log.run().cloned() else { return Poll::Ready(None) };
                let from = match log.sent {
                    0 => entry.session.partial(),
                    sent => sent,
                };
                log.sent = run.bytes.len().min(from.saturating_add(most));
                (run, from)
            }
            Step::Gap { reason, requested, resumed_at } => {
                entry.session.skip_to(resumed_at);
                state.counters.gaps.add(1);
                return Poll::Ready(Some(Piece::Gap { reason, requested, resumed_at }));
            }
            Step::Wait => {
                let Driver::Pull(puller) = &mut entry.driver else { return Poll::Ready(None) };
                puller.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Step::End(cause) => {
                state.close(slot, cause);
                return Poll::Ready(None);
            }
        };
        let fresh = match &mut entry.driver {
            Driver::Pull(puller) => std::mem::take(&mut puller.fresh),
            Driver::Socket(_) => false,
        };
        let end = run.bytes.len().min(from.saturating_add(most));
        entry.session.advance(&run, end);
        entry.sent_ms = now;
        entry.bytes += (end - from) as u64;
        if let Some(taken) = run.taken.filter(|_| fresh) {
            state.counters.latency.note_since(taken);
        }
        state.counters.delivered(&run, from, end);
        state.counters.bytes_out.add((end - from) as u64);
        Poll::Ready(Some(Piece::Run(part(run, from, end))))
    }
}

/// The bytes of a run from `from` to `end`. A part is copied, so that one that waits does not keep the whole.
fn part(run: Run, from: usize, end: usize) -> Run {
    match from == 0 && end == run.bytes.len() {
        true => run,
        false => Run { bytes: Bytes::copy_from_slice(&run.bytes[from..end]), ..run },
    }
}

impl State {
    /// Notes that this many bytes are on their way to the client of a session.
    fn given(&mut self, ticket: Ticket, bytes: usize) {
        let now = self.now_ms();
        let Some(entry) = self.sessions.find(ticket) else { return };
        let Driver::Pull(puller) = &mut entry.driver else { return };
        puller.unsent += bytes;
        if entry.blocked_ms.is_none() {
            entry.blocked_ms = Some(now);
            self.expect_stall(ticket.slot);
        }
    }

    /// Notes that this many of them have left.
    fn taken(&mut self, ticket: Ticket, bytes: usize) {
        let now = self.now_ms();
        let Some(entry) = self.sessions.find(ticket) else { return };
        let Driver::Pull(puller) = &mut entry.driver else { return };
        puller.unsent = puller.unsent.saturating_sub(bytes);
        entry.blocked_ms = (puller.unsent > 0).then_some(now);
    }
}

/// Bytes on their way. They tell their session when they leave, so that a client that takes none is noticed.
pub(crate) struct Parcel {
    bytes: Bytes,
    from: Option<(Rc<Shard>, Ticket)>,
}

impl Parcel {
    /// The bytes, which still have to be told to have left.
    pub(crate) fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Tells that all of them have left.
    pub(crate) fn leave(mut self) {
        self.advance(self.remaining());
    }
}

impl From<Bytes> for Parcel {
    /// Bytes of no session.
    fn from(bytes: Bytes) -> Self {
        Self { bytes, from: None }
    }
}

impl Buf for Parcel {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some((shard, ticket)) = self.from.as_ref().filter(|_| count > 0) {
            shard.state.borrow_mut().taken(*ticket, count);
        }
    }
}

impl Drop for Pull {
    fn drop(&mut self) {
        let mut state = self.shard.state.borrow_mut();
        if state.sessions.find(self.ticket).is_some() {
            state.close(self.ticket.slot, CloseCause::Client);
        }
    }
}

/// The body of an HTTP/2 stream. No error: an event stream that cannot go on just ends.
impl Body for Pull {
    type Data = Parcel;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Parcel>, Self::Error>>> {
        self.poll_bytes(cx).map(|parcel| parcel.map(|parcel| Ok(Frame::data(parcel))))
    }
}

/// Writes a session to an encrypted connection until either side ends it. The response head is among the
/// session's first bytes.
async fn write_out<S: AsyncRead + AsyncWrite + Unpin>(mut io: S, mut pull: Pull) {
    let mut stray = [0u8; 256];
    let mut strayed = 0;
    loop {
        tokio::select! {
            parcel = pull.next_bytes() => {
                let Some(parcel) = parcel else { break };
                let written = async {
                    io.write_all(&parcel.bytes).await?;
                    io.flush().await
                };
                if written.await.is_err() {
                    return;
                }
                // Not before: what was written may only have been encrypted.
                parcel.leave();
            }
            read = io.read(&mut stray) => match read {
                Ok(n) if n > 0 && strayed + n <= 4096 => strayed += n,
                _ => return,
            },
        }
    }
    // A clean end needs the close_notify; a client that does not take it does not delay us.
    let _ = tokio::time::timeout(Duration::from_secs(1), io.shutdown()).await;
}

/// Spawns [`write_out`] on this thread, with what has to live as long as the connection.
pub(crate) fn spawn<S: AsyncRead + AsyncWrite + Unpin + 'static>(io: S, pull: Pull, with: impl Sized + 'static) {
    let task = async move {
        pull.carried_by_this_task();
        write_out(io, pull).await;
        drop(with);
    };
    spawn_carrier(task);
}

tokio::task_local! {
    /// The task itself.
    static CARRIER: Rc<OnceCell<AbortHandle>>;
}

/// Spawns a task that carries a session's pieces. It is dropped when the session is evicted.
pub(crate) fn spawn_carrier<F: Future<Output: 'static> + 'static>(task: F) {
    let handle: Rc<OnceCell<AbortHandle>> = Rc::default();
    let spawned = tokio::task::spawn_local(CARRIER.scope(handle.clone(), task));
    // It is empty: nobody else has it, and the task has not run yet.
    let _ = handle.set(spawned.abort_handle());
}
