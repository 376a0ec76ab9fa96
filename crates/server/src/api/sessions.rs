//! `POST /v1/sessions/{session}/credential`: a running session goes on with a new token (SEC-07).
//!
//! The new token is the one of the request itself, in `Authorization`: it is verified like that of any other request,
//! and no body has to be kept out of anybody's logs.

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use headwater_access::Refusal;
use http::StatusCode;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::problem::Problem;
use super::router::Api;
use crate::access::Caller;
use crate::flow::fanout::{Message, NotRenewed, SessionName};

/// Renews the credential of a session.
pub(super) async fn renew(
    State(api): State<Api>,
    Path(session): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = Caller::of(request.extensions());
    caller.check_holder()?;
    let name: SessionName = session.parse().map_err(|_| gone())?;
    // In development mode no session has a credential.
    let grant = caller.grant().cloned().ok_or_else(gone)?;
    let expires = OffsetDateTime::from(grant.expires()).format(&Rfc3339).unwrap_or_default();
    let renewed = api.hub.ask(name.shard as usize, |reply| Message::Renew(name.ticket, grant, reply)).await;
    match renewed.unwrap_or(Err(NotRenewed::Gone)) {
        Ok(()) => Ok(axum::Json(json!({ "expires_at": expires })).into_response()),
        Err(NotRenewed::Gone) => Err(gone()),
        Err(NotRenewed::OtherHolder) => {
            let detail = "The session belongs to another subject or issuer. Renew it with a token for the one it was opened with.";
            Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail).because("other-holder"))
        }
        Err(NotRenewed::TooNarrow) => Err(caller.forbidden("subscribe", None)),
        Err(NotRenewed::Revoked) => Err(Caller::refused(Refusal::Revoked)),
    }
}

/// The same answer for a session that ended, one that never was, and what is no name at all.
fn gone() -> Problem {
    let detail = "There is no such session. It may have ended; subscribe again, with the last id that was received.";
    Problem::new(StatusCode::NOT_FOUND, "no-such-session", detail)
}
