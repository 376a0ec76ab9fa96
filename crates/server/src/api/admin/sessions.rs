//! The sessions of a hub, for whoever asks why something does not arrive.

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use headwater_hub::{Format, Wire};
use headwater_log::Pattern;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::problem::Problem;
use super::super::query::Query;
use super::super::router::Api;
use super::{limit, rfc3339};
use crate::flow::fanout::{Filter, Furthest, Message, SessionName, SessionView};
use crate::hub::Hub;

/// `GET /v1/admin/sessions`: by shard and place, page by page; or those that are furthest behind.
pub(super) async fn list(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let query = Query::parse(request.uri().query())?;
    let limit = limit(&query)?;
    let topic = query
        .first("topic")
        .map(|text| Pattern::new(text).map_err(|error| Problem::topic("topic", text, error)))
        .transpose()?;
    let filter = Filter { topic, subject: query.first("subject").map(str::to_owned) };
    match query.first("order") {
        None => {}
        Some("behind") if query.first("after").is_none() => return Ok(furthest(&api.hub, &filter, limit).await),
        Some(_) => {
            let detail = "The value of order is \"behind\", and then there is no after: one answer has those furthest behind. Leave one of them out.";
            return Err(Problem::malformed("order", detail));
        }
    }
    // A session that has left still marks the place to go on from.
    let (mut shard, mut slot) = match query.first("after") {
        None => (0, 0),
        Some(text) => {
            let name: SessionName = text.parse().map_err(|_| {
                Problem::malformed("after", "The value of after is the member \"next\" of the page before.")
            })?;
            (name.shard as usize, name.ticket.slot.saturating_add(1))
        }
    };
    let mut sessions: Vec<SessionView> = Vec::new();
    let mut more = false;
    while shard < api.hub.shards.len() && !more {
        let left = limit - sessions.len();
        let part = api.hub.ask(shard, |reply| Message::List(filter.clone(), slot, left, reply)).await;
        let next = part.and_then(|part| {
            sessions.extend(part.sessions);
            part.next
        });
        (shard, slot) = match next {
            Some(slot) => (shard, slot),
            None => (shard + 1, 0),
        };
        more = sessions.len() == limit;
    }
    // A full page may turn out to be the last one.
    let next = sessions.last().filter(|_| more).map(|last| last.name.to_string());
    let sessions: Vec<Value> = sessions.iter().map(|view| render(&api.hub, view)).collect();
    Ok(axum::Json(json!({ "sessions": sessions, "next": next })).into_response())
}

/// Those of all sessions that are furthest behind, and how many there are. The shards are asked a stretch of slots at a time, so
/// that deliveries go on meanwhile.
async fn furthest(hub: &Hub, filter: &Filter, most: usize) -> Response {
    let mut found = Furthest::default();
    for shard in 0..hub.shards.len() {
        let mut from = Some(0);
        while let Some(slot) = from {
            let part = hub.ask(shard, |reply| Message::Furthest(filter.clone(), slot, most, reply)).await;
            let Some(part) = part else { break };
            from = part.next;
            found.add(part, most);
        }
    }
    let sessions: Vec<Value> = found.sessions.iter().map(|(_, view)| render(hub, view)).collect();
    axum::Json(json!({ "sessions": sessions, "next": null, "total": found.total })).into_response()
}

/// `GET /v1/admin/sessions/{session}`.
pub(super) async fn describe(State(api): State<Api>, Path(session): Path<String>) -> Result<Response, Problem> {
    let name = name(&session)?;
    let view = api.hub.ask(name.shard as usize, |reply| Message::View(name.ticket, reply)).await.flatten();
    Ok(axum::Json(render(&api.hub, &view.ok_or_else(unknown)?)).into_response())
}

/// `DELETE /v1/admin/sessions/{session}`: its client may come back.
pub(super) async fn end(State(api): State<Api>, Path(session): Path<String>) -> Result<Response, Problem> {
    let name = name(&session)?;
    match api.hub.ask(name.shard as usize, |reply| Message::End(name.ticket, reply)).await {
        Some(true) => Ok(StatusCode::NO_CONTENT.into_response()),
        _ => Err(unknown()),
    }
}

/// A session as JSON.
pub(crate) fn render(hub: &Hub, view: &SessionView) -> Value {
    let wire: Wire = hub.wire;
    let id = |seq| wire.position(seq).to_string();
    let head = hub.tail.head();
    let seconds = |ms: u64| ms as f64 / 1000.0;
    let topics: Vec<&str> = view.selection.topics().map(|topic| topic.as_str()).collect();
    let patterns: Vec<&str> = view.selection.patterns().map(|pattern| pattern.as_str()).collect();
    let grant = view.grant.as_deref();
    json!({
        "session": view.name.to_string(),
        "topics": topics,
        "patterns": patterns,
        "format": match view.format {
            Format::EventStream => "event-stream",
            Format::Ndjson => "ndjson",
        },
        "driver": view.driver,
        "state": view.state.as_str(),
        "cursor": id(view.cursor),
        "told": id(view.told),
        "lag": { "positions": head.saturating_sub(view.cursor), "seconds": view.behind_ms.map(seconds) },
        "blocked_seconds": view.blocked_ms.map(seconds),
        "age_seconds": seconds(view.age_ms),
        "idle_seconds": seconds(view.idle_ms),
        "subject": grant.and_then(|grant| grant.subject.as_deref()),
        "issuer": grant.and_then(|grant| grant.issuer.as_deref()),
        "expires_at": grant.and_then(|grant| rfc3339(grant.expires_s)),
        "address": view.address.to_string(),
        "bytes": view.bytes,
    })
}

/// The name of a session in an address.
pub(super) fn name(text: &str) -> Result<SessionName, Problem> {
    text.parse().map_err(|_| unknown())
}

pub(super) fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-session", "There is no such session. It may have ended.")
}
