//! A connection whose peer has to take what is written to it.
//!
//! hyper waits for a peer without a bound, for the end of an answer as for that of a connection. The kernel gives up
//! on one that takes nothing before its sessions are found to stall, unless it is told to wait.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::flow::deliver::patience;

/// Its sessions are found to stall before: that says what was the matter.
const STALLS_FIRST: Duration = Duration::from_secs(1);

/// A stream to which a write that gets nowhere for too long is an error.
pub(super) struct Patient {
    pub(super) stream: TcpStream,
    stall_timeout: Duration,
    /// Since a write got nowhere.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    /// Waits for every write a little longer than a session may stall.
    pub(super) fn new(stream: TcpStream, stall_timeout: Duration) -> Self {
        Self { stream, stall_timeout, waiting: None }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            if self.waiting.take().is_some() {
                patience::wait_as_usual(&self.stream);
            }
            return outcome;
        }
        let (stream, stall_timeout) = (&self.stream, self.stall_timeout);
        let waiting = self.waiting.get_or_insert_with(|| {
            patience::wait_for_slow(stream);
            Box::pin(tokio::time::sleep(stall_timeout + STALLS_FIRST))
        });
        waiting.as_mut().poll(cx).map(|()| Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes no bytes")))
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, out)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, outcome)
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
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.watch(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
