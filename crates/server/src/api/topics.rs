//! Topics: publish to one, describe one, list many, delete one.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use headwater_log::{Topic, TopicInfo};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::oneshot;

use super::presence;
use super::problem::Problem;
use super::query::Query;
use super::router::Api;
use crate::access::Caller;
use crate::flow::publish::{publish_batch, publish_topic, topic_of_path};

/// Path of the topics.
pub(super) const PREFIX: &str = "/v1/topics/";
const MOST_LISTED: usize = 1000;
const DEFAULT_LISTED: usize = 100;
/// What counts as lately, in microseconds.
const LATELY_US: u64 = 10_000_000;

/// `/v1/topics/{topic}`.
pub(super) async fn topic(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let rest = parts.uri.path().strip_prefix(PREFIX).unwrap_or("");
    if let Some(topic) = presence::asked_for(&api, rest) {
        return presence::list(&api, topic, &parts).await;
    }
    let topic = topic_of_path(rest)?;
    let caller = Caller::of(&parts.extensions);
    match parts.method {
        Method::POST => publish_topic(api.publish(&caller, &parts.extensions), parts, topic, body).await,
        Method::GET | Method::HEAD => {
            caller.check_read(&topic)?;
            describe(&api, topic).await
        }
        Method::DELETE => {
            caller.check_admin()?;
            delete(&api, topic).await
        }
        _ => Err(Problem::method("GET, HEAD, POST, DELETE")),
    }
}

/// `POST /v1/events`.
pub(super) async fn batch(State(api): State<Api>, request: Request<Body>) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&parts.extensions);
    publish_batch(api.publish(&caller, &parts.extensions), parts, body).await
}

/// `GET /v1/topics`.
pub(super) async fn list(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    Caller::of(request.extensions()).check_admin()?;
    let query = Query::parse(request.uri().query())?;
    let limit = match query.first("limit") {
        None => DEFAULT_LISTED,
        Some(text) => text.parse().ok().filter(|limit| (1..=MOST_LISTED).contains(limit)).ok_or_else(|| {
            Problem::malformed("limit", format!("The value of limit is a number from 1 to {MOST_LISTED}."))
        })?,
    };
    let infos = api.hub.engine.topics(query.first("prefix").unwrap_or(""), query.first("after"), limit);
    let names: Vec<Topic> = infos.iter().map(|info| info.topic.clone()).collect();
    let readers = api.hub.readers(&names).await;
    let next = (infos.len() == limit).then(|| names.last().map(|topic| topic.as_str().to_owned())).flatten();
    let topics = render(&api, &infos, &readers);
    Ok(axum::Json(json!({ "topics": topics, "next": next })).into_response())
}

async fn describe(api: &Api, topic: Topic) -> Result<Response, Problem> {
    let readers = api.hub.readers(std::slice::from_ref(&topic)).await.first().copied().unwrap_or(0);
    match api.hub.engine.topic(&topic) {
        Some(info) => Ok(axum::Json(render(api, &[info], &[readers]).remove(0)).into_response()),
        None => Err(unknown(&topic)),
    }
}

async fn delete(api: &Api, topic: Topic) -> Result<Response, Problem> {
    if topic.is_reserved() {
        let detail = format!("The topic {topic} belongs to the hub and cannot be deleted.");
        return Err(Problem::new(StatusCode::FORBIDDEN, "reserved-topic", detail)
            .field("topic")
            .because("reserved-topic"));
    }
    let (done, outcome) = oneshot::channel();
    api.hub.engine.delete(
        &topic,
        Box::new(move |result| {
            // Whoever asked may have gone; the topic is deleted all the same.
            let _ = done.send(result);
        }),
    );
    match outcome.await.unwrap_or(Err(headwater_log::AppendError::Closed))? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(unknown(&topic)),
    }
}

/// Topics as JSON, each with how many sessions read it.
fn render(api: &Api, infos: &[TopicInfo], readers: &[usize]) -> Vec<Value> {
    let id = |seq: u64| (seq > 0).then(|| api.hub.wire.position(seq).to_string());
    let settings = api.hub.settings();
    let names: Vec<Topic> = infos.iter().map(|info| info.topic.clone()).collect();
    let rates = rates(api, &names);
    let one = |((info, readers), rate): ((&TopicInfo, &usize), f64)| {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(info.last_time) * 1000);
        json!({
            "topic": info.topic.as_str(),
            "first": id(info.first),
            "last": id(info.last),
            "last_time": time.ok().filter(|_| info.last > 0).and_then(|time| time.format(&Rfc3339).ok()),
            "events": info.events,
            "bytes": info.bytes,
            "rate": rate,
            "sessions": readers,
            "presence": settings.readers.keeps_presence(&info.topic),
            "finished": info.end.map(|reason| reason.as_str()),
        })
    };
    infos.iter().zip(readers).zip(rates).map(one).collect()
}

/// Events of each topic a second, lately, as far as the events in memory reach.
fn rates(api: &Api, topics: &[Topic]) -> Vec<f64> {
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000;
    let now = u64::try_from(now).unwrap_or(0);
    let (counts, from) = api.hub.tail.taken_since(topics, now.saturating_sub(LATELY_US));
    let seconds = now.saturating_sub(from).max(1_000_000) as f64 / 1e6;
    let rounded = |count: usize| (count as f64 / seconds * 100.0).round() / 100.0;
    counts.into_iter().map(rounded).collect()
}

fn unknown(topic: &Topic) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no-such-topic", format!("The topic {topic} has no events.")).field("topic")
}
