//! `/v1/admin/…`: what operators ask of a running hub. All of it needs the administrator's right.

mod events;
mod explain;
mod revocations;
mod session_explain;
mod sessions;

pub(crate) use sessions::render as render_session;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::problem::Problem;
use super::query::Query;
use super::router::Api;
use crate::access::Caller;

/// The routes.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/admin/sessions", get(sessions::list).fallback(async || Problem::method("GET, HEAD")))
        .route(
            "/v1/admin/sessions/{session}",
            get(sessions::describe).delete(sessions::end).fallback(async || Problem::method("GET, HEAD, DELETE")),
        )
        .route(
            "/v1/admin/sessions/{session}/explain",
            get(session_explain::describe).fallback(async || Problem::method("GET, HEAD")),
        )
        .route("/v1/admin/explain", post(explain::create).fallback(async || Problem::method("POST")))
        .route("/v1/admin/events/{id}", get(events::describe).fallback(async || Problem::method("GET, HEAD")))
        .route(
            "/v1/admin/revocations",
            get(revocations::list).post(revocations::create).fallback(async || Problem::method("GET, HEAD, POST")),
        )
        .route("/v1/admin/revocations/{id}", delete(revocations::remove).fallback(async || Problem::method("DELETE")))
        .route_layer(middleware::from_fn(administrators_only))
}

/// Before anything else of a request counts, so that no handler can forget it.
async fn administrators_only(request: Request, next: Next) -> Response {
    match Caller::of(request.extensions()).check_admin() {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Most items of one answer, from the parameter `limit`.
fn limit(query: &Query) -> Result<usize, Problem> {
    let Some(text) = query.first("limit") else { return Ok(DEFAULT_LISTED) };
    text.parse()
        .ok()
        .filter(|limit| (1..=MOST_LISTED).contains(limit))
        .ok_or_else(|| Problem::malformed("limit", format!("The value of limit is a number from 1 to {MOST_LISTED}.")))
}

const MOST_LISTED: usize = 1000;
const DEFAULT_LISTED: usize = 100;

/// Seconds since 1970 as RFC 3339; nothing for a time beyond what can be written.
fn rfc3339(seconds: u64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?.format(&Rfc3339).ok()
}
