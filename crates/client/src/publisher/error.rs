//! Why a publish has failed.

use std::sync::Arc;

use crate::problem::Problem;
use crate::state::Reason;

/// A publish that has failed for good. Nothing of it is tried again.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The hub refuses it, in a way that trying again does not mend.
    #[error("{} refused with the status {status}{}", event(topic.as_deref(), *index), said(problem))]
    Refused {
        /// The topic of the event at fault, where that is known.
        topic: Option<String>,
        /// Which event of a [`publish_all`](crate::Publisher::publish_all) is at fault, from 0, where the hub says so.
        index: Option<usize>,
        /// The status: 400 for an event that is none, 403 for a topic of the hub's own, 409 for a topic that is finished,
        /// 413 for one that is too large.
        status: u16,
        /// What the hub says.
        problem: Box<Problem>,
    },
    /// There is no credential that suffices: there is no refresh hook, its credential was refused too, or it failed until it
    /// was too late.
    #[error("{} refused for its credential with the status {status}: {problem}{}", event(topic.as_deref(), None), hook_failed(hook))]
    Unauthorized {
        /// The topic of the event at fault, where that is known.
        topic: Option<String>,
        /// 401 or 403.
        status: u16,
        /// What the hub says.
        problem: Box<Problem>,
        /// The error of the refresh hook, when that was the cause.
        hook: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
    /// It was tried for as long, or as often, as is allowed. It may be stored all the same, when only the answer was lost.
    #[error("the publish was given up after {attempts} attempts; at last, {last}{}", details(last, problem))]
    Unavailable {
        /// How many.
        attempts: u32,
        /// What became of the last one.
        last: Reason,
        /// What the answer to the last one said, if there was one.
        problem: Box<Problem>,
    },
    /// The connection of a streaming publish was lost, and the stream was already too long to be sent again. Its beginning
    /// is stored.
    #[error(
        "the stream to the topic {topic} was interrupted when it was too long to be sent again: {last}{}",
        details(last, problem)
    )]
    NotReplayable {
        /// Its topic.
        topic: String,
        /// What became of the request.
        last: Reason,
        /// What the answer said, if there was one.
        problem: Box<Problem>,
    },
    /// The answer is not one of a hub.
    #[error("the answer with the status {status} is not one of a hub: {why}; check the address")]
    Unexpected {
        /// The status.
        status: u16,
        /// What is wrong with it.
        why: String,
    },
    /// A value cannot be sent at all.
    #[error("the {what} {value:?} cannot be sent: {why}")]
    Invalid {
        /// `topic` or `event type`.
        what: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// The publisher was closed, or its runtime has ended, before it was stored. It may be stored all the same.
    #[error("the publisher was closed before the event was known to be stored")]
    Closed,
}

impl PublishError {
    /// What the hub said, if it said something.
    pub const fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. }
            | Self::Unauthorized { problem, .. }
            | Self::Unavailable { problem, .. }
            | Self::NotReplayable { problem, .. } => Some(problem),
            Self::Unexpected { .. } | Self::Invalid { .. } | Self::Closed => None,
        }
    }

    /// Ids of the events of a stream that were stored before it was refused; of more than 65,536 the newest.
    pub fn stored(&self) -> &[String] {
        self.problem().map_or(&[], |problem| &problem.stored)
    }

    /// Says which event it is about.
    pub(super) fn about(mut self, name: Option<&str>, place: Option<usize>) -> Self {
        if let Self::Refused { topic, .. } | Self::Unauthorized { topic, .. } = &mut self {
            *topic = name.map(Into::into);
        }
        if let Self::Refused { index, .. } = &mut self {
            *index = place;
        }
        self
    }

    /// Where the event at fault stands in its request, when the hub says so: the field is `[3]` or `[3].topic`.
    pub(super) fn place(&self) -> Option<usize> {
        let (Self::Refused { problem, .. } | Self::Unauthorized { problem, .. }) = self else { return None };
        let (place, _) = problem.field.as_deref()?.strip_prefix('[')?.split_once(']')?;
        place.parse().ok()
    }
}

fn event(topic: Option<&str>, index: Option<usize>) -> String {
    match (topic, index) {
        (Some(topic), Some(index)) => format!("the event {index}, for the topic {topic:?}, was"),
        (Some(topic), None) => format!("the publish to the topic {topic:?} was"),
        (None, _) => "the publish was".into(),
    }
}

fn hook_failed(hook: &Option<Arc<dyn std::error::Error + Send + Sync>>) -> String {
    hook.as_ref().map(|error| format!("; the refresh hook failed: {error}")).unwrap_or_default()
}

/// What an answer said, if there was one.
pub(super) fn details(last: &Reason, problem: &Problem) -> String {
    match last {
        Reason::Refused(_) => said(problem),
        _ => String::new(),
    }
}

/// What an answer said. A hub, and what knows hubs, explains itself with a problem document.
fn said(problem: &Problem) -> String {
    match problem.is_document() {
        true => format!(": {problem}"),
        false => format!(", which is not the answer of a hub; check the address ({problem})"),
    }
}
