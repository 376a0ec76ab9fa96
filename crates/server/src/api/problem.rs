//! Refusals: problem details (RFC 9457), and the one place that turns errors into status codes.

use axum::response::{IntoResponse, Response};
use headwater_log::{AppendError, InvalidTopic};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

/// An error answer: what is wrong, with which part of the request, and what to do about it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// Apart, because a problem travels in many results and is hardly ever there.
    rest: Box<Rest>,
}

/// Goes along with an answer that refuses somebody, to be counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reason(pub(crate) &'static str);

#[derive(Clone, Debug, Default)]
struct Rest {
    /// Short name; the `type` is `urn:headwater:problem:<kind>`.
    kind: &'static str,
    detail: String,
    /// Which part of the request is at fault.
    field: Option<String>,
    retry_after: Option<u64>,
    allow: Option<&'static str>,
    challenge: Option<&'static str>,
    /// Why whoever asked is refused, for machines.
    reason: Option<&'static str>,
    /// Further members.
    extra: Map<String, Value>,
}

impl Problem {
    /// A problem of this kind; `detail` is a sentence with the cause and the remedy.
    pub(crate) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { status, rest: Box::new(Rest { kind, detail: detail.into(), ..Rest::default() }) }
    }

    /// 400.
    pub(crate) fn malformed(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-request", detail).field(field)
    }

    /// 400 for a topic.
    pub(crate) fn topic(field: impl Into<String>, text: &str, error: InvalidTopic) -> Self {
        let shown: String = text.chars().take(80).collect();
        Self::malformed(
            field,
            format!(
                "The topic {shown:?} {error}. A topic is 1 to 512 bytes of '/'-separated segments, such as orders/42."
            ),
        )
    }

    /// 413.
    pub(crate) fn too_large(field: impl Into<String>, what: &str, limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("{what} is larger than {limit} bytes, the most this hub takes."),
        )
        .field(field)
    }

    /// 405.
    pub(crate) fn method(allow: &'static str) -> Self {
        let detail = format!("This resource does not support the method. It allows {allow}.");
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail);
        problem.rest.allow = Some(allow);
        problem
    }

    /// 404.
    pub(crate) fn no_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-route",
            "There is nothing here. Events are read at /v1/events and published at /v1/topics/{topic}.",
        )
    }

    /// 503 while the hub stops.
    pub(crate) fn draining() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "draining",
            "This hub is stopping. Try again; another one may answer.",
        )
        .retry_after(5)
    }

    /// 503 for a stream or long poll too many.
    pub(crate) fn crowded(seconds: u64) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too-many-sessions",
            "This hub has as many readers as it takes. Try again after the time in Retry-After.",
        )
        .retry_after(seconds)
    }

    /// 429 for whoever is over a limit; `wait` in seconds.
    pub(crate) fn limited(limit: &'static str, wait: u64) -> Self {
        let detail =
            format!("This is more than the limit {limit} of this hub. Try again after the time in Retry-After.");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "limited", detail).retry_after(wait).with("limit", limit.into())
    }

    /// 503 while the application that decides about access gives no answer.
    pub(crate) fn undecided(seconds: u64) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "access-undecided",
            "The application that decides about access gives no answer. Try again after the time in Retry-After.",
        )
        .retry_after(seconds)
    }

    /// Names the part of the request that is at fault.
    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.rest.field = Some(field.into());
        self
    }

    /// Puts the place of an item before the name of its field.
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.rest.field = Some(match self.rest.field.as_deref() {
            None | Some("") => place.to_owned(),
            Some(field) => format!("{place}.{field}"),
        });
        self
    }

    /// Tells how many seconds to wait.
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.rest.retry_after = Some(seconds);
        self
    }

    /// Says how to authenticate.
    pub(crate) fn challenge(mut self, challenge: &'static str) -> Self {
        self.rest.challenge = Some(challenge);
        self
    }

    /// Says why, for machines: every 401 and 403 does.
    pub(crate) fn because(mut self, reason: &'static str) -> Self {
        self.rest.reason = Some(reason);
        self
    }

    /// Why whoever asked is refused, for machines.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.rest.reason
    }

    /// What is wrong, and what to do about it.
    pub(crate) fn detail(&self) -> &str {
        &self.rest.detail
    }

    /// Adds a member.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.rest.extra.insert(name.to_owned(), value);
        self
    }

    /// The document.
    pub(crate) fn body(&self) -> String {
        let mut document = Map::new();
        document.insert("type".into(), format!("urn:headwater:problem:{}", self.rest.kind).into());
        document.insert("title".into(), title(self.rest.kind).into());
        document.insert("status".into(), self.status.as_u16().into());
        document.insert("detail".into(), self.rest.detail.clone().into());
        if let Some(field) = &self.rest.field {
            document.insert("field".into(), field.clone().into());
        }
        if let Some(reason) = self.rest.reason {
            document.insert("reason".into(), reason.into());
        }
        document.extend(self.rest.extra.clone());
        Value::Object(document).to_string()
    }
}

/// What kind of refusal an answer is, as an extension of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind(pub(crate) &'static str);

/// `topic-finished` → `Topic finished`.
fn title(kind: &str) -> String {
    let mut words = kind.replace('-', " ");
    words[..1].make_ascii_uppercase();
    words
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(self.body().into());
        *response.status_mut() = self.status;
        if let Some(reason) = self.rest.reason {
            response.extensions_mut().insert(Reason(reason));
        }
        response.extensions_mut().insert(Kind(self.rest.kind));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(allow) = self.rest.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(challenge) = self.rest.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.rest.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Finished(topic) => Self::new(
                StatusCode::CONFLICT,
                "topic-finished",
                format!("The topic {topic} is finished and takes no more events. Publish to another topic, or delete this one first."),
            )
            .field("topic"),
            AppendError::Overloaded => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "overloaded",
                "Too many publishes are waiting for the disk. Try again in a moment.",
            )
            .retry_after(1),
            AppendError::Full => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "disk-full",
                "The disk of the hub is full and nothing was stored. Free space or shorten retention; publishing recovers by itself.",
            )
            .retry_after(5),
            AppendError::Failed(cause) => {
                tracing::error!(cause, "publish refused: the log has stopped");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "log-stopped",
                    "The log of the hub has stopped after a storage failure. Nothing is taken until the hub is started again; see its log.",
                )
                .retry_after(10)
            }
            AppendError::Closed => Self::draining(),
        }
    }
}
