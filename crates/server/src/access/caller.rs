//! The one who sent a request, with what they may do.

use std::sync::Arc;

use headwater_access::{Grant, Refusal, Rights};
use headwater_log::{Pattern, Selection, Topic};
use http::{Extensions, StatusCode};

use super::credential::{refused, unauthorized};
use crate::api::problem::Problem;

/// The one who sent a request. The answers to their questions are functions of their rights alone, never of what is
/// there (T15).
#[derive(Clone, Debug)]
pub(crate) struct Caller(Who);

#[derive(Clone, Debug)]
enum Who {
    /// Anybody, in development mode.
    Everybody,
    /// Somebody without a credential.
    Anonymous(Arc<Rights>),
    /// The holder of a credential.
    Holder(Arc<Grant>),
}

impl Caller {
    /// Anybody, in development mode.
    pub(crate) fn everybody() -> Self {
        Self(Who::Everybody)
    }

    /// Somebody without a credential.
    pub(super) fn anonymous(rights: Arc<Rights>) -> Self {
        Self(Who::Anonymous(rights))
    }

    /// The holder of a credential.
    pub(super) fn holder(grant: Arc<Grant>) -> Self {
        Self(Who::Holder(grant))
    }

    /// Who sent this request. One that nobody has looked at comes from somebody without rights.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(|| Self::anonymous(Arc::default()))
    }

    /// What they hold, where rights are asked for at all.
    pub(crate) fn grant(&self) -> Option<&Arc<Grant>> {
        match &self.0 {
            Who::Holder(grant) => Some(grant),
            Who::Everybody | Who::Anonymous(_) => None,
        }
    }

    /// What they may do; nothing where everybody may do everything.
    pub(super) fn rights(&self) -> Option<&Rights> {
        match &self.0 {
            Who::Everybody => None,
            Who::Anonymous(rights) => Some(rights),
            Who::Holder(grant) => Some(&grant.rights),
        }
    }

    /// Where their rights come from, for people.
    pub(super) fn source(&self) -> &'static str {
        match &self.0 {
            Who::Everybody => "development mode",
            Who::Anonymous(_) => "access.anonymous",
            Who::Holder(_) => "the credential",
        }
    }

    /// Refuses a selection of which they may not read everything.
    ///
    /// # Errors
    /// 401 without a credential, else 403.
    pub(crate) fn check_select(&self, selection: &Selection) -> Result<(), Problem> {
        let own_pattern = |pattern: &Pattern| pattern.as_str().starts_with('$');
        if selection.topics().any(Topic::is_reserved) || selection.patterns().any(own_pattern) {
            self.check("admin", Some("topic"), Rights::is_admin)?;
        }
        self.check("subscribe", Some("topic"), |rights| rights.may_select(selection))
    }

    /// Refuses a topic they may not read.
    ///
    /// # Errors
    /// 401 without a credential, else 403.
    pub(crate) fn check_read(&self, topic: &Topic) -> Result<(), Problem> {
        let right = if topic.is_reserved() { "admin" } else { "subscribe" };
        self.check(right, Some("topic"), |rights| rights.may_read(topic))
    }

    /// Refuses a topic they may not publish to.
    ///
    /// # Errors
    /// 401 without a credential, else 403.
    pub(crate) fn check_publish(&self, topic: &Topic) -> Result<(), Problem> {
        self.check("publish", Some("topic"), |rights| rights.may_publish(topic))
    }

    /// Refuses whoever may publish nothing at all, before a body is read.
    ///
    /// # Errors
    /// 401 without a credential, else 403.
    pub(crate) fn check_publisher(&self) -> Result<(), Problem> {
        self.check("publish", None, |rights| !rights.publish().is_empty())
    }

    /// Refuses whoever is no administrator.
    ///
    /// # Errors
    /// 401 without a credential, else 403.
    pub(crate) fn check_admin(&self) -> Result<(), Problem> {
        self.check("admin", None, Rights::is_admin)
    }

    /// Refuses whoever has no credential.
    ///
    /// # Errors
    /// 401.
    pub(crate) fn check_holder(&self) -> Result<(), Problem> {
        match &self.0 {
            Who::Everybody | Who::Holder(_) => Ok(()),
            Who::Anonymous(_) => Err(self.forbidden("subscribe", None)),
        }
    }

    /// 401 for a credential that holds no longer while the request is under way.
    pub(crate) fn refused(refusal: Refusal) -> Problem {
        refused(refusal)
    }

    /// The answer to somebody without this right: 401 without a credential, else 403.
    pub(crate) fn forbidden(&self, right: &'static str, field: Option<&'static str>) -> Problem {
        let problem = match &self.0 {
            Who::Anonymous(_) => unauthorized(
                "missing",
                format!(
                    "This needs the right \"{right}\", which nobody has here without a credential. Send Authorization: Bearer and a token."
                ),
            ),
            Who::Everybody | Who::Holder(_) => {
                let scope = if field.is_some() { " for this topic" } else { "" };
                let remedy = match right {
                    "admin" => "Its claim \"headwater\" has to say \"admin\": true; no pattern gives it.",
                    _ => "Patterns in its claim \"headwater\" have to cover all that is asked for.",
                };
                let detail = format!("The credential does not give the right \"{right}\"{scope}. {remedy}");
                let reason = match right {
                    "subscribe" => "no-right-to-subscribe",
                    "publish" => "no-right-to-publish",
                    _ => "no-right-to-admin",
                };
                Problem::new(StatusCode::FORBIDDEN, "forbidden", detail).because(reason)
            }
        };
        match field {
            Some(field) => problem.field(field),
            None => problem,
        }
    }

    fn check(
        &self,
        right: &'static str,
        field: Option<&'static str>,
        allows: impl Fn(&Rights) -> bool,
    ) -> Result<(), Problem> {
        self.rights().is_none_or(allows).then_some(()).ok_or_else(|| self.forbidden(right, field))
    }
}
