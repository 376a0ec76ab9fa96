//! What is to be read, from where on, and for whom.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::SystemTime;

use headwater_access::{Grant, Rights, Source};
use headwater_hub::Format;
use http::Method;
use http::request::Parts;

use super::Refusal;
use crate::api::problem::Problem;
use crate::api::subscribe::{Form, Subscribe};
use crate::edge::connection::Guest;
use crate::edge::stream::Reader;
use crate::flow::deliver::start::From;

/// What is to be read: topics, from where on, and for whom.
///
/// ```
/// use headwater_server::embedded::{Read, Since};
/// # use http::Request;
/// # let (request, ()) = Request::get("/events?topic=users/7/orders").body(()).unwrap().into_parts();
///
/// let news = Read::topics(["news/**"])?.since(Since::Earliest);
/// let theirs = Read::request(&request, ["users/7/**", "public/**"])?.subject("7");
/// # let _ = (news, theirs);
/// # Ok::<(), headwater_server::embedded::Refusal>(())
/// ```
#[derive(Debug)]
pub struct Read {
    pub(super) subscribe: Subscribe,
    subject: Option<String>,
    address: IpAddr,
    until: Option<SystemTime>,
    rights: Rights,
    /// Whether all it asks for may be read.
    pub(super) is_allowed: bool,
    head_only: bool,
}

/// Where a reader without an id begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// With what is published from now on.
    Latest,
    /// With the oldest event there is.
    Earliest,
    /// With what was published at this time or after it.
    Time(SystemTime),
}

impl Read {
    /// These topics and patterns, from now on, as an event stream. All that the application names may be read, the hub's
    /// own topics (`$hub/…`) among them.
    ///
    /// # Errors
    /// [`Refusal`] (400) for none, for more than 100, and for what is no topic.
    pub fn topics<T: AsRef<str>>(topics: impl IntoIterator<Item = T>) -> Result<Self, Refusal> {
        Ok(Self::of(Subscribe::to(topics)?, Rights::all()))
    }

    /// All that a request asks for, as `GET /v1/events` reads it: `topic`, `Last-Event-ID` or `last_event_id`, `since`,
    /// `max_rate`, `conflate`, `Accept`. `may_read` is what its sender may read, topics and patterns; the hub's own
    /// topics are not for clients.
    ///
    /// # Errors
    /// [`Refusal`]: 400 for what cannot be read, 406 for a form the hub has not. Topics that `may_read` does not cover are
    /// refused (403) by the hub, which has a line for it in its access log.
    pub fn request<T: AsRef<str>>(parts: &Parts, may_read: impl IntoIterator<Item = T>) -> Result<Self, Refusal> {
        let may_read: Vec<T> = may_read.into_iter().collect();
        let rights = Rights::parse(&may_read, &[], false)
            .map_err(|error| Problem::malformed("topic", format!("What the request may read {error}.")))?;
        let subscribe = Subscribe::parse(parts)?;
        let is_allowed = rights.may_select(&subscribe.selection);
        Ok(Self { is_allowed, head_only: parts.method == Method::HEAD, ..Self::of(subscribe, rights) })
    }

    fn of(subscribe: Subscribe, rights: Rights) -> Self {
        Self {
            subscribe,
            subject: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            until: None,
            rights,
            is_allowed: true,
            head_only: false,
        }
    }

    /// Takes everything but the topics from a request: its place (`Last-Event-ID`, `since`), `max_rate`, `conflate`, and
    /// the form it accepts.
    ///
    /// # Errors
    /// [`Refusal`]: 400 for what cannot be read, 406 for a form the hub has not.
    pub fn asked_by(self, parts: &Parts) -> Result<Self, Refusal> {
        let subscribe = self.subscribe.asked_by(parts)?;
        Ok(Self { subscribe, head_only: parts.method == Method::HEAD, ..self })
    }

    /// Begins after the event with this id: what a reader has had. An id of another log, or one that retention has passed,
    /// makes the stream begin with a gap; an empty one changes nothing.
    #[must_use]
    pub fn after(mut self, id: impl AsRef<[u8]>) -> Self {
        if !id.as_ref().is_empty() {
            self.subscribe.from = From::Cursor(id.as_ref().to_vec());
        }
        self
    }

    /// Begins here, unless there is an id.
    #[must_use]
    pub fn since(mut self, since: Since) -> Self {
        if !matches!(self.subscribe.from, From::Cursor(_)) {
            self.subscribe.from = match since {
                Since::Latest => From::Latest,
                Since::Earliest => From::Earliest,
                Since::Time(time) => From::Time(time),
            };
        }
        self
    }

    /// For this user: whom the hub lists among the readers of a topic, and charges for limits by subject. Their sessions
    /// end when the subject is revoked.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// For a client at this address, which the hub tells in its lists and logs, and charges for limits by address where
    /// there is no subject. Without it: this machine's, which has none by default.
    #[must_use]
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Not beyond this time, when what the reader has shown ends: the stream tells of it 60 s before
    /// (`headwater.expiring`) and ends with `headwater.closing` (`expired`).
    #[must_use]
    pub fn until(mut self, time: SystemTime) -> Self {
        self.until = Some(time);
        self
    }

    /// Splits it into what is read and for whom.
    pub(super) fn split(self, in_process: bool) -> (Subscribe, Reader) {
        let source = Source::direct(self.address);
        let named = self.subject.is_some() || self.until.is_some();
        let grant = named.then(|| {
            Arc::new(Grant {
                rights: self.rights,
                subject: self.subject,
                id: None,
                issuer: None,
                issued_s: Some(seconds(SystemTime::now())),
                expires_s: self.until.map_or(u64::MAX, seconds),
            })
        });
        let guest = Guest { peer: source.address, refused: None };
        let head_only = self.head_only && !in_process;
        let mut subscribe = self.subscribe;
        if in_process {
            // Whatever form its client accepts, this is the one that is read here.
            subscribe.form = Form::Stream(Format::EventStream);
        }
        (subscribe, Reader { guest, source, grant, ticket: None, head_only, in_process })
    }
}

/// Seconds since 1970, which the time before is not after.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
