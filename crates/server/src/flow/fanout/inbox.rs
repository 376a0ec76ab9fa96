//! The only way into a shard from another thread.

use std::sync::{Arc, Mutex, PoisonError};

use headwater_access::{Grant, Target};
use headwater_hub::Ticket;
use headwater_log::Topic;
use tokio::sync::{Notify, oneshot};

use super::renewal::NotRenewed;
use super::sample::{Ended, Sample};
use super::view::{Behind, Filter, Furthest, Listed, SessionView};
use crate::flow::deliver::PageRead;

/// What other threads ask of a shard.
pub(crate) enum Message {
    /// A page for a session that reads the log.
    Page(Ticket, PageRead),
    /// How many sessions read each of these topics?
    Readers(Vec<Topic>, oneshot::Sender<Vec<usize>>),
    /// Which sessions read topics whose readers are told?
    Attendance,
    /// Let a session go on with this credential.
    Renew(Ticket, Arc<Grant>, oneshot::Sender<Result<(), NotRenewed>>),
    /// End the sessions whose credentials are among these.
    Revoke(Target),
    /// End this session; whether it was there.
    End(Ticket, oneshot::Sender<bool>),
    /// End this session: the ticket that opened it has opened another one.
    Superseded(Ticket),
    /// What is this session doing?
    View(Ticket, oneshot::Sender<Option<SessionView>>),
    /// Which sessions are there from this slot on, at most so many?
    List(Filter, u32, usize, oneshot::Sender<Listed>),
    /// Which sessions from this slot on are furthest behind, at most so many?
    Furthest(Filter, u32, usize, oneshot::Sender<Furthest>),
    /// Which sessions read this topic, and which of them, at most so many to name, have not got as far as this?
    Behind(Topic, u64, usize, oneshot::Sender<Behind>),
    /// How far are the sessions from this slot on behind, and which at most so many are furthest?
    Sample(u32, usize, oneshot::Sender<Sample>),
    /// Which sessions did the hub end last?
    Ended(oneshot::Sender<Vec<Ended>>),
    /// End the sessions, this many a second; later calls replace the rate.
    Drain(f64),
}

/// What other threads hold of a shard.
#[derive(Default)]
pub(crate) struct ShardHandle {
    /// Bounded by what is in flight: one page per reading session, the admin requests, the drain.
    inbox: Mutex<Vec<Message>>,
    notify: Notify,
}

impl ShardHandle {
    /// The tail has grown. Several calls before the shard looks count as one.
    pub(crate) fn wake(&self) {
        self.notify.notify_one();
    }

    /// Leaves a message.
    pub(crate) fn send(&self, message: Message) {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        self.notify.notify_one();
    }

    /// Takes all messages.
    pub(super) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut self.inbox.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for a wake or a message.
    pub(super) async fn notified(&self) {
        self.notify.notified().await;
    }
}
