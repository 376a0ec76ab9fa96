//! One request, whatever its connection speaks: admitted, routed, answered.

use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use axum::response::IntoResponse;
use headwater_access::Source;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use tower_service::Service;

use super::connection::{Guest, Site};
use super::stream::{Reader, Reply, check_topics};
use super::trace::Trace;
use crate::access::{Access, Visitor, source};
use crate::api::headers;
use crate::api::problem::{Problem, Reason};
use crate::api::subscribe::Subscribe;
use crate::flow::deliver::pull::{Parcel, Pull};

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
    let reader = Reader { guest, source, grant, ticket: subscriber.ticket, head_only, in_process: false };
    let head = site.shard.state.borrow().head;
    site.open(subscribe, reader, head).await
}

impl Site {
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
        self.count_failure(status);
    }

    /// Counts an answer that is a refusal.
    pub(crate) fn count_failure(&self, status: StatusCode) {
        if status.is_client_error() {
            self.counters.refused.add(1);
        } else if status.is_server_error() {
            self.counters.failed.add(1);
        }
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

fn preflight() -> Response<axum::body::Body> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    headers::preflight(response.headers_mut());
    response
}
