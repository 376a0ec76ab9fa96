//! One connection from its first byte to its end.

use std::cell::RefCell;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::budget::Place;
use super::gate::{self, Gate};
use super::head::{self, Opening as First, Rewound};
use super::patient::Patient;
use super::rules::Rules;
use super::service::{ReplyBody, refuse, respond};
use super::stream::{Http1, Reply, Stream};
use super::tls::Tls;
use crate::api::problem::Problem;
use crate::flow::deliver::pull::{self, Pull};
use crate::flow::fanout::{BareSocket, Shard};
use crate::hub::Hub;
use crate::limit::Refused;
use crate::observe::Counters;

/// What the kernel may hold for a stalled reader: about 41 kB of its memory (T13).
const SEND_BUFFER: usize = 32 << 10;
/// The same where one connection carries many streams, or answers other requests as well. The kernel would make it
/// megabytes.
const SHARED_SEND_BUFFER: usize = 128 << 10;
/// HTTP/2: how much one connection may open or reset (T11).
const MOST_STREAMS: u32 = 250;
const MOST_RESETS: usize = 64;
const PING: Duration = Duration::from_secs(20);
const MOST_HEADERS: usize = 64;
/// How long, and for how many bytes, a refused client is listened to.
const LINGER: Duration = Duration::from_secs(1);
const MOST_DISCARDED: usize = 256 << 10;

/// What the connections of one shard share.
pub(crate) struct Site {
    pub(crate) hub: Arc<Hub>,
    pub(crate) shard: Rc<Shard>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) routes: Router,
    pub(crate) tls: Option<Tls>,
    /// How far the hub is on its way to a stop.
    pub(crate) phase: watch::Receiver<Phase>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guest {
    pub(crate) peer: IpAddr,
    /// The connection is one too many, and every request on it is told so.
    pub(crate) refused: Option<Refused>,
}

/// How far a hub is on its way to a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Not at all.
    Serving,
    /// Streams are being ended; requests are answered.
    Draining,
    /// Connections end after the request they are in.
    Stopping,
    /// They end at once: nobody waits for the hub any more.
    Dropped,
}

/// Serves the connection of a guest. `place` is its place in the budget of connections.
pub(crate) async fn serve(stream: TcpStream, guest: Guest, site: Rc<Site>, place: Place) {
    let (time, stall) = {
        let limits = &site.hub.settings().limits;
        (limits.head_timeout, limits.stall_timeout)
    };
    let stream = Patient::new(stream, stall);
    match &site.tls {
        None => plain(stream, guest, &site, place).await,
        Some(tls) => {
            bound(&stream.stream);
            // A handshake that fails is the client's affair.
            let Ok(Ok(mut stream)) = tokio::time::timeout(time, tls.acceptor().accept(stream)).await else { return };
            stream.get_mut().1.set_buffer_limit(Some(pull::PIECE_BYTES));
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            encrypted(stream, http2, guest, &site, place).await;
        }
    }
}

async fn plain(stream: Patient, guest: Guest, site: &Rc<Site>, place: Place) {
    let Some((stream, http2)) = opened(stream, site).await else { return };
    if http2 {
        bound(&stream.stream.stream);
        return serve_http2(stream, guest, site).await;
    }
    let Some((stream, granted)) = serve_http1(stream, guest, site).await else { return };
    match granted.into_http1() {
        Http1::Whole(bytes) => write_and_end(stream, &bytes).await,
        Http1::Session(opening) => {
            if let Ok(socket) = bare(stream.stream, place) {
                site.shard.state.borrow_mut().adopt(socket, opening);
            }
        }
    }
}

async fn encrypted<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: S,
    http2: bool,
    guest: Guest,
    site: &Rc<Site>,
    place: Place,
) {
    let Some((stream, preface)) = opened(stream, site).await else { return };
    if http2 || preface {
        return serve_http2(stream, guest, site).await;
    }
    let Some((stream, granted)) = serve_http1(stream, guest, site).await else { return };
    match granted.into_http1() {
        Http1::Whole(bytes) => write_and_end(stream, &bytes).await,
        Http1::Session(opening) => {
            let pull = Pull::open(&site.shard, opening);
            // A task of its own, which is a small part of this one.
            pull::spawn(stream, pull, (site.clone(), place));
        }
    }
}

/// Reads the first head. `None` when the connection is over; else whether it speaks HTTP/2.
async fn opened<S: AsyncRead + AsyncWrite + Unpin>(stream: S, site: &Site) -> Option<(Rewound<S>, bool)> {
    let limits = &site.hub.settings().limits;
    let mut phase = site.phase.clone();
    let opening = tokio::select! {
        opening = head::open(stream, limits.head_timeout) => opening,
        _ = phase.wait_for(|phase| *phase >= Phase::Stopping) => return None,
    };
    let (opening, stream) = opening.ok()?;
    match opening {
        First::Http1 => Some((stream, false)),
        First::Http2 => Some((stream, true)),
        First::Silence => None,
        First::TooSlow => {
            write_refusal(stream.stream, refuse(site, slow_head(limits.head_timeout))).await;
            None
        }
    }
}

/// Serves HTTP/1 until the connection ends or a stream is granted, which takes the connection with it.
async fn serve_http1<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    stream: Rewound<S>,
    guest: Guest,
    site: &Rc<Site>,
) -> Option<(S, Stream)> {
    let limits = &site.hub.settings().limits;
    let granted: Rc<RefCell<Option<Stream>>> = Rc::default();
    let gate = Gate::new(stream, Rules { size: limits.head, fields: MOST_HEADERS });
    let service = {
        let (site, granted, refusal) = (site.clone(), granted.clone(), gate.refusal());
        service_fn(move |request: Request<Incoming>| {
            let (site, granted) = (site.clone(), granted.clone());
            let refused = if gate::stands_for_refused(&request) { refusal.take() } else { None };
            Box::pin(async move {
                if let Some(problem) = refused {
                    return Ok(refuse(&site, problem).map(ReplyBody::Whole));
                }
                match respond(&site, guest, request).await {
                    Reply::Whole(response) => Ok::<_, io::Error>(response.map(ReplyBody::Whole)),
                    Reply::Stream(stream) => {
                        *granted.borrow_mut() = Some(*stream);
                        // The connection is taken from hyper before this could be polled again.
                        pending().await
                    }
                }
            })
        })
    };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_headers(MOST_HEADERS)
        .max_header_size(limits.head)
        .serve_connection(TokioIo::new(gate), service);
    let mut phase = site.phase.clone();
    let mut stopping = pin!(phase.wait_for(|phase| *phase >= Phase::Stopping));
    let mut stopped = false;
    let outcome = poll_fn(|cx| {
        if !stopped && stopping.as_mut().poll(cx).is_ready() {
            stopped = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        let over = connection.poll_without_shutdown(cx);
        if granted.borrow().is_some() { Poll::Ready(Ok(())) } else { over }
    })
    .await;
    let gate = connection.into_parts().io.into_inner();
    let granted = granted.borrow_mut().take();
    // What the client sent after its request is dropped: nothing follows a stream on its connection (T24).
    let Some(granted) = granted else {
        finish(gate, outcome, site).await;
        return None;
    };
    Some((gate.into_inner().stream, granted))
}

/// Ends a connection on which hyper has answered what there was to answer.
async fn finish<S: AsyncRead + AsyncWrite + Unpin>(gate: Gate<Rewound<S>>, outcome: hyper::Result<()>, site: &Site) {
    let late = outcome.is_err_and(|error| error.is_timeout()) && gate.is_within_head();
    let refused = gate.has_refused();
    let mut stream = gate.into_inner().stream;
    if late {
        return write_refusal(stream, refuse(site, slow_head(site.hub.settings().limits.head_timeout))).await;
    }
    let _ = tokio::time::timeout(LINGER, async {
        stream.shutdown().await?;
        if refused {
            discard(&mut stream).await?;
        }
        io::Result::Ok(())
    })
    .await;
}

/// Takes what a client still sends: with bytes unread the kernel resets the connection, and the client may lose the
/// answer that says why (RFC 9112, 9.6).
async fn discard<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut room = [0; 4096];
    let mut taken = 0;
    while taken < MOST_DISCARDED {
        match stream.read(&mut room).await? {
            0 => break,
            n => taken += n,
        }
    }
    Ok(())
}

fn slow_head(limit: Duration) -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "slow-head",
        format!("The request head was not complete after {} s.", limit.as_secs()),
    )
    .field("head")
}

async fn serve_http2<S: AsyncRead + AsyncWrite + Unpin + 'static>(stream: Rewound<S>, guest: Guest, site: &Rc<Site>) {
    let service = {
        let site = site.clone();
        service_fn(move |request: Request<Incoming>| {
            let site = site.clone();
            // Its room is not kept for as long as a stream lives.
            Box::pin(async move {
                Ok::<Response<ReplyBody>, io::Error>(match respond(&site, guest, request).await {
                    Reply::Whole(response) => response.map(ReplyBody::Whole),
                    Reply::Stream(stream) => stream.into_response(&site),
                })
            })
        })
    };
    let limits = &site.hub.settings().limits;
    // What takes no bytes does not answer a ping either.
    let ping = PING.min(limits.stall_timeout);
    let mut builder = http2::Builder::new(LocalTasks);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .max_send_buf_size(pull::PIECE_BYTES)
        .max_header_list_size(limits.head as u32)
        .max_pending_accept_reset_streams(MOST_RESETS)
        .max_local_error_reset_streams(MOST_RESETS)
        .keep_alive_interval(ping)
        .keep_alive_timeout(ping);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut phase = site.phase.clone();
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = phase.wait_for(|phase| *phase >= Phase::Draining) => {}
    }
    // GOAWAY: no new streams here, the running ones go on to their end (KAL-09).
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Spawns the tasks of an HTTP/2 connection on its shard.
#[derive(Clone, Copy)]
struct LocalTasks;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalTasks {
    fn execute(&self, task: F) {
        pull::spawn_carrier(task);
    }
}

/// Bounds what the kernel holds for a peer that does not read.
fn bound(stream: &TcpStream) {
    // A socket that cannot be set is gone, which its next use tells.
    let _ = socket2::SockRef::from(stream).set_send_buffer_size(SHARED_SEND_BUFFER);
}

fn bare(stream: TcpStream, place: Place) -> io::Result<BareSocket> {
    socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)?;
    Ok(BareSocket::new(stream.into_std()?.into(), place))
}

async fn write_and_end<S: AsyncWrite + Unpin>(mut stream: S, bytes: &[u8]) {
    // A client that does not read a few hundred bytes does not want them.
    let _ = tokio::time::timeout(Duration::from_secs(5), async {
        stream.write_all(bytes).await?;
        stream.shutdown().await
    })
    .await;
}

async fn write_refusal<S: AsyncWrite + Unpin>(stream: S, response: Response<axum::body::Body>) {
    use http_body_util::BodyExt;
    let (parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else { return };
    let body = body.to_bytes();
    let mut bytes = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend_from_slice(format!("{name}: ").as_bytes());
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body);
    write_and_end(stream, &bytes).await;
}
