//! `GET /v1/admin/sessions/{session}/explain`: why a session gets a topic, or does not.

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use headwater_log::Topic;
use serde_json::{Value, json};

use super::super::problem::Problem;
use super::super::query::Query;
use super::super::router::Api;
use super::sessions::{name, render, unknown};
use crate::access::{Explanation, Step};
use crate::flow::fanout::{Message, SessionState, SessionView};

/// Explains; does nothing.
pub(super) async fn describe(
    State(api): State<Api>,
    Path(session): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let query = Query::parse(request.uri().query())?;
    let text = query.first("topic").unwrap_or_default();
    let topic = Topic::new(text).map_err(|error| Problem::topic("topic", text, error))?;
    let name = name(&session)?;
    let view = api.hub.ask(name.shard as usize, |reply| Message::View(name.ticket, reply)).await.flatten();
    let view = view.ok_or_else(unknown)?;
    let (access, memory) = (api.hub.access(), &api.hub.credentials);
    let mut explanation = Explanation::of_session(&access, memory, &view.selection, view.grant.as_ref(), &topic);
    let gets = explanation.allowed;
    explanation.steps.push(stored(&api, &topic, &view));
    if gets {
        explanation.steps.push(standing(&api, &view));
    }
    let body: Value = json!({
        "topic": topic.as_str(),
        "gets": gets,
        "steps": explanation.steps,
        "session": render(&api.hub, &view),
    });
    Ok(axum::Json(body).into_response())
}

/// What there is of the topic, and whether the session is past it.
fn stored(api: &Api, topic: &Topic, view: &SessionView) -> Step {
    let detail = match api.hub.engine.topic(topic) {
        None => {
            "The topic has no events: nothing was published to it, or retention or a deletion took it all.".to_owned()
        }
        Some(info) => {
            let last = api.hub.wire.position(info.last);
            let read = match info.last <= view.cursor {
                true => "the session is past it",
                false => "the session has not got as far",
            };
            let end = match info.end {
                None => String::new(),
                Some(reason) => format!(" It is finished ({}), no event will follow.", reason.as_str()),
            };
            format!("{} events are stored. The newest is {last}: {read}.{end}", info.events)
        }
    };
    step("stored", Some(topic), detail)
}

/// Where the session stands.
fn standing(api: &Api, view: &SessionView) -> Step {
    let behind = api.hub.tail.head().saturating_sub(view.cursor);
    let blocked = view.blocked_ms.map_or(String::new(), |ms| {
        format!(
            " Its client has taken nothing for {:.1} s: its network or its application is slow.",
            ms as f64 / 1000.0
        )
    });
    let detail = match view.state {
        SessionState::Live => "It has everything there is, and gets what comes next at once.".to_owned(),
        SessionState::CatchingUp => format!("It has {behind} positions of the log before it.{blocked}"),
        SessionState::Limited => {
            format!(
                "It waits for its turn, because it gets so many deliveries a second, with {behind} positions of the log before it."
            )
        }
        SessionState::Closing => "It is about to end. Its client comes back and goes on after its last id.".to_owned(),
    };
    step("position", None, detail)
}

fn step(check: &str, topic: Option<&Topic>, detail: String) -> Step {
    let about = topic.map(|topic| topic.as_str().to_owned());
    Step { check: check.to_owned(), about, allowed: true, reason: None, rule: None, detail }
}
