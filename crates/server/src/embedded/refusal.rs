//! Why the hub did not do what it was asked for.

use std::fmt;

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::api::problem::Problem;

/// Why the hub did not do what it was asked for: one sentence with the cause and the remedy. As a response it is what the
/// hub itself would answer, a problem document (RFC 9457).
#[derive(Clone, Debug)]
pub struct Refusal(pub(super) Problem);

impl Refusal {
    /// The status of the answer: 400 for what cannot be (a topic, a type), 403 for topics that may not be read or
    /// published to, 409 for a finished topic, 413 for an event that is too large, 429 over a limit, 503 while the hub
    /// stops or has no place, 507 when its disk is full.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Somebody asks for topics that they may not read.
    pub(super) fn not_readable() -> Self {
        let detail =
            "The request names topics that its sender may not read. Ask for topics that the application allows.";
        let problem = Problem::new(StatusCode::FORBIDDEN, "forbidden", detail);
        Self(problem.field("topic").because("no-right-to-subscribe"))
    }

    /// The hub has no threads any more.
    pub(super) fn stopped() -> Self {
        Self(Problem::draining())
    }

    /// There is nothing to publish.
    pub(super) fn nothing() -> Self {
        Self(Problem::malformed("events", "There is no event to publish. Give at least one."))
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.detail())
    }
}

impl std::error::Error for Refusal {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
