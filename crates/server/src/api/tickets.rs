//! `POST /v1/tickets`: a short credential for a client that can send nothing but an address (SEC-06, T3).

use std::time::{Duration, SystemTime};

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use headwater_access::{Grant, MAX_TICKET_TTL, Refusal, Rights, TicketError};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::json;
use super::problem::Problem;
use super::router::Api;
use crate::access::Caller;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    subscribe: Vec<String>,
    #[serde(default = "default_ttl")]
    ttl: u64,
}

/// Largest body: a hundred patterns and some room.
const MOST_BODY: usize = 64 << 10;
const SHAPE: &str = "{\"subscribe\":[patterns],\"ttl\":seconds}";

/// Makes a ticket with the rights of the caller, or some of them.
pub(super) async fn create(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let caller = Caller::of(request.extensions());
    caller.check_holder()?;
    let asked: Asked = json::read(&api, request.into_body(), MOST_BODY, SHAPE).await?;
    if asked.subscribe.is_empty() {
        return Err(Problem::malformed("subscribe", "Name at least one topic or pattern that the ticket opens."));
    }
    let rights = Rights::parse(&asked.subscribe, &[], false)
        .map_err(|error| Problem::malformed("subscribe", format!("The list {error}.")))?;
    let longest = MAX_TICKET_TTL.as_secs();
    if !(1..=longest).contains(&asked.ttl) {
        return Err(Problem::malformed("ttl", format!("The value of ttl is a number of seconds from 1 to {longest}.")));
    }
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| unavailable("The system gives no random numbers."))?;
    let now = SystemTime::now();
    // In development mode, where tickets open what is open anyway, clients work as they will elsewhere.
    let everything =
        || Grant { rights: Rights::all(), subject: None, id: None, issuer: None, issued_s: None, expires_s: u64::MAX };
    let grant = caller.grant().map_or_else(everything, |grant| Grant::clone(grant));
    let mut tickets = api.hub.credentials.tickets();
    let (ticket, expires) =
        tickets.issue(&grant, rights, Duration::from_secs(asked.ttl), now, random).map_err(|error| match error {
            TicketError::Forbidden => caller.forbidden("subscribe", Some("subscribe")),
            TicketError::Full => unavailable("Too many tickets are in use. Try again in a moment.").retry_after(5),
            TicketError::Expired => Caller::refused(Refusal::Expired),
        })?;
    let expires_at = OffsetDateTime::from(expires).format(&Rfc3339).unwrap_or_default();
    Ok((StatusCode::CREATED, axum::Json(json!({ "ticket": ticket, "expires_at": expires_at }))).into_response())
}

fn default_ttl() -> u64 {
    30
}

fn unavailable(detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
}
