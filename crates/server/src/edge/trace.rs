//! What the access log tells of a request: publishes, and subscriptions that did not become a session. Sessions tell of
//! themselves when they end. Requests of an application's own routes are told of alike.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use headwater_access::Grant;
use headwater_log::{Selection, Topic};
use http::request::Parts;
use http::{Method, header};

use super::stream::Reply;
use crate::api::problem::Kind;
use crate::flow::publish::{LastId, topic_of_path};
use crate::observe::{AccessLog, Record, What};

/// A request on its way through the hub.
pub(crate) struct Trace {
    begun: Instant,
    about: About,
    /// Of a publish, as announced.
    bytes: Option<u64>,
    pub(super) grant: Option<Arc<Grant>>,
    pub(super) selection: Option<Arc<Selection>>,
}

enum About {
    Subscribe,
    Publish(Option<Topic>),
    /// Nothing that has a line.
    Other,
}

impl Trace {
    /// Somebody asks for a session, by whatever way.
    pub(crate) fn session(selection: Arc<Selection>, grant: Option<Arc<Grant>>) -> Self {
        Self { begun: Instant::now(), about: About::Subscribe, bytes: None, grant, selection: Some(selection) }
    }

    /// Looks at a request.
    pub(super) fn begin(parts: &Parts) -> Self {
        let path = parts.uri.path();
        let about = match (&parts.method, path.strip_prefix("/v1/topics/")) {
            (&Method::GET, _) if path == "/v1/events" => About::Subscribe,
            (&Method::POST, _) if path == "/v1/events" => About::Publish(None),
            // What is no topic is not repeated: it may be anything.
            (&Method::POST, Some(rest)) => About::Publish(topic_of_path(rest).ok()),
            _ => About::Other,
        };
        let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let bytes = length.filter(|_| matches!(about, About::Publish(_)));
        Self { begun: Instant::now(), about, bytes, grant: None, selection: None }
    }

    /// Notes how it was answered.
    pub(crate) fn end(self, log: &AccessLog, reply: &Reply, address: IpAddr) {
        if !log.is_on() {
            return;
        }
        let (status, extensions) = match reply {
            Reply::Whole(response) => (response.status(), response.extensions()),
            Reply::Stream(stream) => (stream.parts.status, &stream.parts.extensions),
        };
        let kind = extensions.get::<Kind>().map(|kind| kind.0);
        let (what, reason) = match (self.about, reply) {
            (About::Publish(topic), _) => (What::Publish(topic), kind),
            (About::Subscribe, Reply::Stream(stream)) if stream.is_sent_away() => {
                (What::Session(self.selection), Some("sent_away"))
            }
            (About::Subscribe, Reply::Whole(_)) if status != http::StatusCode::OK => {
                (What::Session(self.selection), kind)
            }
            (About::Subscribe | About::Other, _) => return,
        };
        log.note(Record {
            what,
            status: status.as_u16(),
            reason,
            duration: self.begun.elapsed(),
            bytes: self.bytes,
            last_id: extensions.get::<LastId>().map(|id| id.0.clone()),
            grant: self.grant,
            address,
        });
    }
}
