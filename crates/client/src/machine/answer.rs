//! What the head of an answer means.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{CONTENT_TYPE, RETRY_AFTER};

use crate::problem::Problem;

/// What of an answer decides how it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The media type.
    pub content_type: Option<String>,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
    /// How often the server promises a byte.
    pub heartbeat: Option<Duration>,
    /// What the body of an answer without a stream says.
    pub problem: Problem,
}

/// What the client makes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Stream,
    WrongType,
    Finished,
    /// Try again after a while.
    Later,
    /// Try again with another credential.
    Credential,
    Rejected,
}

impl Answer {
    /// Reads the head of an answer; a date in `Retry-After` is compared with `now`.
    pub fn read(status: u16, headers: &HeaderMap, now: SystemTime) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            status,
            content_type: text(CONTENT_TYPE.as_str()).map(Into::into),
            retry_after: text(RETRY_AFTER.as_str()).and_then(|value| retry_after(value, now)),
            heartbeat: text("headwater-heartbeat").and_then(heartbeat),
            problem: Problem::default(),
        }
    }

    pub(crate) fn meaning(&self) -> Meaning {
        match self.status {
            200 if self.content_type.as_deref().is_some_and(|name| crate::http::is_type(name, "text/event-stream")) => {
                Meaning::Stream
            }
            200 => Meaning::WrongType,
            204 => Meaning::Finished,
            status if is_passing(status) => Meaning::Later,
            401 | 403 => Meaning::Credential,
            _ => Meaning::Rejected,
        }
    }
}

/// Whether the same request may well be answered otherwise a little later.
pub(crate) const fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}

/// Seconds, or a date.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

fn heartbeat(value: &str) -> Option<Duration> {
    let seconds: f64 = value.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|heartbeat| !heartbeat.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, content_type: &str) -> Meaning {
        Answer { status, content_type: Some(content_type.into()), ..Answer::default() }.meaning()
    }

    #[test]
    fn every_status_means_what_is_documented() {
        for stream in ["text/event-stream", "Text/Event-Stream;charset=utf-8", " text/event-stream ; x"] {
            assert_eq!(answer(200, stream), Meaning::Stream);
        }
        for other in ["text/html", "text/event-stream-2", ""] {
            assert_eq!(answer(200, other), Meaning::WrongType);
        }
        assert_eq!(Answer { status: 200, ..Answer::default() }.meaning(), Meaning::WrongType);
        for status in 0..1000 {
            let expected = match status {
                200 => Meaning::Stream,
                204 => Meaning::Finished,
                408 | 425 | 429 | 500..=599 => Meaning::Later,
                401 | 403 => Meaning::Credential,
                _ => Meaning::Rejected,
            };
            assert_eq!(answer(status, "text/event-stream"), expected, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let after = |value| retry_after(value, now);
        assert_eq!(after("0"), Some(Duration::ZERO));
        assert_eq!(after(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(after("99999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(after("Sun, 06 Nov 1994 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(after("Sunday, 06-Nov-94 08:50:37 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(after("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        for wrong in ["", "-1", "1.5", "+1", "soon"] {
            assert_eq!(after(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_heartbeat_is_a_time() {
        assert_eq!(heartbeat("15"), Some(Duration::from_secs(15)));
        assert_eq!(heartbeat("0.5"), Some(Duration::from_millis(500)));
        for wrong in ["", "0", "-1", "NaN", "inf", "1e400", "x"] {
            assert_eq!(heartbeat(wrong), None, "{wrong}");
        }
    }
}
