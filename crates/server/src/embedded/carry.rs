//! The way into a shard and back: a request for a session goes in, the pieces of its stream come out one at a time.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderValue, header};
use http_body::Frame;
use tokio::sync::{mpsc, oneshot, watch};

use super::{Read, Refusal};

use crate::api::subscribe::Subscribe;
use crate::edge::connection::{Phase, Site};
use crate::edge::stream::{Reader, Reply, StreamBody, check_topics};
use crate::edge::trace::Trace;
use crate::flow::deliver::pull::{Pull, spawn_carrier};

/// Requests that may wait for one shard.
pub(crate) const MOST_WAITING: usize = 64;

/// A request for a session.
pub(crate) struct Order {
    subscribe: Subscribe,
    reader: Reader,
    is_allowed: bool,
    reply: oneshot::Sender<Result<Answer, Refusal>>,
}

/// What a shard answers.
pub(super) struct Answer {
    pub(super) parts: Parts,
    pub(super) body: AnswerBody,
}

/// What follows the head.
pub(super) enum AnswerBody {
    /// This.
    Whole(Body),
    /// The stream of a session. The channel holds one piece: the next leaves the session when that one was taken.
    Session(mpsc::Receiver<Bytes>),
}

/// The stream of a session as the body of a response.
struct Pieces(mpsc::Receiver<Bytes>);

impl Order {
    /// A request, and where its answer comes.
    pub(super) fn new(read: Read, in_process: bool) -> (Self, oneshot::Receiver<Result<Answer, Refusal>>) {
        let is_allowed = read.is_allowed;
        let (subscribe, reader) = read.split(in_process);
        let (reply, answer) = oneshot::channel();
        (Self { subscribe, reader, is_allowed, reply }, answer)
    }
}

/// Opens sessions on this shard until the hub stops.
pub(crate) async fn serve(mut orders: mpsc::Receiver<Order>, site: Rc<Site>, mut phase: watch::Receiver<Phase>) {
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            _ = phase.wait_for(|phase| *phase >= Phase::Stopping) => return,
        };
        let Some(order) = order else { return };
        let site = site.clone();
        spawn_carrier(async move {
            let in_process = order.reader.in_process;
            let Some((pull, pieces)) = begin(&site, order).await else { return };
            // The shard waits at its end for whoever has the site.
            drop(site);
            if !in_process {
                pull.carried_by_this_task();
            }
            carry(pull, pieces).await;
        });
    }
}

/// Answers a request; what has to be carried, if it has become a session.
async fn begin(site: &Site, order: Order) -> Option<(Pull, mpsc::Sender<Bytes>)> {
    let Order { subscribe, reader, is_allowed, reply } = order;
    let trace = Trace::session(subscribe.selection.clone(), reader.grant.clone());
    let address = reader.source.address;
    let opened = match check_topics(&subscribe.selection, site.hub.settings().limits.topics) {
        Ok(()) if !is_allowed => Err(Refusal::not_readable().0),
        // What was published before is not new, although this shard may not have got to it yet.
        Ok(()) => site.open(subscribe, reader, site.hub.tail.head()).await,
        Err(problem) => Err(problem),
    };
    let note = |reply: &Reply| trace.end(&site.hub.access_log, reply, address);
    match &opened {
        Ok(opened) => note(opened),
        Err(problem) => note(&Reply::Whole(problem.clone().into_response())),
    }
    let whole = |response: Response| {
        let (parts, body) = response.into_parts();
        Answer { parts, body: AnswerBody::Whole(body) }
    };
    let mut session = None;
    let answer = match opened {
        Err(problem) => {
            site.count_failure(problem.status);
            Err(Refusal(problem))
        }
        Ok(Reply::Whole(response)) => Ok(whole(response)),
        Ok(Reply::Stream(stream)) => {
            let mut parts = stream.parts;
            parts.headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
            match stream.body {
                StreamBody::Whole(bytes) => Ok(whole(Response::from_parts(parts, bytes.into()))),
                StreamBody::Session(opening) => {
                    let (pieces, taken) = mpsc::channel(1);
                    session = Some((Pull::open(&site.shard, opening), pieces));
                    Ok(Answer { parts, body: AnswerBody::Session(taken) })
                }
            }
        }
    };
    // Whoever asked may have gone; then their session ends with this.
    reply.send(answer).is_ok().then_some(session).flatten()
}

/// Hands the pieces of a session over until either side ends.
async fn carry(mut pull: Pull, pieces: mpsc::Sender<Bytes>) {
    loop {
        let parcel = tokio::select! {
            parcel = pull.next_bytes() => parcel,
            () = pieces.closed() => return,
        };
        let Some(parcel) = parcel else { return };
        if pieces.send(parcel.bytes()).await.is_err() {
            return;
        }
        // There is room again when it was taken.
        if pieces.reserve().await.is_err() {
            return;
        }
        parcel.leave();
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = match self.body {
            AnswerBody::Whole(body) => body,
            AnswerBody::Session(pieces) => Body::new(Pieces(pieces)),
        };
        Response::from_parts(self.parts, body)
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    /// An event stream that cannot go on just ends.
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
