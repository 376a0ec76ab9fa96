//! Stands between an HTTP/1 connection and hyper: lets whole, unambiguous requests through.
//!
//! hyper refuses a head that it cannot read with a bare status line, and reads some heads that two parsers could read
//! in two ways (T24). So heads are looked at here first. In the place of one that is refused hyper gets a request
//! that stands for it ([`stands_for_refused`]), the last of its connection: the refusal then is an answer like every
//! other, in its turn behind those to earlier requests.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::extent::Extent;
use super::rules::{self, Rules};
use crate::api::problem::Problem;

/// A connection that gives nothing but good heads and their bodies.
pub(super) struct Gate<S> {
    stream: S,
    rules: Rules,
    /// What was read and may not go on yet: part of a head, or what came after a body. Bounded by the largest head and
    /// one read.
    held: BytesMut,
    /// How much of `held` holds no end of a head.
    searched: usize,
    at: At,
    refusal: Refusal,
}

/// Why the last request of a connection is refused. Shared with the service that answers it.
#[derive(Clone, Default)]
pub(super) struct Refusal(Rc<RefCell<Option<Problem>>>);

enum At {
    Head,
    Request(Extent),
    /// In what stands for a refused request, and after it.
    Refused,
}

/// What hyper reads in the place of a refused request. Whoever sends it only gets to know that there is no such method.
const STAND_IN: &[u8] = b"REFUSED * HTTP/1.1\r\nconnection: close\r\n\r\n";

/// Whether a request may stand for a refused one.
pub(super) fn stands_for_refused<B>(request: &Request<B>) -> bool {
    request.method().as_str() == "REFUSED" && request.uri() == "*"
}

impl<S> Gate<S> {
    pub(super) fn new(stream: S, rules: Rules) -> Self {
        Self { stream, rules, held: BytesMut::new(), searched: 0, at: At::Head, refusal: Refusal::default() }
    }

    /// Where the service finds what to answer.
    pub(super) fn refusal(&self) -> Refusal {
        self.refusal.clone()
    }

    /// Whether a head has begun and not ended.
    pub(super) fn is_within_head(&self) -> bool {
        matches!(self.at, At::Head) && !self.held.is_empty()
    }

    /// Whether a request was refused.
    pub(super) fn has_refused(&self) -> bool {
        matches!(self.at, At::Refused)
    }

    /// The connection, without what was read of it.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    /// Looks for a whole head in what is held.
    fn find_head(&mut self) {
        // An empty line before a request is let pass (RFC 9112, 2.2).
        while self.searched == 0 && self.held.starts_with(b"\r\n") {
            self.held.advance(2);
        }
        let judged = match rules::end(&self.held[self.searched..]) {
            Some(end) => self.rules.judge(&self.held[..self.searched + end]),
            None if self.held.len() > self.rules.size => Err(self.rules.too_large()),
            None => {
                self.searched = self.held.len().saturating_sub(2);
                return;
            }
        };
        self.searched = 0;
        match judged {
            Ok(extent) => self.at = At::Request(extent),
            Err(problem) => {
                *self.refusal.0.borrow_mut() = Some(problem);
                self.held = STAND_IN.into();
                self.at = At::Refused;
            }
        }
    }

    /// Hands on what may go on; whether that was anything.
    fn hand_on(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let room = self.held.len().min(out.remaining());
        let n = match &mut self.at {
            At::Head => 0,
            At::Request(extent) => extent.take(&self.held[..room]),
            At::Refused => room,
        };
        out.put_slice(&self.held[..n]);
        self.held.advance(n);
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
        self.end_request();
        n > 0
    }

    fn end_request(&mut self) {
        if matches!(&self.at, At::Request(extent) if extent.is_over()) {
            self.at = At::Head;
        }
    }
}

impl Refusal {
    /// The problem, once.
    pub(super) fn take(&self) -> Option<Problem> {
        self.0.borrow_mut().take()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let gate = &mut *self;
        loop {
            if matches!(gate.at, At::Head) && !gate.held.is_empty() {
                gate.find_head();
            }
            if gate.hand_on(out) {
                return Poll::Ready(Ok(()));
            }
            if matches!(gate.at, At::Refused) {
                // Nothing follows, not even an end, which would cut off the answers that are on their way.
                return Poll::Pending;
            }
            let before = out.filled().len();
            ready!(Pin::new(&mut gate.stream).poll_read(cx, out))?;
            let new = &out.filled()[before..];
            if new.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let n = match &mut gate.at {
                At::Request(extent) => extent.take(new),
                At::Head | At::Refused => 0,
            };
            gate.held.extend_from_slice(&new[n..]);
            out.set_filled(before + n);
            gate.end_request();
            if n > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
