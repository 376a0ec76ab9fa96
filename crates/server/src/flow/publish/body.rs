//! Request bodies, bounded in size and time (T10).

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http::StatusCode;
use http_body_util::BodyExt;

use tokio::sync::watch;

use crate::api::problem::Problem;
use crate::edge::connection::Phase;

/// Reads a body that is one document.
pub(super) async fn whole(mut body: Body, limit: usize, idle: Duration) -> Result<String, Problem> {
    let expected = body.size_hint().lower();
    if expected > limit as u64 {
        return Err(Problem::too_large("body", "The body", limit));
    }
    let mut bytes = Vec::with_capacity(expected as usize);
    while let Some(chunk) = next(&mut body, idle).await? {
        if bytes.len() + chunk.len() > limit {
            return Err(Problem::too_large("body", "The body", limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(error.utf8_error().valid_up_to()))
}

/// The next bytes of a body; `None` at its end.
pub(super) async fn next(body: &mut Body, idle: Duration) -> Result<Option<Bytes>, Problem> {
    loop {
        let frame = tokio::time::timeout(idle, body.frame()).await.map_err(|_| {
            let detail = format!("No byte of the body came for {} s.", idle.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", detail).field("body")
        })?;
        match frame {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
            // Seldom read by anybody: the connection is gone or broken.
            Some(Err(_)) => return Err(Problem::malformed("body", "The body broke off before its end.")),
        }
    }
}

/// The next bytes of a body that may go on for ever: it also ends, refused, when the hub stops.
pub(super) async fn next_while_serving(
    body: &mut Body,
    idle: Duration,
    phase: &watch::Receiver<Phase>,
) -> Result<Option<Bytes>, Problem> {
    let mut phase = phase.clone();
    tokio::select! {
        bytes = next(body, idle) => bytes,
        _ = phase.wait_for(|phase| *phase == Phase::Stopping) => Err(Problem::draining()),
    }
}

/// 400 for data that is not text.
pub(super) fn not_utf8(at: usize) -> Problem {
    Problem::malformed(
        "body",
        format!("The body is not UTF-8 at byte {at}. Encode binary data, for example as base64."),
    )
}
