//! The rules of single values.

use headwater_event_stream::EventType;
use headwater_log::{EndReason, NewEvent, Topic};
use http::StatusCode;

use crate::api::problem::Problem;
use crate::api::query::decode_component;
use crate::hub::Hub;

/// Longest type, key or idempotency key in bytes.
const MOST_LABEL: usize = 512;

/// The topic of a path after `/v1/topics/`, percent-decoded once (T20).
pub(crate) fn topic_of_path(rest: &str) -> Result<Topic, Problem> {
    let name = decode_component(rest, "topic")?;
    Topic::new(&name).map_err(|error| Problem::topic("topic", &name, error))
}

/// A topic that may be published to.
pub(crate) fn publishable(topic: Topic) -> Result<Topic, Problem> {
    match topic.is_reserved() {
        false => Ok(topic),
        true => {
            let detail = format!("The topic {topic} belongs to the hub. Topics of publishers do not begin with '$'.");
            Err(Problem::new(StatusCode::FORBIDDEN, "reserved-topic", detail).field("topic").because("reserved-topic"))
        }
    }
}

/// A type given by a publisher; `message` and the empty one are the default.
pub(crate) fn event_type(text: &str) -> Result<Option<EventType>, Problem> {
    if text.is_empty() || text == headwater_event_stream::DEFAULT_TYPE {
        return Ok(None);
    }
    if text.starts_with("headwater.") {
        let detail = "Event types that begin with 'headwater.' are the hub's own. Choose another type.";
        return Err(Problem::malformed("event", detail));
    }
    printable("event", text)?;
    EventType::new(text).map(Some).map_err(|error| Problem::malformed("event", format!("The event type {error}.")))
}

/// A key given by a publisher.
pub(crate) fn label(field: &'static str, text: &str) -> Result<Option<Box<str>>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    printable(field, text)?;
    Ok(Some(text.into()))
}

/// How a topic is to end.
pub(crate) fn end_reason(text: &str) -> Result<EndReason, Problem> {
    match text {
        "done" => Ok(EndReason::Done),
        "error" => Ok(EndReason::Error),
        "cancelled" => Ok(EndReason::Cancelled),
        _ => Err(Problem::malformed("final", "The value of final is done, error or cancelled.")),
    }
}

/// Refuses an event that is larger than its class allows.
pub(crate) fn size(hub: &Hub, event: &NewEvent) -> Result<(), Problem> {
    let limit = hub.settings().classes.of(&event.topic).max_event;
    match event.data.len() > limit {
        true => Err(Problem::too_large("data", "The data of the event", limit)),
        false => Ok(()),
    }
}

/// The record that finishes a topic. With an idempotency key on the request it has the key `<key>/end`: a request sent
/// again is known as a repeat although the topic takes no more events.
pub(crate) fn end_record(topic: &Topic, reason: EndReason, key: Option<&str>) -> NewEvent {
    NewEvent {
        topic: topic.clone(),
        event_type: None,
        key: None,
        idempotency_key: key.map(|key| format!("{key}/end").into()),
        data: "".into(),
        end: Some(reason),
    }
}

fn printable(field: &'static str, text: &str) -> Result<(), Problem> {
    if text.len() > MOST_LABEL {
        return Err(Problem::malformed(field, format!("The value is longer than {MOST_LABEL} bytes.")));
    }
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((at, _)) => {
            Err(Problem::malformed(field, format!("The value has a control character at byte {at}. Leave it out.")))
        }
        None => Ok(()),
    }
}
