//! Request bodies, bounded in size and time (T10).

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use http::StatusCode;
use http_body_util::BodyExt;

use tokio::sync::watch;

use crate::api::problem::Problem;
use crate::config::Limits;
use crate::edge::connection::Phase;

/// How long a body may take before its rate counts.
const GRACE: Duration = Duration::from_secs(5);

/// Reads a body that is one document.
pub(super) async fn whole(mut body: Body, limit: usize, limits: &Limits) -> Result<String, Problem> {
    let started = Instant::now();
    let expected = body.size_hint().lower();
    if expected > limit as u64 {
        return Err(Problem::too_large("body", "The body", limit));
    }
    let mut bytes = Vec::with_capacity(expected as usize);
    loop {
        let left = time_for(bytes.len(), limits).saturating_sub(started.elapsed());
        let chunk = tokio::time::timeout(left, next(&mut body, limits.body_timeout)).await;
        let Some(chunk) = chunk.map_err(|_| too_slow(limits))?? else { break };
        if bytes.len() + chunk.len() > limit {
            return Err(Problem::too_large("body", "The body", limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(error.utf8_error().valid_up_to()))
}

/// How long after its beginning the next bytes of a body have to be there, when it has come this far (T10).
fn time_for(bytes: usize, limits: &Limits) -> Duration {
    match limits.body_rate {
        0 => limits.body_total,
        rate => limits.body_total.min(GRACE + Duration::from_secs_f64(bytes as f64 / rate as f64)),
    }
}

fn too_slow(limits: &Limits) -> Problem {
    let (rate, total) = (limits.body_rate, limits.body_total.as_secs_f64());
    let detail = format!(
        "The body came too slowly. This hub waits {total} s for a whole one, and after its first seconds for {rate} bytes a second."
    );
    Problem::new(StatusCode::REQUEST_TIMEOUT, "slow-body", detail).field("body")
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
        _ = phase.wait_for(|phase| *phase >= Phase::Stopping) => Err(Problem::draining()),
    }
}

/// 400 for data that is not text.
pub(super) fn not_utf8(at: usize) -> Problem {
    Problem::malformed(
        "body",
        format!("The body is not UTF-8 at byte {at}. Encode binary data, for example as base64."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    // T10
    #[test]
    fn t10_a_body_gains_time_by_its_bytes_and_never_more_than_all() {
        let limits = Limits { body_rate: 500, body_total: Duration::from_secs(60), ..Limits::default() };
        assert_eq!(time_for(0, &limits), GRACE);
        assert_eq!(time_for(5000, &limits), Duration::from_secs(15));
        assert_eq!(time_for(usize::MAX, &limits), Duration::from_secs(60));
        assert_eq!(time_for(0, &Limits { body_rate: 0, ..limits }), Duration::from_secs(60));
    }
}
