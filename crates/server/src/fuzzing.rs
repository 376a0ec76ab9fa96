//! What fuzz targets reach of this crate: routes that take a body and the start of a subscription, on a hub without
//! sockets, and what is let through of request heads. No part of the crate's interface.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use headwater_hub::Format;
use headwater_log::{Memory, MemoryOptions, NewEvent, Pattern, Selection};
use http::{Request, header};
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::sync::watch;
use tower_service::Service;

use crate::access::{Caller, Memory as Credentials};
use crate::api::problem::Problem;
use crate::api::router::{Api, routes};
use crate::api::subscribe::{Form, Subscribe};
use crate::config::Settings;
use crate::edge::connection::Phase;
use crate::edge::rules::{self, Rules};
use crate::flow::append;
use crate::hub::Hub;
use crate::outgoing::Courier;

/// The answer to a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// What a granted subscription reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its topics and patterns, as they were taken.
    pub patterns: Vec<String>,
    /// The place it reads after.
    pub cursor: u64,
    /// Why it begins with a gap.
    pub gap: Option<&'static str>,
    /// Seconds to hold, and events at most, of a long poll.
    pub poll: Option<(u64, usize)>,
    /// The first bytes of its stream.
    pub preamble: String,
}

/// A hub on memory storage with the default configuration, without sockets.
pub struct Site {
    hub: Arc<Hub>,
    runtime: tokio::runtime::Runtime,
    phase: watch::Sender<Phase>,
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// An empty hub.
    ///
    /// # Panics
    /// When the runtime cannot be built.
    pub fn new() -> Self {
        let engine = Memory::new(MemoryOptions::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let access_log = crate::observe::AccessLog::start(&crate::config::AccessLogTarget::Off).expect("a thread");
        Self {
            hub: Hub::new(
                engine,
                Settings { shards: 1, ..Settings::default() },
                Credentials::default(),
                Courier::start().expect("a thread"),
                access_log,
            ),
            runtime,
            phase: watch::Sender::new(Phase::Serving),
        }
    }

    /// Stores events as they are.
    ///
    /// # Panics
    /// When they are refused.
    pub fn store(&self, events: Vec<NewEvent>) {
        self.runtime.block_on(append::submit(&self.hub, events).wait()).expect("a good batch");
    }

    /// Publishes what comes in these pieces. `None` when the target is none.
    ///
    /// # Panics
    /// When the answer has no body.
    pub fn publish(&self, target: &str, content_type: &[u8], pieces: &[&[u8]]) -> Option<Answer> {
        let body = Pieces(pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect());
        let request = Request::post(target).header(header::CONTENT_TYPE, content_type);
        let request = request.extension(Caller::everybody()).body(Body::new(body)).ok()?;
        let counters = self.hub.counters[0].clone();
        let mut routes = routes(Api { hub: self.hub.clone(), counters, phase: self.phase.subscribe() });
        self.runtime.block_on(async {
            let Ok(response) = routes.call(request).await;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.expect("a whole body").to_bytes();
            Some(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
        })
    }

    /// Every event of the publishers: topic, type and data.
    ///
    /// # Panics
    /// When the log cannot be read.
    pub fn stored(&self) -> Vec<(String, String, String)> {
        let all = Arc::new(Selection::new(Pattern::new("**")));
        let mut reader = self.hub.engine.reader(all, 0);
        let mut stored = Vec::new();
        loop {
            let page = reader.next_page(1000, usize::MAX).expect("memory can be read");
            if page.events.is_empty() {
                return stored;
            }
            stored.extend(page.events.iter().map(|event| {
                let kind = event.event_type.as_ref().map_or("", |kind| kind.as_str());
                (event.topic.as_str().to_owned(), kind.to_owned(), event.data.to_string())
            }));
        }
    }

    /// Starts a subscription, or says why not. `None` when target or headers are none.
    ///
    /// # Errors
    /// The refusal.
    pub fn subscribe(&self, target: &str, last_event_id: &[u8], accept: &[u8]) -> Option<Result<Subscription, Answer>> {
        let request = Request::get(target).header("last-event-id", last_event_id).header(header::ACCEPT, accept);
        let (parts, ()) = request.body(()).ok()?.into_parts();
        Some(Subscribe::parse(&parts).map(|subscribe| self.start(&subscribe)).map_err(|problem| answer(&problem)))
    }

    fn start(&self, subscribe: &Subscribe) -> Subscription {
        let start = self.hub.start(&subscribe.selection, &subscribe.from, self.hub.tail.head());
        let mut preamble = Vec::new();
        let gap = start.gap.as_ref().map(|(reason, id)| (*reason, id.as_str()));
        self.hub.wire.preamble(Format::EventStream, 1, start.cursor, gap, &mut preamble);
        let patterns = subscribe.selection.patterns().map(|pattern| pattern.as_str().to_owned());
        let topics = subscribe.selection.topics().map(|topic| topic.as_str().to_owned());
        Subscription {
            patterns: patterns.chain(topics).collect(),
            cursor: start.cursor,
            gap: start.gap.map(|(reason, _)| reason.as_str()),
            poll: match subscribe.form {
                Form::Poll { wait, limit } => Some((wait.as_secs(), limit)),
                Form::Stream(_) => None,
            },
            preamble: String::from_utf8(preamble).expect("a stream is text"),
        }
    }
}

/// How long the head at the start of these bytes is, and whether it is let through. `None` while it has no end.
pub fn judge_head(bytes: &[u8]) -> Option<(usize, Result<(), Answer>)> {
    let length = rules::end(bytes)?;
    let limits = Settings::default().limits;
    let rules = Rules { size: limits.head, fields: Rules::MOST_FIELDS };
    let judged = rules.judge(&bytes[..length]);
    Some((length, judged.map(drop).map_err(|problem| answer(&problem))))
}

fn answer(problem: &Problem) -> Answer {
    Answer { status: problem.status.as_u16(), body: problem.body() }
}

/// A body that comes in pieces.
struct Pieces(VecDeque<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}
