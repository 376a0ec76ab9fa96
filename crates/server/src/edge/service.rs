//! One request, whatever its connection speaks: admitted, routed, answered.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::IntoResponse;
use headwater_access::Source;
use headwater_hub::{Format, GapReason};
use headwater_log::Selection;
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tower_service::Service;

use super::connection::{Guest, Site};
use super::trace::Trace;
use crate::access::{Access, Visitor, source};
use crate::api::headers;
use crate::api::problem::{Problem, Reason};
use crate::api::subscribe::{Form, Subscribe};
use crate::config::Settings;
use crate::flow::deliver::long_poll;
use crate::flow::deliver::pull::{Parcel, Pull};
use crate::flow::deliver::start::{From, Start};
use crate::flow::fanout::Opening;
use crate::limit::{Held, PartyKey, Refused, whole_seconds};

/// For how long a reader is sent away when there are too many, in milliseconds (EVR-12).
const AWAY_MS: std::ops::RangeInclusive<u64> = 30_000..=90_000;

/// When somebody comes back whom the application could not be asked about, in milliseconds: varied, or they would all come
/// together.
const UNDECIDED_MS: std::ops::RangeInclusive<u64> = 5_000..=15_000;

/// An answer.
pub(super) enum Reply {
    /// For hyper to write.
    Whole(Response<axum::body::Body>),
    /// A stream, or the head of one.
    Stream(Box<Stream>),
}

/// A stream that has been granted and not begun.
pub(super) struct Stream {
    pub(super) parts: Parts,
    body: StreamBody,
}

/// What follows the head of a stream.
enum StreamBody {
    /// These bytes, and the end.
    Whole(Vec<u8>),
    /// A session.
    Session(Opening),
}

/// A stream as HTTP/1.1 carries it.
pub(super) enum Http1 {
    /// All of it.
    Whole(Vec<u8>),
    /// A session; the head is in front of its first bytes.
    Session(Opening),
}

/// How much of a stream an answer holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// The headers.
    Head,
    /// Also what moves the client's cursor, and then its end.
    FirstBytes {
        /// After which the client is to come back, if not after the usual time.
        retry: Option<Duration>,
    },
    /// All of it.
    Session,
}

/// Why a reader is sent away.
enum Away {
    /// The hub stops.
    Draining,
    /// It has as many sessions as it takes.
    Crowded {
        /// When to come back.
        retry: Duration,
    },
    /// The client has as much as it may have.
    Limited {
        /// Of what.
        refused: Refused,
        /// When to come back.
        retry: Duration,
    },
}

/// The body of an answer.
pub(super) enum ReplyBody {
    /// Of an ordinary endpoint.
    Whole(axum::body::Body),
    /// Of a stream.
    Stream(Pull),
}

/// Answers a request of a guest.
pub(super) async fn respond(site: &Rc<Site>, guest: Guest, request: Request<Incoming>) -> Reply {
    let (mut parts, body) = request.into_parts();
    let mut trace = Trace::begin(&parts);
    let source = source(&parts.headers, guest.peer, &site.hub.settings().trusted_proxies);
    parts.extensions.insert(source);
    let access = site.hub.access();
    let visitor = access.admit(&parts, site.tls.is_some());
    let mut reply = match &visitor {
        Err(problem) => Reply::Whole(problem.clone().into_response()),
        Ok(_) if parts.method == Method::OPTIONS => Reply::Whole(preflight()),
        Ok(visitor) if parts.uri.path() == "/v1/events" && matches!(parts.method, Method::GET | Method::HEAD) => {
            subscribe(site, guest, source, &access, visitor, &parts, &mut trace)
                .await
                .unwrap_or_else(|problem| Reply::Whole(problem.into_response()))
        }
        Ok(_) if let Some(refused) = guest.refused => Reply::Whole(site.limited(refused).into_response()),
        // Who asks for what everybody may see is nobody's business.
        Ok(_) if is_public(parts.uri.path()) => Reply::Whole(route(site, parts, body).await),
        Ok(_) => match access.caller(&parts, &site.hub.credentials).await {
            Err(problem) => Reply::Whole(problem.into_response()),
            Ok(caller) => {
                trace.grant = caller.grant().cloned();
                parts.extensions.insert(caller);
                Reply::Whole(route(site, parts, body).await)
            }
        },
    };
    site.finish(&mut reply, visitor.as_ref().ok());
    trace.end(&site.hub.access_log, &reply, source.address);
    reply
}

async fn route(site: &Site, parts: http::request::Parts, body: Incoming) -> Response<axum::body::Body> {
    let request = Request::from_parts(parts, axum::body::Body::new(body));
    let Ok(response) = site.routes.clone().call(request).await;
    response
}

/// Health for those who watch over the hub, its description, and the files of its page and of the client, in which there
/// is nothing of anybody's.
fn is_public(path: &str) -> bool {
    matches!(path, "/" | "/healthz" | "/readyz" | "/openapi.json" | "/client.js")
        || ["/assets/", "/client/"].iter().any(|folder| path.starts_with(folder))
}

/// Answers what is no request.
pub(super) fn refuse(site: &Site, problem: Problem) -> Response<axum::body::Body> {
    let mut response = problem.into_response();
    site.complete(response.status(), response.headers_mut(), None);
    response
}

async fn subscribe(
    site: &Rc<Site>,
    guest: Guest,
    source: Source,
    access: &Access,
    visitor: &Visitor,
    parts: &http::request::Parts,
    trace: &mut Trace,
) -> Result<Reply, Problem> {
    let hub = &site.hub;
    // Before anything else of the request counts, and again whenever it comes back (SEC-04, SEC-15).
    let subscribe = Subscribe::parse(parts);
    let selection = subscribe.as_ref().ok().map(|subscribe| subscribe.selection.clone());
    trace.selection.clone_from(&selection);
    let Some(subscriber) = access.subscriber(parts, visitor, selection.as_deref(), &hub.credentials).await? else {
        return site.undecided(&subscribe?, parts.method == Method::HEAD);
    };
    let (caller, subscribe) = (&subscriber.caller, subscribe?);
    caller.check_select(&subscribe.selection)?;
    let grant = caller.grant().cloned();
    trace.grant.clone_from(&grant);
    let head_only = parts.method == Method::HEAD;
    let settings = hub.settings();
    check_topics(&subscribe.selection, settings.limits.topics)?;
    subscriber.redeem(&subscribe.selection, &hub.credentials)?;
    let party = hub.limiter.party(source, grant.as_deref(), &settings.limits);
    let mut held = Held::default();
    let away = match site.sends_away() {
        None if !head_only => {
            let counted = site.count(guest, source, party, &subscribe.selection, &settings);
            counted.map(|counts| held = counts).err()
        }
        away => away,
    };
    if let (Some(away), false) = (&away, subscribe.form == Form::Stream(Format::EventStream)) {
        return Err(match away {
            Away::Draining => Problem::draining(),
            Away::Crowded { retry } => Problem::crowded(retry.as_secs()),
            Away::Limited { refused, .. } => site.limited(*refused),
        });
    }
    let head = site.shard.state.borrow().head;
    let start = hub.start(&subscribe.selection, &subscribe.from, head);
    if start.over {
        return Ok(Reply::Whole(StatusCode::NO_CONTENT.into_response()));
    }
    let extent = match (head_only, away) {
        (true, _) => Extent::Head,
        // Native EventSource stops for good on a 503, and comes back after a clean end. Its cursor stays where it is.
        (false, Some(Away::Draining)) => Extent::FirstBytes { retry: None },
        (false, Some(Away::Crowded { retry } | Away::Limited { retry, .. })) => {
            Extent::FirstBytes { retry: Some(retry) }
        }
        (false, None) => Extent::Session,
    };
    if matches!(subscribe.from, From::Cursor(_)) {
        site.counters.resumed.add(1);
    }
    if start.gap.is_some() {
        site.counters.gaps.add(1);
    }
    let Start { cursor, gap, log, .. } = start;
    let opening = Opening {
        selection: subscribe.selection,
        format: match subscribe.form {
            Form::Stream(format) => format,
            Form::Poll { .. } => Format::Ndjson,
        },
        cursor,
        first_bytes: Vec::new(),
        log,
        grant,
        ticket: subscriber.ticket,
        flow: subscribe.flow,
        address: source.address,
        held,
        party,
    };
    match subscribe.form {
        Form::Stream(_) => Ok(site.stream(opening, gap, extent)),
        Form::Poll { .. } if head_only => Ok(Reply::Whole(json(Vec::new()))),
        Form::Poll { wait, limit } => {
            let pull = Pull::open(&site.shard, opening);
            let answer = long_poll::collect(pull, hub.wire, cursor, gap, wait, limit).await;
            let mut body = b"{\"events\":[".to_vec();
            body.extend_from_slice(&answer.events);
            let gap = answer.gap.as_deref().unwrap_or("null");
            body.extend_from_slice(
                format!("],\"cursor\":\"{}\",\"gap\":{gap}}}", hub.wire.position(answer.cursor)).as_bytes(),
            );
            Ok(Reply::Whole(json(body)))
        }
    }
}

impl Site {
    /// Whether there is no session for whoever comes now. Counts it.
    fn sends_away(&self) -> Option<Away> {
        if self.hub.draining() {
            self.counters.drained_off.add(1);
            return Some(Away::Draining);
        }
        if !self.hub.crowded() {
            return None;
        }
        self.counters.crowded_out.add(1);
        Some(Away::Crowded { retry: self.away() })
    }

    /// When somebody who is sent away is to come back: late, or they would be most of the load, and not all at once.
    fn away(&self) -> Duration {
        Duration::from_millis(self.shard.state.borrow_mut().random.u64(AWAY_MS))
    }

    /// Counts a session, and where a proxy carries it, what would have been a connection of its client.
    fn count(
        &self,
        guest: Guest,
        source: Source,
        party: Option<PartyKey>,
        selection: &Selection,
        settings: &Settings,
    ) -> Result<Held, Away> {
        let limiter = &self.hub.limiter;
        let forwarded = source != Source::direct(guest.peer);
        let counted = match guest.refused {
            Some(refused) => Err(refused),
            None if forwarded => limiter.connect(source, &settings.limits),
            None => Ok(Held::default()),
        };
        let counted = counted.and_then(|held| Ok(held.and(limiter.open_session(party, selection, settings)?)));
        counted.map_err(|refused| Away::Limited { refused, retry: self.away() })
    }

    /// The answer to whoever is over a limit. Where that depends on others, the time to wait is that of who is sent away.
    fn limited(&self, refused: Refused) -> Problem {
        let wait = refused.wait.unwrap_or_else(|| self.away());
        Problem::limited(refused.limit.as_str(), whole_seconds(wait))
    }

    /// The answer to somebody of whom nobody could say what they may do: nothing of what is there, not even where its end
    /// is. Native EventSource stops for good on a 503, and comes back after a clean end.
    fn undecided(&self, subscribe: &Subscribe, head_only: bool) -> Result<Reply, Problem> {
        let retry = self.shard.state.borrow_mut().random.u64(UNDECIDED_MS);
        if head_only || subscribe.form != Form::Stream(Format::EventStream) {
            return Err(Problem::undecided(retry / 1000));
        }
        let mut response = Response::new(());
        let heartbeat = self.hub.settings().heartbeat.as_secs();
        headers::stream(response.headers_mut(), Format::EventStream.content_type(), None, heartbeat);
        let mut bytes = Vec::new();
        self.hub.wire.come_back(retry, &mut bytes);
        Ok(Reply::Stream(Box::new(Stream { parts: response.into_parts().0, body: StreamBody::Whole(bytes) })))
    }

    /// As much of a stream as `extent` says.
    fn stream(&self, mut opening: Opening, gap: Option<(GapReason, String)>, extent: Extent) -> Reply {
        let hub = &self.hub;
        let mut response = Response::new(());
        let heartbeat = hub.settings().heartbeat.as_secs();
        headers::stream(
            response.headers_mut(),
            opening.format.content_type(),
            Some(&hub.wire.position(opening.cursor).to_string()),
            heartbeat,
        );
        if extent != Extent::Head {
            let retry = match extent {
                Extent::FirstBytes { retry: Some(retry) } => retry.as_millis() as u64,
                _ => hub.retry_ms(&mut self.shard.state.borrow_mut().random),
            };
            let gap = gap.as_ref().map(|(reason, id)| (*reason, id.as_str()));
            hub.wire.preamble(opening.format, retry, opening.cursor, gap, &mut opening.first_bytes);
        }
        let body = match extent {
            Extent::Session => StreamBody::Session(opening),
            Extent::Head | Extent::FirstBytes { .. } => StreamBody::Whole(opening.first_bytes),
        };
        Reply::Stream(Box::new(Stream { parts: response.into_parts().0, body }))
    }

    /// Completes the head of an answer and counts it.
    fn finish(&self, reply: &mut Reply, visitor: Option<&Visitor>) {
        let (status, map) = match reply {
            Reply::Whole(response) => {
                if let Some(Reason(reason)) = response.extensions().get() {
                    self.counters.refusals.count(reason);
                }
                (response.status(), response.headers_mut())
            }
            Reply::Stream(stream) => (stream.parts.status, &mut stream.parts.headers),
        };
        self.complete(status, map, visitor);
    }

    fn complete(&self, status: StatusCode, map: &mut HeaderMap, visitor: Option<&Visitor>) {
        headers::complete(map, visitor, self.tls.is_some());
        if status.is_client_error() {
            self.counters.refused.add(1);
        } else if status.is_server_error() {
            self.counters.failed.add(1);
        }
    }
}

impl Stream {
    /// Whether it ends with its first bytes.
    pub(super) fn is_sent_away(&self) -> bool {
        matches!(&self.body, StreamBody::Whole(bytes) if !bytes.is_empty())
    }

    /// The answer as HTTP/1.1 bytes: the body is delimited by close, so that every reader gets the same bytes.
    pub(super) fn into_http1(self) -> Http1 {
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(b"HTTP/1.1 ");
        bytes.extend_from_slice(self.parts.status.as_str().as_bytes());
        bytes.extend_from_slice(b" OK\r\n");
        for (name, value) in &self.parts.headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        let date = httpdate::fmt_http_date(std::time::SystemTime::now());
        bytes.extend_from_slice(format!("date: {date}\r\nconnection: close\r\n\r\n").as_bytes());
        match self.body {
            StreamBody::Whole(body) => {
                bytes.extend_from_slice(&body);
                Http1::Whole(bytes)
            }
            StreamBody::Session(opening) => {
                bytes.extend_from_slice(&opening.first_bytes);
                Http1::Session(Opening { first_bytes: bytes, ..opening })
            }
        }
    }

    /// The answer for hyper to write, with a session as its body.
    pub(super) fn into_response(self, site: &Rc<Site>) -> Response<ReplyBody> {
        let body = match self.body {
            StreamBody::Whole(bytes) => ReplyBody::Whole(bytes.into()),
            StreamBody::Session(opening) => {
                let pull = Pull::open(&site.shard, opening);
                pull.carried_by_this_task();
                ReplyBody::Stream(pull)
            }
        };
        Response::from_parts(self.parts, body)
    }
}

impl Body for ReplyBody {
    type Data = Parcel;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Parcel>, axum::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|frame| Ok(frame?.map_data(Parcel::from))))
            }
            Self::Stream(pull) => Pin::new(pull).poll_frame(cx).map_err(|never: Infallible| match never {}),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Stream(_) => http_body::SizeHint::default(),
        }
    }
}

/// Refuses a selection of more topics than configured.
fn check_topics(selection: &Selection, most: usize) -> Result<(), Problem> {
    let many = selection.topics().count() + selection.patterns().len();
    match many > most {
        false => Ok(()),
        true => {
            let detail = format!(
                "The request names {many} topics, but one stream carries at most {most} here. Use patterns such as orders/*."
            );
            Err(Problem::malformed("topic", detail))
        }
    }
}

fn preflight() -> Response<axum::body::Body> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    headers::preflight(response.headers_mut());
    response
}

fn json(body: Vec<u8>) -> Response<axum::body::Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
