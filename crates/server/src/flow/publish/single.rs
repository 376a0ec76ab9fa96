//! `POST /v1/topics/{topic}`: the body is the data.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use headwater_log::{EndReason, NewEvent, Topic};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use serde_json::json;

use super::{BodyKind, Context, LastId, body, body_kind, check, stream};
use crate::api::problem::Problem;
use crate::api::query::Query;
use crate::flow::append;

/// What a request says about its events beside their data.
pub(super) struct Envelope {
    pub(super) topic: Topic,
    pub(super) event_type: Option<headwater_event_stream::EventType>,
    pub(super) key: Option<Box<str>>,
    pub(super) idempotency_key: Option<Box<str>>,
    /// The topic ends with this request.
    pub(super) end: Option<EndReason>,
}

/// Publishes to one topic.
pub(crate) async fn publish_topic(
    context: Context<'_>,
    parts: Parts,
    topic: Topic,
    body: Body,
) -> Result<Response, Problem> {
    context.caller.check_publish(&topic)?;
    let kind = body_kind(&parts.headers)?;
    let envelope = Envelope::read(&parts, topic)?;
    match kind {
        BodyKind::Whole => one(context, envelope, body).await,
        BodyKind::EventStream => stream::publish_blocks(context, envelope, body).await,
        BodyKind::Ndjson => stream::publish_lines(context, envelope, body).await,
    }
}

async fn one(context: Context<'_>, envelope: Envelope, body: Body) -> Result<Response, Problem> {
    let settings = context.hub.settings();
    let limit = settings.classes.of(&envelope.topic).max_event;
    let data = body::whole(body, limit, &settings.limits).await?;
    let topic = envelope.topic.clone();
    let end = envelope.end.map(|reason| check::end_record(&topic, reason, envelope.idempotency_key.as_deref()));
    let mut events = Vec::with_capacity(2);
    // Nothing but the end: no event without a meaning of its own.
    if !data.is_empty() || end.is_none() {
        events.push(envelope.event(data.into()));
    }
    events.extend(end);
    context.admit(&events)?;
    let receipts = append::submit(context.hub, events).wait().await?;
    let status = context.stored(&receipts[..1]);
    let mut response = (status, axum::Json(json!({ "id": context.id(receipts[0].seq) }))).into_response();
    response.headers_mut().insert(header::LOCATION, location(&topic));
    response.extensions_mut().insert(LastId(context.id(receipts[0].seq)));
    Ok(response)
}

/// Where a topic is described.
pub(super) fn location(topic: &Topic) -> HeaderValue {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEEP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let path = format!("/v1/topics/{}", utf8_percent_encode(topic.as_str(), KEEP));
    HeaderValue::try_from(path).expect("percent-encoded text is ASCII")
}

impl Envelope {
    fn read(parts: &Parts, topic: Topic) -> Result<Self, Problem> {
        let query = Query::parse(parts.uri.query())?;
        let value = |parameter: &str, name: &'static str| -> Result<String, Problem> {
            match query.first(parameter) {
                Some(value) => Ok(value.to_owned()),
                None => header_text(&parts.headers, name),
            }
        };
        Ok(Self {
            topic: check::publishable(topic)?,
            event_type: check::event_type(&value("event", "headwater-event")?)?,
            key: check::label("key", &value("key", "headwater-key")?)?,
            idempotency_key: check::label("Idempotency-Key", &value("idempotency_key", "idempotency-key")?)?,
            end: query.first("final").map(check::end_reason).transpose()?,
        })
    }

    /// The event with this data.
    fn event(self, data: Box<str>) -> NewEvent {
        NewEvent {
            topic: self.topic,
            event_type: self.event_type,
            key: self.key,
            idempotency_key: self.idempotency_key,
            data,
            end: None,
        }
    }
}

fn header_text(headers: &HeaderMap, name: &'static str) -> Result<String, Problem> {
    match headers.get(name) {
        None => Ok(String::new()),
        Some(value) => String::from_utf8(value.as_bytes().to_vec())
            .map_err(|_| Problem::malformed(name, format!("The header {name} is not UTF-8."))),
    }
}
