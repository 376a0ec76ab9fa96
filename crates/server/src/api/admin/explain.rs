//! `POST /v1/admin/explain`: what would be decided about somebody, and why.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};

use super::super::json as body;
use super::super::problem::Problem;
use super::super::router::Api;
use crate::access::{Question, explain};

const MOST_BODY: usize = 64 << 10;
const SHAPE: &str = "{\"token\",\"subscribe\":[patterns],\"publish\":[topics],\"origin\",\"host\"}, each if wanted";

/// Explains; does nothing.
pub(super) async fn create(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let question: Question = body::read(&api, request.into_body(), MOST_BODY, SHAPE).await?;
    let tls = api.hub.settings().tls.is_some();
    Ok(axum::Json(explain(&api.hub.access(), &api.hub.credentials, &question, tls)).into_response())
}
