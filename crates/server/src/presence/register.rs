//! The only way to the keeper: shards leave changes and reports, requests leave questions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use headwater_hub::{Listing, Member, SessionKey, Visit};
use headwater_log::Topic;
use tokio::sync::{Notify, oneshot};

/// What a shard tells.
#[derive(Debug)]
pub(crate) enum Change {
    /// A session came.
    Opened(SessionKey, Visit),
    /// A session went.
    Closed(SessionKey),
    /// All that a shard has, because it was asked.
    All(u32, Vec<(SessionKey, Visit)>),
}

/// Who is there?
#[derive(Debug)]
pub(crate) struct Question {
    /// In this topic.
    pub(crate) topic: Topic,
    /// Behind this member.
    pub(crate) after: Option<Member>,
    /// At most so many.
    pub(crate) limit: usize,
    /// Who asks.
    pub(crate) reply: oneshot::Sender<Listing>,
}

/// What was left for the keeper.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// In order. At most [`MOST_CHANGES`] of sessions, and a report per shard.
    pub(super) changes: Vec<Change>,
    /// There were too many changes: the shards have to be asked.
    pub(super) lost: bool,
    /// The settings were replaced.
    pub(super) reloaded: bool,
    /// Bounded by the requests under way.
    pub(super) questions: Vec<Question>,
}

/// Where others leave what the keeper has to know. Nobody waits for it.
#[derive(Debug, Default)]
pub(crate) struct Register {
    mail: Mutex<Mail>,
    bell: Notify,
    /// Members of all topics together, for the metrics.
    pub(super) members: AtomicU64,
    /// Changes that were told, for the metrics.
    pub(super) told: AtomicU64,
}

/// Changes that wait for the keeper: more than it takes are not kept, and the shards are asked instead.
const MOST_CHANGES: usize = 1 << 16;

impl Register {
    /// Leaves a change.
    pub(crate) fn tell(&self, change: Change) {
        let report = matches!(change, Change::All(..));
        self.leave(|mail| {
            if mail.changes.len() >= MOST_CHANGES && !report {
                mail.changes.clear();
                mail.lost = true;
            }
            // Whatever comes before the reports will be in them.
            if report || !mail.lost {
                mail.changes.push(change);
            }
        });
    }

    /// Asks.
    pub(crate) fn ask(&self, question: Question) {
        self.leave(|mail| mail.questions.push(question));
    }

    /// The settings were replaced.
    pub(crate) fn reloaded(&self) {
        self.leave(|mail| mail.reloaded = true);
    }

    /// Members of all topics together.
    pub(crate) fn members(&self) -> u64 {
        self.members.load(Ordering::Relaxed)
    }

    /// Changes that were told.
    pub(crate) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// Waits until something was left.
    pub(super) async fn notified(&self) {
        self.bell.notified().await;
    }

    /// Takes everything that was left.
    pub(super) fn take(&self) -> Mail {
        std::mem::take(&mut self.mail.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn leave(&self, write: impl FnOnce(&mut Mail)) {
        write(&mut self.mail.lock().unwrap_or_else(PoisonError::into_inner));
        self.bell.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use headwater_hub::Ticket;

    use super::*;

    #[test]
    fn too_many_changes_are_dropped_and_reports_are_not() {
        let register = Register::default();
        let key = |slot| SessionKey { shard: 0, ticket: Ticket { slot, generation: 0 } };
        (0..MOST_CHANGES as u32).for_each(|slot| register.tell(Change::Closed(key(slot))));
        register.tell(Change::All(1, Vec::new()));
        register.tell(Change::Closed(key(0)));
        register.tell(Change::Closed(key(1)));
        register.tell(Change::All(0, Vec::new()));
        let mail = register.take();
        assert!(mail.lost && matches!(mail.changes[..], [Change::All(0, _)]));
        register.tell(Change::Closed(key(2)));
        assert!(!register.take().lost, "from here on they are kept again");
    }
}
