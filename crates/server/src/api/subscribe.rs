//! `GET /v1/events`: from a request to a session's start.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use headwater_hub::Format;
use headwater_log::{Pattern, Selection};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::problem::Problem;
use super::query::{CURSOR_PARAMETERS, Query};
use crate::flow::deliver::start::From;
use crate::flow::fanout::Flow;

/// What a reader asks for.
#[derive(Debug)]
pub(crate) struct Subscribe {
    pub(crate) selection: Arc<Selection>,
    pub(crate) from: From,
    pub(crate) form: Form,
    pub(crate) flow: Flow,
}

/// In which form it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A stream.
    Stream(Format),
    /// One long-poll answer.
    Poll {
        /// How long to wait for the first event.
        wait: Duration,
        /// Most events in the answer.
        limit: usize,
    },
}

const MOST_TOPICS: usize = 100;
const LONGEST_WAIT: u64 = 55;
const DEFAULT_WAIT: u64 = 25;
const MOST_POLLED: usize = 10_000;
const DEFAULT_POLLED: usize = 1000;

impl Subscribe {
    /// Checks a request.
    pub(crate) fn parse(parts: &Parts) -> Result<Self, Problem> {
        let query = Query::parse(parts.uri.query())?;
        let form = form(&parts.headers, &query)?;
        let selection = select(query.all("topic"))?;
        Ok(Self { selection, from: from(&parts.headers, &query)?, form, flow: flow(&query)? })
    }

    /// An event stream of these topics and patterns, from now on.
    pub(crate) fn to<T: AsRef<str>>(topics: impl IntoIterator<Item = T>) -> Result<Self, Problem> {
        let form = Form::Stream(Format::EventStream);
        Ok(Self { selection: select(topics)?, from: From::Latest, form, flow: Flow::default() })
    }

    /// The same topics, and everything else as a request says.
    pub(crate) fn asked_by(self, parts: &Parts) -> Result<Self, Problem> {
        let query = Query::parse(parts.uri.query())?;
        let form = form(&parts.headers, &query)?;
        Ok(Self { from: from(&parts.headers, &query)?, form, flow: flow(&query)?, ..self })
    }
}

/// What the topics and patterns together select.
fn select<T: AsRef<str>>(topics: impl IntoIterator<Item = T>) -> Result<Arc<Selection>, Problem> {
    let pattern = |text: T| {
        let text = text.as_ref();
        Pattern::new(text).map_err(|error| Problem::topic("topic", text, error))
    };
    let patterns = topics.into_iter().map(pattern).collect::<Result<Vec<_>, _>>()?;
    match patterns.len() {
        0 => Err(Problem::malformed("topic", "Name at least one topic or pattern: /v1/events?topic=orders/42.")),
        1..=MOST_TOPICS => Ok(Arc::new(Selection::new(patterns))),
        many => {
            let detail = format!(
                "The request names {many} topics, but one stream carries at most 100. Use patterns such as orders/*."
            );
            Err(Problem::malformed("topic", detail))
        }
    }
}

/// The header wins, and its value is bytes: an id may be any UTF-8 (EVR-09).
fn from(headers: &HeaderMap, query: &Query) -> Result<From, Problem> {
    let parameter = || CURSOR_PARAMETERS.iter().find_map(|name| query.first(name)).map(|id| id.as_bytes().to_vec());
    // A client whose cursor was reset sends none; some send it empty.
    let given = |id: &Vec<u8>| !id.is_empty();
    let header = headers.get("last-event-id").map(|id| id.as_bytes().to_vec()).filter(given);
    if let Some(id) = header.or_else(parameter).filter(given) {
        return Ok(From::Cursor(id));
    }
    match query.first("since") {
        None | Some("latest") => Ok(From::Latest),
        Some("earliest") => Ok(From::Earliest),
        Some(text) => time(text, SystemTime::now()).map(From::Time).ok_or_else(|| {
            Problem::malformed("since", "The value of since is latest, earliest, an RFC 3339 time such as 2026-01-31T12:00:00Z, or an age such as 90s, 10m or 2h.")
        }),
    }
}

/// How the events are to come: at most so many deliveries a second, and of the same topic and key only the newest.
fn flow(query: &Query) -> Result<Flow, Problem> {
    let interval_us = match query.first("max_rate") {
        None => 0,
        Some(text) => interval(text).ok_or_else(|| {
            Problem::malformed(
                "max_rate",
                "The value of max_rate is a number of deliveries a second from 0.01 to 1000, such as 5 or 0.2.",
            )
        })?,
    };
    let conflate = match query.first("conflate") {
        None => None,
        Some("" | "true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        Some(_) => return Err(Problem::malformed("conflate", "The value of conflate is true or false.")),
    };
    Ok(Flow { interval_us, conflate })
}

/// Microseconds between deliveries at this rate.
fn interval(rate: &str) -> Option<u64> {
    let plain = rate.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let rate: f64 = rate.parse().ok().filter(|_| plain)?;
    (0.01..=1000.0).contains(&rate).then(|| (1_000_000.0 / rate).round() as u64)
}

fn time(text: &str, now: SystemTime) -> Option<SystemTime> {
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(time.into());
    }
    let unit = text.chars().last()?;
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86400,
        _ => return None,
    };
    now.checked_sub(Duration::from_secs(number.checked_mul(seconds)?))
}

fn form(headers: &HeaderMap, query: &Query) -> Result<Form, Problem> {
    match accepted(headers) {
        Some(Accepted::EventStream) => Ok(Form::Stream(Format::EventStream)),
        Some(Accepted::Ndjson) => Ok(Form::Stream(Format::Ndjson)),
        Some(Accepted::Json) => {
            let wait = number(query, "wait", DEFAULT_WAIT, 0..=LONGEST_WAIT)?;
            let limit = number(query, "limit", DEFAULT_POLLED as u64, 1..=MOST_POLLED as u64)?;
            Ok(Form::Poll { wait: Duration::from_secs(wait), limit: limit as usize })
        }
        None => Err(Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "not-acceptable",
            "Events are served as text/event-stream, application/x-ndjson or application/json. Accept one of them.",
        )
        .field("Accept")),
    }
}

fn number(
    query: &Query,
    name: &'static str,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<u64, Problem> {
    let Some(text) = query.first(name) else { return Ok(default) };
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
        Problem::malformed(name, format!("The value of {name} is a number from {} to {}.", range.start(), range.end()))
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepted {
    EventStream,
    Ndjson,
    Json,
}

/// The form with the highest quality (RFC 9110, 12.5.1); of equal ones the first in our order.
fn accepted(headers: &HeaderMap) -> Option<Accepted> {
    let ranges: Vec<(String, f32)> = headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().filter(|media| !media.is_empty())?.to_ascii_lowercase();
            let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            Some((media, quality.map_or(1.0, |q| q.parse().unwrap_or(0.0))))
        })
        .collect();
    if ranges.is_empty() {
        return headers.get(header::ACCEPT).is_none_or(|value| value.is_empty()).then_some(Accepted::EventStream);
    }
    let quality = |media: &str, group: &str| {
        let of = |wanted: &str| ranges.iter().find(|(range, _)| range == wanted).map(|(_, quality)| *quality);
        of(media).or_else(|| of(group)).or_else(|| of("*/*")).unwrap_or(0.0)
    };
    let mut best = None;
    for (form, media, group) in [
        (Accepted::EventStream, "text/event-stream", "text/*"),
        (Accepted::Ndjson, "application/x-ndjson", "application/*"),
        (Accepted::Json, "application/json", "application/*"),
    ] {
        let quality = quality(media, group);
        if quality > best.map_or(0.0, |(_, quality)| quality) {
            best = Some((form, quality));
        }
    }
    best.map(|(form, _)| form)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn accept(value: &str) -> Option<Accepted> {
        accepted(Request::get("/").header("accept", value).body(()).unwrap().headers())
    }

    // BSG-03
    #[test]
    fn accept_chooses_the_form() {
        assert_eq!(accepted(&HeaderMap::new()), Some(Accepted::EventStream));
        assert_eq!(accept("*/*"), Some(Accepted::EventStream));
        assert_eq!(accept("text/event-stream"), Some(Accepted::EventStream));
        assert_eq!(accept("application/x-ndjson"), Some(Accepted::Ndjson));
        assert_eq!(accept("application/json"), Some(Accepted::Json));
        assert_eq!(accept("application/json, text/event-stream;q=0.5"), Some(Accepted::Json));
        assert_eq!(accept("text/html,application/xml;q=0.9,*/*;q=0.8"), Some(Accepted::EventStream));
        assert_eq!(accept("text/event-stream;q=0, application/json;q=0.1"), Some(Accepted::Json));
        assert_eq!(accept("text/html"), None);
        assert_eq!(accept("text/event-stream;q=0"), None);
    }

    #[test]
    fn rates_and_conflation() {
        let flow = |query: &str| flow(&Query::parse(Some(query)).unwrap()).ok();
        assert_eq!(flow("topic=a"), Some(Flow::default()));
        assert_eq!(flow("max_rate=5&conflate=true"), Some(Flow { interval_us: 200_000, conflate: Some(true) }));
        assert_eq!(flow("max_rate=0.2&conflate=false"), Some(Flow { interval_us: 5_000_000, conflate: Some(false) }));
        for wrong in [
            "max_rate=",
            "max_rate=0",
            "max_rate=1001",
            "max_rate=-1",
            "max_rate=1e2",
            "max_rate=nan",
            "max_rate=.",
            "conflate=maybe",
        ] {
            assert_eq!(flow(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_and_ages() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert_eq!(time("90s", now), Some(now - Duration::from_secs(90)));
        assert_eq!(time("2h", now), Some(now - Duration::from_secs(7200)));
        assert_eq!(time("1970-01-01T00:00:10Z", now), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(10)));
        for wrong in ["", "s", "-5s", "5", "5y", "yesterday", "99999999999999999999s", "18446744073709551615h", "5é"] {
            assert_eq!(time(wrong, now), None, "{wrong}");
        }
    }
}
