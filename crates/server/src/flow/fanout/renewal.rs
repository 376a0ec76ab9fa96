//! The credential of a running session: renewed, taken back, or in use for another one.

use std::sync::Arc;

use headwater_access::{Grant, Target, TicketKey};
use headwater_hub::{Closing, Ticket};

use super::timers::CUT_MS;
use super::{Message, SessionName, State};

/// Why a session keeps the credential it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotRenewed {
    /// There is no such session, or it is about to end.
    Gone,
    /// Somebody else holds its credential, or it has none.
    OtherHolder,
    /// The new credential does not cover what it reads.
    TooNarrow,
    /// The new credential was revoked meanwhile.
    Revoked,
}

impl State {
    /// Lets a session go on with another credential of the same holder.
    pub(super) fn renew(&mut self, ticket: Ticket, grant: Arc<Grant>) -> Result<(), NotRenewed> {
        let now = self.now_ms();
        let entry = self.sessions.find(ticket).filter(|entry| entry.closing.is_none() && entry.ending.is_none());
        let entry = entry.ok_or(NotRenewed::Gone)?;
        let same = |held: &Arc<Grant>| held.subject == grant.subject && held.issuer == grant.issuer;
        if !entry.grant.as_ref().is_some_and(same) {
            return Err(NotRenewed::OtherHolder);
        }
        let group = self.fanout.group(entry.session.group).ok_or(NotRenewed::Gone)?;
        if !grant.rights.may_select(&group.selection) {
            return Err(NotRenewed::TooNarrow);
        }
        // A revocation may have gone over the sessions since the request was let in.
        if self.hub.credentials.revoked.covers(&grant) {
            return Err(NotRenewed::Revoked);
        }
        // Its reconnects come with the ticket.
        if let Some(by) = &entry.ticket {
            self.hub.credentials.tickets().renew(by, &grant);
        }
        entry.grant = Some(grant);
        entry.warned = false;
        // It may end before the one it had.
        let due = entry.expiry_due_ms(now);
        if due < entry.due_ms {
            entry.due_ms = due;
            self.wheel.schedule(due, ticket);
        }
        Ok(())
    }

    /// Ends the session, wherever it is, that was opened by the same ticket as this new one.
    pub(super) fn supersede(&self, by: &TicketKey, ticket: Ticket) {
        let session = SessionName { shard: self.index, ticket };
        let earlier = self.hub.credentials.tickets().opened(by, session);
        if let Some(earlier) = earlier
            && let Some(shard) = self.hub.shards.get(earlier.shard as usize)
        {
            shard.send(Message::Superseded(earlier.ticket));
        }
    }

    /// Ends the sessions whose credentials are revoked, a few at a time.
    pub(super) fn revoke(&mut self, target: &Target) {
        let slots: Vec<u32> = self.sessions.slots().collect();
        for slot in slots {
            let Some(entry) = self.sessions.get_mut(slot) else { continue };
            if entry.grant.as_ref().is_some_and(|grant| target.concerns(grant)) {
                self.ask_to_end(slot, Closing::Revoked);
            }
        }
    }

    /// Ends a session at its next event boundary, when its turn comes.
    pub(super) fn ask_to_end(&mut self, slot: u32, reason: Closing) {
        let now = self.now_ms();
        let Some(entry) = self.sessions.get_mut(slot) else { return };
        if entry.ending.is_some() {
            return;
        }
        entry.closing = Some(reason);
        let due = now + CUT_MS;
        entry.leave_by(due);
        let sooner = due < entry.due_ms;
        if sooner {
            entry.due_ms = due;
        }
        let Some(ticket) = self.sessions.ticket(slot) else { return };
        if sooner {
            self.wheel.schedule(due, ticket);
        }
        self.unfinished.push_back(ticket);
    }
}
