//! Why a running session gets a topic, or does not: step by step, and by which rule. Rights are judged as they are now, by the
//! functions that decide about requests.

use std::sync::Arc;

use headwater_access::Grant;
use headwater_log::{Pattern, Selection, Topic};

use super::explain::{Explanation, Step, allowed};
use super::{Access, Caller, Memory};
use crate::api::problem::Problem;

impl Explanation {
    /// What decides whether a session that reads `selection` with `grant` gets the events of `topic`.
    pub(crate) fn of_session(
        access: &Access,
        memory: &Memory,
        selection: &Selection,
        grant: Option<&Arc<Grant>>,
        topic: &Topic,
    ) -> Self {
        let mut steps = vec![asked_for(selection, topic)];
        let caller = match (access.guard.as_ref(), grant) {
            (None, _) => Caller::everybody(),
            (Some(_), Some(grant)) => Caller::holder(grant.clone()),
            (Some(guard), None) => guard.anonymous(),
        };
        if grant.is_some() {
            let step = step("revocation", None);
            steps.push(match memory.unless_revoked(caller.clone()) {
                Ok(_) => Step { detail: "Its credential was not revoked.".to_owned(), ..step },
                Err(problem) => refused(step, &problem),
            });
        }
        let step = step("subscribe", Some(topic));
        let rule = Pattern::new(topic.as_str()).ok();
        let rule = rule.and_then(|wanted| {
            caller
                .rights()
                .and_then(|rights| rights.rule_to_subscribe(&wanted))
                .map(|rule| allowed(&caller, Some(rule)))
        });
        steps.push(match caller.check_read(topic) {
            Ok(()) => {
                let allowed = rule.unwrap_or_else(|| allowed(&caller, None));
                Step { rule: allowed.rule, detail: allowed.detail, ..step }
            }
            Err(problem) => refused(step, &problem),
        });
        Self { allowed: steps.iter().all(|step| step.allowed), credential: None, steps }
    }
}

/// Whether the topic is among those it asked for, and by which pattern.
fn asked_for(selection: &Selection, topic: &Topic) -> Step {
    let step = step("selection", Some(topic));
    if selection.topics().any(|asked| asked == topic) {
        let detail = "It asked for this very topic.".to_owned();
        return Step { rule: Some(format!("{:?}", topic.as_str())), detail, ..step };
    }
    match selection.patterns().find(|pattern| pattern.matches(topic)) {
        Some(pattern) => {
            let detail = format!("It asked for {:?}, which includes this topic.", pattern.as_str());
            Step { rule: Some(format!("{:?}", pattern.as_str())), detail, ..step }
        }
        None => {
            let own = match topic.is_reserved() {
                true => " Topics that begin with $ are in no pattern that does not.",
                false => "",
            };
            let detail =
                format!("Nothing it asked for is or includes this topic. Its client has to subscribe to it, too.{own}");
            Step { allowed: false, reason: Some("not-asked-for".to_owned()), detail, ..step }
        }
    }
}

fn step(check: &str, topic: Option<&Topic>) -> Step {
    Step {
        check: check.to_owned(),
        about: topic.map(|topic| topic.as_str().to_owned()),
        allowed: true,
        reason: None,
        rule: None,
        detail: String::new(),
    }
}

fn refused(step: Step, problem: &Problem) -> Step {
    let reason = problem.reason().unwrap_or("malformed").to_owned();
    Step { allowed: false, reason: Some(reason), detail: problem.detail().to_owned(), ..step }
}
