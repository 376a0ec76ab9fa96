//! `GET /v1/admin/events/{id}`: whether an event is there, why it is not, and who has not had it yet.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use headwater_log::{Engine, Pattern, Position, ReadError, Selection, StoredEvent};
use http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::problem::Problem;
use super::super::router::Api;
use super::sessions;
use crate::flow::fanout::Message;

/// Most sessions that are named in one answer.
const MOST_NAMED: usize = 100;

/// Tells about one event, but not its data.
pub(super) async fn describe(State(api): State<Api>, Path(id): Path<String>) -> Result<Response, Problem> {
    let position: Position =
        id.parse().map_err(|error| Problem::malformed("id", format!("This is not an event id: {error}.")))?;
    let bounds = api.hub.engine.bounds();
    let absent = |reason: &str, detail: &str| {
        let answer = json!({ "id": id, "stored": false, "reason": reason, "detail": detail });
        Ok(axum::Json(answer).into_response())
    };
    if position.epoch != bounds.epoch {
        return absent("epoch", "The id is of another log: the data was replaced, or it comes from another hub.");
    }
    if position.seq == 0 || position.seq > bounds.head {
        return absent("never", "No event has had this id: it is beyond both ends of what was ever stored.");
    }
    let engine = api.hub.engine.clone();
    let found = tokio::task::spawn_blocking(move || read(&*engine, position.seq)).await;
    let found = match found {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::error!(%error, "cannot look an event up");
            return Err(unreadable());
        }
        Err(_) => return Err(unreadable()),
    };
    let Some(event) = found else {
        return match position.seq <= api.hub.engine.bounds().before_first {
            true => absent("retention", "It is older than everything that is still stored."),
            false => absent(
                "removed",
                "Its topic was deleted, the retention of its topic took it, or it was kept in memory only and the hub was restarted.",
            ),
        };
    };
    let (mut matching, mut behind, mut named) = (0, 0, Vec::new());
    for shard in 0..api.hub.shards.len() {
        let (topic, room) = (event.topic.clone(), MOST_NAMED - named.len());
        let Some(part) = api.hub.ask(shard, |reply| Message::Behind(topic, event.seq, room, reply)).await else {
            continue;
        };
        matching += part.matching;
        behind += part.behind;
        named.extend(part.sessions.iter().map(|view| sessions::render(&api.hub, view)));
    }
    let mut answer = render(&id, &event);
    answer["sessions"] = json!({ "matching": matching, "behind": behind, "named": named });
    Ok(axum::Json(answer).into_response())
}

/// The event at this place. Blocks on the disk.
fn read(engine: &dyn Engine, seq: u64) -> Result<Option<Arc<StoredEvent>>, ReadError> {
    // The hub's own topics are matched by nothing but their own pattern.
    let everything = ["**", "$hub/**"].into_iter().filter_map(|text| Pattern::new(text).ok());
    let mut reader = engine.reader(Arc::new(Selection::new(everything)), seq - 1);
    let page = reader.next_page(1, 1)?;
    Ok(page.events.into_iter().next().filter(|event| event.seq == seq))
}

fn render(id: &str, event: &StoredEvent) -> Value {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(event.time) * 1000);
    json!({
        "id": id,
        "stored": true,
        "topic": event.topic.as_str(),
        "time": time.ok().and_then(|time| time.format(&Rfc3339).ok()),
        "event": event.event_type.as_ref().map_or("message", |event_type| event_type.as_str()),
        "key": event.key,
        "bytes": event.data.len(),
        "final": event.end.map(|reason| reason.as_str()),
    })
}

fn unreadable() -> Problem {
    let detail = "The log cannot be read at this place. The log of the hub says why.";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", detail)
}
