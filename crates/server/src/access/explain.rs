//! What would be decided about somebody, step by step, and by which rule. Every step asks the function that decides
//! about real requests.

use std::sync::Arc;
use std::time::SystemTime;

use headwater_access::{Grant, Rule};
use headwater_log::{Pattern, Selection, Topic};
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::request::{Builder, Parts};
use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::guard::Guard;
use super::{Access, Caller, Memory, Revoked, credential, visitor};
use crate::api::problem::Problem;
use crate::config::{Settings, Storage};
use crate::flow::publish::publishable;

/// What somebody would ask for.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Question {
    /// The token they send, if any. It is in no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Topics and patterns to read.
    pub subscribe: Vec<String>,
    /// Topics to publish to.
    pub publish: Vec<String>,
    /// The web page they come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The name they call the hub by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// What would be decided.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Explanation {
    /// Whether all of it is allowed.
    pub allowed: bool,
    /// What the token says, once it has been verified.
    pub credential: Option<Credential>,
    /// One decision each, in the order in which they are made.
    pub steps: Vec<Step>,
}

/// A verified token.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Credential {
    /// Id of the key that signed it.
    pub key: String,
    /// Who issued it.
    pub issuer: Option<String>,
    /// Who holds it.
    pub subject: Option<String>,
    /// Its own id.
    pub id: Option<String>,
    /// When it was issued.
    pub issued_at: Option<String>,
    /// When it ends.
    pub expires_at: Option<String>,
    /// The patterns it may read.
    pub subscribe: Vec<String>,
    /// The patterns it may publish to.
    pub publish: Vec<String>,
    /// Whether it may administer the hub.
    pub admin: bool,
}

/// One decision.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Step {
    /// What is decided: `host`, `origin`, `credential`, `revocation`, `subscribe` or `publish`; about a running session also
    /// `selection`, `stored` and `position`.
    pub check: String,
    /// About which name, topic or pattern.
    pub about: Option<String>,
    /// The decision.
    pub allowed: bool,
    /// The word for machines of a refusal.
    pub reason: Option<String>,
    /// What gave the right.
    pub rule: Option<String>,
    /// A sentence for people: what was found, or what would be needed.
    pub detail: String,
}

/// Decides about everything in question.
pub(crate) fn explain(access: &Access, memory: &Memory, question: &Question, tls: bool) -> Explanation {
    let mut explanation = Explanation::default();
    let guard = access.guard.as_ref();
    explanation.visit(guard, question, tls);
    let caller = explanation.find_caller(guard, memory, question);
    for text in &question.subscribe {
        let step = caller.as_ref().map_err(Clone::clone).and_then(|caller| may_subscribe(caller, text));
        explanation.add("subscribe", Some(text), step);
    }
    for text in &question.publish {
        let step = caller.as_ref().map_err(Clone::clone).and_then(|caller| may_publish(caller, text));
        explanation.add("publish", Some(text), step);
    }
    explanation.allowed = explanation.steps.iter().all(|step| step.allowed);
    explanation
}

/// Decides by the settings and by what the data folder says is revoked, without a running hub.
///
/// # Errors
/// A sentence about a key or file that cannot be used.
pub fn explain_offline(settings: &Settings, question: &Question) -> Result<Explanation, String> {
    let revoked = match &settings.storage {
        Storage::Disk(folder) => Revoked::open(folder)?,
        Storage::Memory => Revoked::default(),
    };
    Ok(explain(&Access::new(settings)?, &Memory::with(revoked), question, settings.tls.is_some()))
}

/// What allowed a step, and what was found.
pub(super) struct Allowed {
    pub(super) rule: Option<String>,
    pub(super) detail: String,
}

impl Explanation {
    /// The name of the hub and the page behind the request.
    fn visit(&mut self, guard: Option<&Guard>, question: &Question, tls: bool) {
        let admit = |origin: Option<&str>| {
            let mut request = Request::builder().header(HOST, question.host.as_deref().unwrap_or("localhost"));
            if let Some(origin) = origin {
                request = request.header(ORIGIN, origin);
            }
            visitor::admit(&parts(request)?, guard, tls)
        };
        if let Some(host) = &question.host {
            let found = |_| Allowed { rule: None, detail: "The hub answers to this name.".to_owned() };
            self.add("host", Some(host), admit(None).map(found));
        }
        if let Some(origin) = &question.origin {
            let found = |visitor: visitor::Visitor| Allowed {
                rule: None,
                detail: match visitor.cookies {
                    true => "Pages of this origin are served, and may use a cookie.",
                    false => "Pages of any origin are served, without cookies.",
                }
                .to_owned(),
            };
            self.add("origin", Some(origin), admit(Some(origin)).map(found));
        }
    }

    /// Who asks; or the refusal that comes before every right.
    fn find_caller(&mut self, guard: Option<&Guard>, memory: &Memory, question: &Question) -> Result<Caller, Problem> {
        let Some(guard) = guard else {
            let detail = "The hub is in development mode: nobody needs a credential, and none is looked at.";
            self.add("credential", None, Ok(Allowed { rule: None, detail: detail.to_owned() }));
            return Ok(Caller::everybody());
        };
        let Some(token) = &question.token else {
            let detail = match guard.webhook() {
                None => "There is none. The rights are those of access.anonymous.",
                Some(_) => {
                    "There is none. The rights are those of access.anonymous; for a stream the application at access.webhook.url \
                     would be asked, which is not done here."
                }
            };
            self.add("credential", None, Ok(Allowed { rule: None, detail: detail.to_owned() }));
            return Ok(guard.anonymous());
        };
        let found = parts(Request::builder().header(AUTHORIZATION, format!("Bearer {token}"))).and_then(|parts| {
            let token = credential::bearer(&parts.headers)?.unwrap_or_default();
            guard.examine(token, SystemTime::now()).map_err(credential::refused)
        });
        let (grant, key) = match found {
            Ok(found) => found,
            Err(problem) => {
                self.add("credential", None, Err(problem.clone()));
                return Err(problem);
            }
        };
        let detail = format!("The key {key:?} signed it, and its times, audience and form are right.");
        self.add("credential", None, Ok(Allowed { rule: Some(format!("key {key:?}")), detail }));
        self.credential = Some(Credential::of(&grant, &key));
        let caller = memory.unless_revoked(Caller::holder(Arc::new(grant)));
        let step = match &caller {
            Err(problem) => Err(problem.clone()),
            Ok(_) => Ok(Allowed { rule: None, detail: "It was not revoked.".to_owned() }),
        };
        self.add("revocation", None, step);
        caller
    }

    fn add(&mut self, check: &str, about: Option<&String>, decision: Result<Allowed, Problem>) {
        let (check, about) = (check.to_owned(), about.cloned());
        self.steps.push(match decision {
            Ok(Allowed { rule, detail }) => Step { check, about, allowed: true, reason: None, rule, detail },
            Err(problem) => Step {
                check,
                about,
                allowed: false,
                reason: Some(problem.reason().unwrap_or("malformed").to_owned()),
                rule: None,
                detail: problem.detail().to_owned(),
            },
        });
    }
}

impl Credential {
    fn of(grant: &Grant, key: &str) -> Self {
        let texts = |patterns: &[Pattern]| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        Self {
            key: key.to_owned(),
            issuer: grant.issuer.clone(),
            subject: grant.subject.clone(),
            id: grant.id.clone(),
            issued_at: grant.issued_s.and_then(rfc3339),
            expires_at: rfc3339(grant.expires_s),
            subscribe: texts(grant.rights.subscribe()),
            publish: texts(grant.rights.publish()),
            admin: grant.rights.is_admin(),
        }
    }
}

fn may_subscribe(caller: &Caller, text: &str) -> Result<Allowed, Problem> {
    let pattern = Pattern::new(text).map_err(|error| Problem::topic("topic", text, error))?;
    caller.check_select(&Selection::new([pattern.clone()]))?;
    Ok(allowed(caller, caller.rights().and_then(|rights| rights.rule_to_subscribe(&pattern))))
}

fn may_publish(caller: &Caller, text: &str) -> Result<Allowed, Problem> {
    let topic = Topic::new(text).map_err(|error| Problem::topic("topic", text, error))?;
    caller.check_publish(&topic)?;
    let topic = publishable(topic)?;
    Ok(allowed(caller, caller.rights().and_then(|rights| rights.rule_to_publish(&topic))))
}

/// What is said of a right that somebody has.
pub(super) fn allowed(caller: &Caller, rule: Option<Rule<'_>>) -> Allowed {
    let rule = match rule {
        Some(Rule::Pattern(pattern)) => format!("{:?} of {}", pattern.as_str(), caller.source()),
        Some(Rule::Admin) => format!("the administrator's right of {}", caller.source()),
        None => caller.source().to_owned(),
    };
    Allowed { detail: format!("Allowed by {rule}."), rule: Some(rule) }
}

/// The head of a request like the one in question.
fn parts(request: Builder) -> Result<Parts, Problem> {
    let request = request.uri("/v1/events").body(());
    let unreadable = |_| {
        let detail = "This cannot stand in the head of a request. Leave out control characters and line ends.";
        Problem::new(StatusCode::BAD_REQUEST, "malformed-request", detail)
    };
    request.map(|request| request.into_parts().0).map_err(unreadable)
}

fn rfc3339(seconds: u64) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?.format(&Rfc3339).ok()
}
