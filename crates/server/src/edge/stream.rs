//! A request for a stream that may be made: counted, and opened or sent away.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axum::response::IntoResponse;
use headwater_access::{Grant, Source, TicketKey};
use headwater_hub::{Format, GapReason};
use headwater_log::Selection;
use http::response::Parts;
use http::{HeaderValue, Response, StatusCode, header};

use super::connection::{Guest, Site};
use super::service::ReplyBody;
use crate::api::headers;
use crate::api::problem::Problem;
use crate::api::subscribe::{Form, Subscribe};
use crate::config::Settings;
use crate::flow::deliver::long_poll;
use crate::flow::deliver::pull::Pull;
use crate::flow::deliver::start::{From, Start};
use crate::flow::fanout::Opening;
use crate::limit::{Held, PartyKey, Refused, whole_seconds};

/// For how long a reader is sent away when there are too many, in milliseconds (EVR-12).
const AWAY_MS: std::ops::RangeInclusive<u64> = 30_000..=90_000;

/// When somebody comes back whom the application could not be asked about, in milliseconds: varied, or they would all come
/// together.
const UNDECIDED_MS: std::ops::RangeInclusive<u64> = 5_000..=15_000;

/// An answer.
pub(crate) enum Reply {
    /// For hyper to write.
    Whole(Response<axum::body::Body>),
    /// A stream, or the head of one.
    Stream(Box<Stream>),
}

/// Who a stream is for. What they may read was decided before.
pub(crate) struct Reader {
    /// Whose connection carries it.
    pub(crate) guest: Guest,
    /// From where they ask.
    pub(crate) source: Source,
    /// What they hold, if that is a credential.
    pub(crate) grant: Option<Arc<Grant>>,
    /// The ticket they came with.
    pub(crate) ticket: Option<TicketKey>,
    /// They only ask for the head.
    pub(crate) head_only: bool,
    /// They are code of this process, and no client that comes back by itself.
    pub(crate) in_process: bool,
}

/// A stream that has been granted and not begun.
pub(crate) struct Stream {
    pub(crate) parts: Parts,
    pub(crate) body: StreamBody,
}

/// What follows the head of a stream.
pub(crate) enum StreamBody {
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

impl Site {
    /// Opens a stream or a long poll, or sends its reader away. `head` is where a reader begins who asks for what comes
    /// from now on.
    ///
    /// # Errors
    /// 503 or 429 to whoever is sent away and would not understand a stream that ends at once.
    pub(crate) async fn open(&self, subscribe: Subscribe, reader: Reader, head: u64) -> Result<Reply, Problem> {
        let hub = &self.hub;
        let Reader { guest, source, grant, ticket, head_only, in_process } = reader;
        let settings = hub.settings();
        let party = hub.limiter.party(source, grant.as_deref(), &settings.limits);
        let mut held = Held::default();
        let away = match self.sends_away() {
            None if !head_only => {
                let counted = self.count(guest, source, party, &subscribe.selection, &settings);
                counted.map(|counts| held = counts).err()
            }
            away => away,
        };
        let comes_back = subscribe.form == Form::Stream(Format::EventStream) && !in_process;
        if let (Some(away), false) = (&away, comes_back) {
            return Err(match away {
                Away::Draining => Problem::draining(),
                Away::Crowded { retry } => Problem::crowded(retry.as_secs()),
                Away::Limited { refused, .. } => self.limited(*refused),
            });
        }
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
            self.counters.resumed.add(1);
        }
        if start.gap.is_some() {
            self.counters.gaps.add(1);
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
            ticket,
            flow: subscribe.flow,
            address: source.address,
            in_process,
            held,
            party,
        };
        match subscribe.form {
            Form::Stream(_) => Ok(self.stream(opening, gap, extent)),
            Form::Poll { .. } if head_only => Ok(Reply::Whole(json(Vec::new()))),
            Form::Poll { wait, limit } => {
                let pull = Pull::open(&self.shard, opening);
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
    pub(super) fn limited(&self, refused: Refused) -> Problem {
        let wait = refused.wait.unwrap_or_else(|| self.away());
        Problem::limited(refused.limit.as_str(), whole_seconds(wait))
    }

    /// The answer to somebody of whom nobody could say what they may do: nothing of what is there, not even where its end
    /// is. Native EventSource stops for good on a 503, and comes back after a clean end.
    pub(super) fn undecided(&self, subscribe: &Subscribe, head_only: bool) -> Result<Reply, Problem> {
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

/// Refuses a selection of more topics than configured.
pub(crate) fn check_topics(selection: &Selection, most: usize) -> Result<(), Problem> {
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

fn json(body: Vec<u8>) -> Response<axum::body::Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
