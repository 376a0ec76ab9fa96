//! `/v1/admin/revocations`: credentials that are taken back before their end (SEC-07, T4).
//!
//! A revocation is in force for new requests and on running streams before it is written down, and it is written down
//! before it is answered.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use headwater_access::{Revocation, RevocationError, Target};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::json as body;
use super::super::problem::Problem;
use super::super::query::Query;
use super::super::router::Api;
use super::{limit, rfc3339, sessions};
use crate::flow::fanout::Message;
use crate::hub::Hub;

/// What is to be revoked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    token: Option<String>,
    subject: Option<String>,
    issuer: Option<String>,
    issued_before: Option<Time>,
    session: Option<String>,
    expires_at: Option<Time>,
}

/// Seconds since 1970, as in a token, or RFC 3339.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
struct Time(u64);

const MOST_BODY: usize = 16 << 10;
const SHAPE: &str =
    "{\"token\"|\"subject\"|\"issued_before\"|\"session\": …} with \"issuer\" and \"expires_at\" if wanted";

/// `POST`.
pub(super) async fn create(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let asked: Asked = body::read(&api, request.into_body(), MOST_BODY, SHAPE).await?;
    let mut until_s = asked.expires_at.map(|time| time.0);
    let target = match asked.session {
        None => Target {
            token: asked.token,
            subject: asked.subject,
            issuer: asked.issuer,
            issued_before_s: asked.issued_before.map(|time| time.0),
        },
        Some(_) if asked.token.is_some() || asked.subject.is_some() || asked.issued_before.is_some() => {
            return Err(Problem::malformed("session", "Name a session, or what else to revoke, but not both."));
        }
        Some(session) => {
            let (target, expires_s) = held(&api, &session).await?;
            until_s = until_s.or(Some(expires_s));
            target
        }
    };
    let hub = api.hub.clone();
    let made = tokio::task::spawn_blocking(move || revoke(&hub, target, until_s)).await.map_err(|_| unsaved())??;
    Ok((StatusCode::CREATED, axum::Json(render(&made))).into_response())
}

/// `GET`: the oldest first, page by page.
pub(super) async fn list(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let query = Query::parse(request.uri().query())?;
    let limit = limit(&query)?;
    let after = match query.first("after") {
        None => 0,
        Some(text) => text.parse().map_err(|_| {
            Problem::malformed("after", "The value of after is the member \"next\" of the page before.")
        })?,
    };
    let found = api.hub.credentials.revoked.after(after, limit);
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
    let found: Vec<Value> = found.iter().map(render).collect();
    Ok(axum::Json(json!({ "revocations": found, "next": next })).into_response())
}

/// `DELETE`.
pub(super) async fn remove(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Problem> {
    let unknown = || {
        let detail = "There is no revocation with this id. It may have been taken back, or have ended.";
        Problem::new(StatusCode::NOT_FOUND, "no-such-revocation", detail)
    };
    let id = id.parse().map_err(|_| unknown())?;
    let hub = api.hub.clone();
    let removed = tokio::task::spawn_blocking(move || {
        let removed = hub.credentials.revoked.remove(id);
        removed.map(|_| hub.credentials.revoked.save())
    });
    match removed.await.map_err(|_| unsaved())?.ok_or_else(unknown)? {
        Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(error) => Err(not_written(&error)),
    }
}

/// Puts it in force, ends the streams, and writes it down. Goes on even if whoever asked has left.
fn revoke(hub: &Arc<Hub>, target: Target, until_s: Option<u64>) -> Result<Revocation, Problem> {
    let made = hub.credentials.revoked.add(target, until_s).map_err(|error| match error {
        RevocationError::Full => {
            Problem::new(StatusCode::CONFLICT, "too-many-revocations", format!("Nothing was revoked: {error}."))
        }
        RevocationError::Aimless | RevocationError::Text | RevocationError::Future | RevocationError::Over => {
            Problem::malformed("body", format!("Nothing was revoked: {error}."))
        }
    })?;
    hub.shards.iter().for_each(|shard| shard.send(Message::Revoke(made.target.clone())));
    hub.credentials.revoked.save().map_err(|error| not_written(&error))?;
    Ok(made)
}

/// The credential that a session holds, and when it ends.
async fn held(api: &Api, session: &str) -> Result<(Target, u64), Problem> {
    let name = sessions::name(session)?;
    let view = api.hub.ask(name.shard as usize, |reply| Message::View(name.ticket, reply)).await.flatten();
    let grant = view.ok_or_else(sessions::unknown)?.grant;
    let named = grant.filter(|grant| grant.id.is_some()).ok_or_else(|| {
        let detail = "The session holds no token with an id (jti), so no revocation would concern it alone. Revoke its \
                      subject, or end it with DELETE /v1/admin/sessions/{session}.";
        Problem::new(StatusCode::CONFLICT, "nothing-to-revoke", detail).field("session")
    })?;
    let target = Target { token: named.id.clone(), issuer: named.issuer.clone(), ..Target::default() };
    Ok((target, named.expires_s))
}

fn render(revocation: &Revocation) -> Value {
    let Target { token, subject, issuer, issued_before_s } = &revocation.target;
    json!({
        "id": revocation.id.to_string(),
        "token": token,
        "subject": subject,
        "issuer": issuer,
        "issued_before": issued_before_s.and_then(rfc3339),
        "created_at": rfc3339(revocation.since_s),
        "expires_at": rfc3339(revocation.until_s),
    })
}

fn not_written(error: &std::io::Error) -> Problem {
    tracing::error!(%error, "cannot write down what was revoked");
    let detail = "The change is in force, but could not be written down and would be lost by a restart. Free space or check \
                  the data folder, then send it again.";
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, "not-written", detail)
}

fn unsaved() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unavailable", "The hub could not do this. Its log says why.")
}

impl TryFrom<Value> for Time {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let written = value.as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
        // A second that has begun counts whole: what was issued in it may have been issued before.
        let whole = |time: OffsetDateTime| time.unix_timestamp() + i64::from(time.nanosecond() > 0);
        let written = written.and_then(|time| u64::try_from(whole(time)).ok());
        value.as_u64().or(written).map(Self).ok_or("a time is seconds since 1970 or RFC 3339")
    }
}
