//! Health and metrics.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use headwater_log::Health;
use http::{StatusCode, header};

use super::problem::Problem;
use super::router::Api;
use crate::access::Caller;
use crate::observe;

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: it takes new sessions and events.
pub(super) async fn ready(State(api): State<Api>) -> Result<&'static str, Problem> {
    if api.hub.draining() {
        return Err(Problem::draining());
    }
    let unready = |kind, detail: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, detail);
    match api.hub.engine.health() {
        Health::Ready => Ok("ready\n"),
        Health::Full => {
            Err(unready("disk-full", "The disk is full: publishes are refused, readers are served.".into())
                .retry_after(5))
        }
        Health::Failed(cause) => {
            tracing::error!(cause, "not ready: the log has stopped");
            Err(unready(
                "log-stopped",
                "The log has stopped after a storage failure. Start the hub again; see its log.".into(),
            ))
        }
    }
}

/// `GET /metrics`.
pub(super) async fn metrics(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    Caller::of(request.extensions()).check_admin()?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], observe::render(&api.hub)).into_response())
}
