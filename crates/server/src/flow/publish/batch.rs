//! `POST /v1/events`: events that name their topics.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use headwater_log::{NewEvent, Topic};
use http::header;
use http::request::Parts;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{BodyKind, Context, LastId, body, body_kind, check, single, stream};
use crate::api::problem::Problem;
use crate::flow::append;

/// Most events of one array.
pub(super) const MOST_EVENTS: usize = 10_000;

/// Publishes an object, an array (all or none), or lines as they arrive.
pub(crate) async fn publish_batch(context: Context<'_>, parts: Parts, body: Body) -> Result<Response, Problem> {
    context.caller.check_publisher()?;
    match body_kind(&parts.headers)? {
        BodyKind::Ndjson => return stream::publish_objects(context, body).await,
        BodyKind::EventStream => {
            let detail = "An event stream names no topics. Send it to /v1/topics/{topic}, or send JSON here.";
            return Err(Problem::malformed("Content-Type", detail));
        }
        BodyKind::Whole => {}
    }
    let limits = context.hub.settings().limits.clone();
    let text = body::whole(body, limits.body, &limits).await?;
    if !text.trim_start().starts_with('[') {
        let event = parse(context, &text).map_err(|refusal| refusal.problem("body"))?;
        let topic = event.topic.clone();
        context.admit(std::slice::from_ref(&event))?;
        let receipts = append::submit(context.hub, vec![event]).wait().await?;
        let body = axum::Json(json!({ "id": context.id(receipts[0].seq) }));
        let mut response = (context.stored(&receipts), body).into_response();
        response.headers_mut().insert(header::LOCATION, single::location(&topic));
        response.extensions_mut().insert(LastId(context.id(receipts[0].seq)));
        return Ok(response);
    }
    let items: Vec<&RawValue> = serde_json::from_str(&text).map_err(|error| not_json("body", &error))?;
    if items.is_empty() || items.len() > MOST_EVENTS {
        return Err(Problem::malformed(
            "body",
            format!("An array holds 1 to {MOST_EVENTS} events, not {}.", items.len()),
        ));
    }
    let events = items
        .iter()
        .enumerate()
        .map(|(index, item)| parse(context, item.get()).map_err(|refusal| refusal.problem(&format!("[{index}]"))))
        .collect::<Result<Vec<_>, _>>()?;
    context.admit(&events)?;
    let receipts = append::submit(context.hub, events).wait().await?;
    let ids: Vec<String> = receipts.iter().map(|receipt| context.id(receipt.seq)).collect();
    let last = ids.last().cloned().map(LastId).map(axum::Extension);
    Ok((context.stored(&receipts), last, axum::Json(json!({ "ids": ids }))).into_response())
}

/// One event as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an event")]
struct Written<'a> {
    topic: String,
    #[serde(borrow)]
    data: &'a RawValue,
    event: Option<String>,
    key: Option<String>,
    idempotency_key: Option<String>,
}

/// Why an event of a batch is refused.
pub(super) enum Refusal {
    /// It is not JSON of the right shape.
    Json(serde_json::Error),
    /// One of its values is wrong.
    Value(Problem),
}

impl Refusal {
    /// The answer, which says where the event stands.
    pub(super) fn problem(self, place: &str) -> Problem {
        match self {
            Self::Json(error) => not_json(place, &error),
            Self::Value(problem) => problem.within(place),
        }
    }
}

/// Reads one event.
pub(super) fn parse(context: Context<'_>, text: &str) -> Result<NewEvent, Refusal> {
    if !text.trim_start().starts_with('{') {
        let problem = Problem::malformed(
            "",
            "An event is an object: {\"topic\",\"data\",\"event\"?,\"key\"?,\"idempotency_key\"?}.",
        );
        return Err(Refusal::Value(problem));
    }
    let written: Written<'_> = serde_json::from_str(text).map_err(Refusal::Json)?;
    checked(context, &written).map_err(Refusal::Value)
}

fn checked(context: Context<'_>, written: &Written<'_>) -> Result<NewEvent, Problem> {
    let topic = Topic::new(&written.topic).map_err(|error| Problem::topic("topic", &written.topic, error))?;
    context.caller.check_publish(&topic)?;
    let event = NewEvent {
        topic: check::publishable(topic)?,
        event_type: check::event_type(written.event.as_deref().unwrap_or(""))?,
        key: check::label("key", written.key.as_deref().unwrap_or(""))?,
        idempotency_key: check::label("idempotency_key", written.idempotency_key.as_deref().unwrap_or(""))?,
        data: data(written.data)?,
        end: None,
    };
    check::size(context.hub, &event)?;
    Ok(event)
}

/// A string is the data itself; any other value is stored as written, without the white space between its tokens.
fn data(value: &RawValue) -> Result<Box<str>, Problem> {
    match value.get().starts_with('"') {
        true => serde_json::from_str(value.get()).map_err(|error| not_json("data", &error)),
        false => Ok(compact(value.get()).into()),
    }
}

/// Leaves the white space between tokens out. Numbers keep every digit, objects every member.
fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let kept = json.chars().filter(|c| {
        if quoted {
            (quoted, escaped) = (escaped || *c != '"', !escaped && *c == '\\');
            return true;
        }
        quoted = *c == '"';
        !c.is_ascii_whitespace()
    });
    kept.collect()
}

fn not_json(place: &str, error: &serde_json::Error) -> Problem {
    Problem::malformed(
        place,
        format!(
            "The event is not as it should be: {error}. An event is {{\"topic\",\"data\",\"event\"?,\"key\"?,\"idempotency_key\"?}}."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_stored_as_written_but_for_white_space() {
        assert_eq!(
            compact("{ \"a b\" : [ 1.10 , 18446744073709551616 ],\n\"a b\": \"\\\" x\\\\\" }"),
            "{\"a b\":[1.10,18446744073709551616],\"a b\":\"\\\" x\\\\\"}"
        );
    }
}
