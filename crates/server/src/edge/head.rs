//! The first bytes of a plain connection: which protocol it speaks.

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
    /// Anything that is not the preface of HTTP/2.
    Http1,
    /// The preface of HTTP/2 with prior knowledge.
    Http2,
    /// Nothing at all, or an end before the first request.
    Silence,
    /// Part of what may be the preface, and then nothing in time.
    TooSlow,
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until the protocol is known, for at most `time`.
pub(super) async fn open<S: AsyncRead + Unpin>(mut stream: S, time: Duration) -> io::Result<(Opening, Rewound<S>)> {
    let mut first = BytesMut::with_capacity(1024);
    let deadline = tokio::time::Instant::now() + time;
    let opening = loop {
        if first.starts_with(PREFACE) {
            break Opening::Http2;
        }
        if !PREFACE.starts_with(&first) {
            break Opening::Http1;
        }
        match tokio::time::timeout_at(deadline, stream.read_buf(&mut first)).await {
            Ok(Ok(0)) => break Opening::Silence,
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) if first.is_empty() => break Opening::Silence,
            Err(_) => break Opening::TooSlow,
        }
    };
    Ok((opening, Rewound { first: first.freeze(), stream }))
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
