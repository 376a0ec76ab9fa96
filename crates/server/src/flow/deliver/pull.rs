//! The pull driver: whoever carries the bytes asks for the next piece.
//!
//! A hyper body (HTTP/2), the writer of a TLS connection and a long-poll answer are all this. Dropping the
//! [`Pull`] ends the session, so a session never outlives its connection (RUN-01).

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use headwater_hub::{Format, GapReason, Place, Run, Ticket};
use headwater_log::Selection;
use http_body::{Body, Frame};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Step;
use crate::flow::fanout::{CloseCause, Driver, Opening, Shard};

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
    pub(crate) fn open(
        shard: &Rc<Shard>,
        selection: Arc<Selection>,
        format: Format,
        cursor: u64,
        opening: Opening,
    ) -> Self {
        let driver = Driver::Pull { waker: None };
        let ticket = shard.state.borrow_mut().open(selection, format, cursor, driver, opening);
        Self { shard: shard.clone(), ticket, format }
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

    /// The next piece as bytes of the session's format.
    async fn next_bytes(&mut self) -> Option<Bytes> {
        poll_fn(|cx| self.poll_bytes(cx)).await
    }

    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_next(cx).map(|piece| {
            piece.map(|piece| match piece {
                Piece::Control(bytes) => bytes,
                Piece::Run(run) => run.bytes,
                Piece::Gap { reason, requested, resumed_at } => {
                    let wire = self.shard.hub.wire;
                    let mut bytes = Vec::new();
                    wire.gap(self.format, reason, &wire.position(requested).to_string(), resumed_at, &mut bytes);
                    bytes.into()
                }
            })
        })
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Piece>> {
        let mut state = self.shard.state.borrow_mut();
        let now = state.now_ms();
        let slot = self.ticket.slot;
        if state.sessions.find(self.ticket).is_none() {
            return Poll::Ready(None);
        }
        let step = state.step(slot);
        let Some(entry) = state.sessions.find(self.ticket) else { return Poll::Ready(None) };
        let piece = match step {
            Step::Control => Piece::Control(std::mem::take(&mut entry.control).into()),
            Step::Tail(run) => {
                entry.session.advance(&run, run.bytes.len());
                Piece::Run(run)
            }
            Step::Log => {
                let Some(log) = &mut entry.log else { return Poll::Ready(None) };
                let Some(run) = log.run().cloned() else { return Poll::Ready(None) };
                log.sent = run.bytes.len();
                entry.session.advance(&run, run.bytes.len());
                Piece::Run(run)
            }
            Step::Gap { reason, requested, resumed_at } => {
                entry.session.skip_to(resumed_at);
                state.counters.gaps.add(1);
                return Poll::Ready(Some(Piece::Gap { reason, requested, resumed_at }));
            }
            Step::Wait => {
                let Driver::Pull { waker } = &mut entry.driver else { return Poll::Ready(None) };
                *waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            Step::End(cause) => {
                state.close(slot, cause);
                return Poll::Ready(None);
            }
        };
        entry.sent_ms = now;
        match &piece {
            Piece::Run(run) => {
                state.counters.deliveries.add(run.events() as u64);
                state.counters.bytes_out.add(run.bytes.len() as u64);
            }
            Piece::Control(bytes) => state.counters.bytes_out.add(bytes.len() as u64),
            Piece::Gap { .. } => {}
        }
        Poll::Ready(Some(piece))
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
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.poll_bytes(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Writes a session to an encrypted connection until either side ends it. The response head is among the
/// session's first bytes.
pub(crate) async fn write_out<S: AsyncRead + AsyncWrite + Unpin>(mut io: S, mut pull: Pull, stall: Duration) {
    let mut stray = [0u8; 256];
    let mut strayed = 0;
    loop {
        tokio::select! {
            bytes = pull.next_bytes() => {
                let Some(bytes) = bytes else { break };
                let written = tokio::time::timeout(stall, async {
                    io.write_all(&bytes).await?;
                    io.flush().await
                });
                match written.await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => return pull.shard.state.borrow_mut().close(pull.ticket.slot, CloseCause::Stalled),
                }
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
