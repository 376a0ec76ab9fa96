//! What a shard tells of its sessions where it is told who reads a topic. The others cost nothing: the keeper hears of
//! none of them, and an entry has no more than a flag.

use std::sync::Arc;

use headwater_hub::{Member, SessionKey, Ticket, Visit};
use headwater_log::Topic;

use super::{Entry, SessionName, State};
use crate::config::Settings;
use crate::presence::Change;

/// Longest subject that counts as one, in bytes; who has a longer one is a session like those who have none.
const MOST_SUBJECT: usize = 512;

impl State {
    /// Tells of a session that has come, if its topics are such.
    pub(super) fn arrive(&mut self, ticket: Ticket, settings: &Settings) {
        let Some(visit) = self.visit(ticket, settings) else { return };
        let Some(entry) = self.sessions.find(ticket) else { return };
        entry.present = true;
        self.hub.presence.tell(Change::Opened(self.key(ticket), visit));
    }

    /// Tells of a session that has gone, if it was told of.
    pub(super) fn depart(&self, ticket: Ticket, entry: &Entry) {
        if entry.present {
            self.hub.presence.tell(Change::Closed(self.key(ticket)));
        }
    }

    /// Tells of all sessions, by the settings in force.
    pub(super) fn report_attendance(&mut self) {
        let settings = self.hub.settings();
        let slots: Vec<u32> = self.sessions.slots().collect();
        let mut all = Vec::new();
        for slot in slots {
            let Some(ticket) = self.sessions.ticket(slot) else { continue };
            let visit = self.visit(ticket, &settings);
            if let Some(entry) = self.sessions.find(ticket) {
                entry.present = visit.is_some();
            }
            all.extend(visit.map(|visit| (self.key(ticket), visit)));
        }
        self.hub.presence.tell(Change::All(self.index, all));
    }

    fn key(&self, ticket: Ticket) -> SessionKey {
        SessionKey { shard: self.index, ticket }
    }

    fn visit(&self, ticket: Ticket, settings: &Settings) -> Option<Visit> {
        let entry = self.sessions.get(ticket.slot)?;
        let selection = &self.fanout.group(entry.session.group)?.selection;
        let kept = selection.topics().filter(|topic| settings.readers.keeps_presence(topic));
        let topics: Vec<Topic> = kept.cloned().collect();
        (!topics.is_empty()).then(|| Visit { member: self.member(ticket, entry), topics })
    }

    fn member(&self, ticket: Ticket, entry: &Entry) -> Member {
        let subject = entry.grant.as_ref().and_then(|grant| grant.subject.as_deref());
        match subject.filter(|subject| (1..=MOST_SUBJECT).contains(&subject.len())) {
            Some(subject) => Member { anonymous: false, name: Arc::from(subject) },
            None => {
                let name = SessionName { shard: self.index, ticket }.to_string();
                Member { anonymous: true, name: name.into() }
            }
        }
    }
}
