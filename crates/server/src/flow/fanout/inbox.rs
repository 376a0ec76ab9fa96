//! The only way into a shard from another thread.

use std::sync::{Mutex, PoisonError};

use headwater_hub::Ticket;
use headwater_log::Topic;
use tokio::sync::{Notify, oneshot};

use crate::flow::deliver::PageRead;

/// What other threads ask of a shard.
pub(crate) enum Message {
    /// A page for a session that reads the log.
    Page(Ticket, PageRead),
    /// How many sessions read each of these topics?
    Readers(Vec<Topic>, oneshot::Sender<Vec<usize>>),
    /// Which sessions read topics whose readers are told?
    Attendance,
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
