//! The first bytes of a plain connection: which protocol it speaks.
//!
//! The head of the first request is read here before hyper sees it, so that a head that is too large or too slow
//! is answered with a problem document and not just hung up on (T10).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// A stream whose first bytes have been read already.
#[derive(Debug)]
pub(super) struct Rewound<S> {
    first: Bytes,
    pub(super) stream: S,
}

/// What a connection begins with.
pub(super) enum Opening {
    /// An HTTP/1 request head.
    Http1,
    /// The preface of HTTP/2 with prior knowledge.
    Http2,
    /// Nothing at all, or an end before the first request.
    Silence,
    /// A head over the limit.
    TooLarge,
    /// Part of a head, and then nothing in time.
    TooSlow,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads the first head, of at most `limit` bytes, within `time`.
pub(super) async fn open<S: AsyncRead + Unpin>(
    mut stream: S,
    limit: usize,
    time: Duration,
) -> io::Result<(Opening, Rewound<S>)> {
    let mut first = BytesMut::with_capacity(1024);
    let deadline = tokio::time::Instant::now() + time;
    let mut searched = 0;
    let opening = loop {
        if first.starts_with(PREFACE) {
            break Opening::Http2;
        }
        if !PREFACE.starts_with(&first)
            && let Some(end) = end(&first[searched..])
        {
            // What one read brought may hold the end of a head that is too large.
            break if searched + end > limit { Opening::TooLarge } else { Opening::Http1 };
        }
        searched = first.len().saturating_sub(3);
        if first.len() > limit {
            break Opening::TooLarge;
        }
        match tokio::time::timeout_at(deadline, stream.read_buf(&mut first)).await {
            Ok(Ok(0)) if first.is_empty() => break Opening::Silence,
            // hyper has the better words for a broken head.
            Ok(Ok(0)) => break Opening::Http1,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) if first.is_empty() => break Opening::Silence,
            Err(_) => break Opening::TooSlow,
        }
    };
    Ok((opening, Rewound { first: first.freeze(), stream }))
}

/// Where a head ends in these bytes, by the strict rule or by the lax one that hyper then judges.
fn end(bytes: &[u8]) -> Option<usize> {
    let strict = bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|at| at + 4);
    strict.or_else(|| bytes.windows(2).position(|end| end == b"\n\n").map(|at| at + 2))
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, out);
        }
        let n = self.first.len().min(out.remaining());
        out.put_slice(&self.first[..n]);
        self.first.advance(n);
        if self.first.is_empty() {
            self.first = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
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
