//! `GET /v1/topics/{topic}/presence`: who reads a topic right now.

use axum::response::{IntoResponse, Response};
use headwater_hub::{Member, Present};
use headwater_log::Topic;
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::problem::Problem;
use super::query::Query;
use super::router::Api;
use crate::access::Caller;
use crate::flow::publish::topic_of_path;
use crate::presence::{Question, rfc3339};

const MOST_LISTED: usize = 1000;
const DEFAULT_LISTED: usize = 100;
/// The last segment of the path, as it is written, not percent-encoded.
const SEGMENT: &str = "/presence";
const OF_SUBJECT: &str = "subject:";
const OF_SESSION: &str = "session:";

/// The topic whose readers a path after `/v1/topics/` asks for. Where the class of a topic does not tell them, the path
/// names a topic like any other; and so does one that ends in `%2Fpresence`.
pub(super) fn asked_for(api: &Api, rest: &str) -> Option<Topic> {
    let topic = topic_of_path(rest.strip_suffix(SEGMENT)?).ok()?;
    api.hub.settings().readers.keeps_presence(&topic).then_some(topic)
}

/// Answers.
pub(super) async fn list(api: &Api, topic: Topic, parts: &Parts) -> Result<Response, Problem> {
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(Problem::method("GET, HEAD"));
    }
    Caller::of(&parts.extensions).check_admin()?;
    let query = Query::parse(parts.uri.query())?;
    let limit = match query.first("limit") {
        None => DEFAULT_LISTED,
        Some(text) => text.parse().ok().filter(|limit| (1..=MOST_LISTED).contains(limit)).ok_or_else(|| {
            Problem::malformed("limit", format!("The value of limit is a number from 1 to {MOST_LISTED}."))
        })?,
    };
    let after = query.first("after").map(|text| {
        member(text).ok_or_else(|| Problem::malformed("after", "The value of after is the next of the answer before."))
    });
    let after = after.transpose()?;
    let (reply, answer) = oneshot::channel();
    api.hub.presence.ask(Question { topic: topic.clone(), after, limit, reply });
    let listing = answer.await.map_err(|_| Problem::draining())?;
    let next = listing.members.last().filter(|_| listing.more).map(|last| text(&last.member));
    let members: Vec<Value> = listing.members.iter().map(render).collect();
    let body = json!({
        "topic": topic.as_str(),
        "count": listing.count,
        "sessions": listing.sessions,
        "complete": listing.complete,
        "members": members,
        "next": next,
    });
    Ok((StatusCode::OK, axum::Json(body)).into_response())
}

fn render(present: &Present) -> Value {
    json!({
        "member": &*present.member.name,
        "anonymous": present.member.anonymous,
        "since": rfc3339(present.since),
        "sessions": present.sessions,
    })
}

/// A member as the place a list goes on from.
fn text(member: &Member) -> String {
    format!("{}{}", if member.anonymous { OF_SESSION } else { OF_SUBJECT }, member.name)
}

fn member(text: &str) -> Option<Member> {
    let (anonymous, name) = match text.strip_prefix(OF_SUBJECT) {
        Some(name) => (false, name),
        None => (true, text.strip_prefix(OF_SESSION)?),
    };
    Some(Member { anonymous, name: name.into() })
}
