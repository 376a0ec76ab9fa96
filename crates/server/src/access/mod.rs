//! Who may do what: every request is decided here, before anything of it is done.
//!
//! [`source`] finds out who is behind the connection, which handlers find as an extension of the request. [`Access`] looks at
//! the name a request was sent to and at the web page behind it, finds the credential, verifies it and makes the
//! [`Caller`], who carries the rights through the handlers. Without `[access]` in the configuration the hub is in
//! development mode: everybody who is let in may do everything, and only this machine is.

mod caller;
mod credential;
mod explain;
mod guard;
mod key_set;
mod keyring;
mod revoked;
mod session_explain;
mod subscriber;
mod visitor;
mod webhook;

pub(crate) use caller::Caller;
pub(crate) use explain::explain;
pub use explain::{Credential, Explanation, Question, Step, explain_offline};
pub(crate) use guard::Guard;
pub(crate) use revoked::Revoked;
pub(crate) use subscriber::Subscriber;
pub(crate) use visitor::{Page, Visitor, source};

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use headwater_access::{Refusal, Tickets};
use headwater_log::Selection;
use http::StatusCode;
use http::request::Parts;

use crate::api::problem::Problem;
use crate::config::Settings;
use crate::flow::fanout::SessionName;
use crate::outgoing::Dispatch;

/// The access control of a hub as configured.
pub(crate) struct Access {
    /// Absent in development mode.
    guard: Option<Guard>,
}

/// What access control remembers beyond a reload of the configuration.
pub(crate) struct Memory {
    /// At most [`MOST_TICKETS`].
    tickets: Mutex<Tickets<SessionName>>,
    /// What was taken back before its end.
    pub(crate) revoked: Revoked,
}

/// Tickets that wait for their use or are in use, about 400 bytes each.
const MOST_TICKETS: usize = 100_000;

impl Access {
    /// Everybody on this machine may do everything.
    pub(crate) fn development() -> Self {
        Self { guard: None }
    }

    /// Reads the keys that the settings name.
    ///
    /// # Errors
    /// A sentence that names the key at fault.
    pub(crate) fn new(settings: &Settings) -> Result<Self, String> {
        Ok(Self { guard: settings.access.as_ref().map(Guard::new).transpose()? })
    }

    /// Begins to fetch what is to be fetched; `earlier` is what it takes the place of.
    pub(crate) fn start(&self, outgoing: &Dispatch, earlier: &Self) {
        if let Some(guard) = &self.guard {
            guard.start(outgoing, earlier.guard.as_ref());
        }
    }

    /// In which mode the hub is, for people.
    pub(crate) fn mode(&self) -> &'static str {
        match &self.guard {
            None => "development: everybody on this machine may do everything",
            Some(_) => "access control: callers may do what their credentials say",
        }
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// 400 without a host, 403 for a foreign host or a foreign web page.
    pub(crate) fn admit(&self, parts: &Parts, tls: bool) -> Result<Visitor, Problem> {
        visitor::admit(parts, self.guard.as_ref(), tls)
    }

    /// Who asks for a stream of `selection`: a bearer token, a cookie or a ticket says so, the first that is there, or else
    /// the application, if one is to be asked. `None` when it would have to be and gives no answer.
    ///
    /// # Errors
    /// 401 for a credential that does not hold, 403 for a cookie that a foreign page may have sent along.
    pub(crate) async fn subscriber(
        &self,
        parts: &Parts,
        visitor: &Visitor,
        selection: Option<&Selection>,
        memory: &Memory,
    ) -> Result<Option<Subscriber>, Problem> {
        let Some(guard) = &self.guard else { return Ok(Some(Caller::everybody().into())) };
        let holder = holder(guard, parts, visitor, memory).await;
        let found = match (holder, guard.webhook().zip(selection)) {
            (Ok(None), None) => Some(guard.anonymous().into()),
            // What does not hold here may hold there.
            (Ok(None) | Err(Problem { status: StatusCode::UNAUTHORIZED, .. }), Some((webhook, selection))) => {
                let question = webhook.question(parts, visitor, selection);
                let anonymous = guard.anonymous();
                if question.is_nobodys() && anonymous.check_select(selection).is_ok() {
                    return Ok(Some(anonymous.into()));
                }
                // Apart, because most hubs have none.
                Box::pin(webhook.decide(question)).await?.map(Subscriber::from)
            }
            (holder, _) => holder?,
        };
        let Some(Subscriber { caller, ticket }) = found else { return Ok(None) };
        Ok(Some(Subscriber { caller: memory.unless_revoked(caller)?, ticket }))
    }

    /// Who asks for anything else: a bearer token counts, and nothing that a browser sends by itself.
    ///
    /// # Errors
    /// 401 for a token that does not hold.
    pub(crate) async fn caller(&self, parts: &Parts, memory: &Memory) -> Result<Caller, Problem> {
        let Some(guard) = &self.guard else { return Ok(Caller::everybody()) };
        match credential::bearer(&parts.headers)? {
            Some(token) => memory.unless_revoked(guard.verify(token).await?),
            None => Ok(guard.anonymous()),
        }
    }
}

/// Whose credential a request for a stream has, if it has one.
async fn holder(
    guard: &Guard,
    parts: &Parts,
    visitor: &Visitor,
    memory: &Memory,
) -> Result<Option<Subscriber>, Problem> {
    if let Some(token) = credential::bearer(&parts.headers)? {
        return Ok(Some(guard.verify(token).await?.into()));
    }
    if let Some(token) = credential::cookie(&parts.headers, visitor.loopback)? {
        return match visitor.cookies {
            true => Ok(Some(guard.verify(token).await?.into())),
            false => Err(credential::foreign_cookie()),
        };
    }
    let Some(text) = credential::ticket(parts.uri.query())? else { return Ok(None) };
    let (key, grant) = memory.tickets().find(&text, SystemTime::now()).map_err(credential::refused)?;
    Ok(Some(Subscriber { caller: Caller::holder(grant), ticket: Some(key) }))
}

impl Memory {
    /// No ticket, and these revocations.
    pub(crate) fn with(revoked: Revoked) -> Self {
        Self { tickets: Mutex::new(Tickets::new(MOST_TICKETS)), revoked }
    }

    /// Lets somebody pass whose credential was not revoked.
    fn unless_revoked(&self, caller: Caller) -> Result<Caller, Problem> {
        match caller.grant().is_some_and(|grant| self.revoked.covers(grant)) {
            true => Err(credential::refused(Refusal::Revoked)),
            false => Ok(caller),
        }
    }

    /// The tickets, for a moment.
    pub(crate) fn tickets(&self) -> MutexGuard<'_, Tickets<SessionName>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets every ticket.
    pub(crate) fn forget(&self) {
        *self.tickets() = Tickets::new(MOST_TICKETS);
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::with(Revoked::default())
    }
}
