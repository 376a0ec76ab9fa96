//! What the hub needs of a log.

use std::sync::Arc;
use std::time::SystemTime;

use crate::{Classes, EndReason, Epoch, NewEvent, Selection, StoredEvent, Timestamp, Topic};

/// A log. All methods may be called from any thread; none but the reader's blocks on the disk.
pub trait Engine: Send + Sync + 'static {
    /// Queues a batch, all or none. `done` is called once, on the writer's thread or (for a refusal
    /// that needs no write) on the caller's: with one receipt per event after the durability of
    /// every event's class holds, or with the reason nothing was stored. It must not block.
    fn append(&self, batch: Vec<NewEvent>, done: AppendDone);

    /// Removes the events of a topic and forgets that it was finished. `done` gets whether there was
    /// such a topic.
    fn delete(&self, topic: &Topic, done: DeleteDone);

    /// The ends of the log.
    fn bounds(&self) -> Bounds;

    /// A reader of the selected events with sequence numbers above `after`, for whoever wants what there is: it tells
    /// of what is removed after it was made, not of what was removed before.
    fn reader(&self, selection: Arc<Selection>, after: u64) -> Box<dyn Reader>;

    /// A reader for whoever has had everything up to `after`. With a gap when selected events after `after` were removed by
    /// retention or deletion, which ends before every selected event that is still there: the reader goes on from
    /// its end, and tells itself of what else is missing further on. The gap is empty when the next event is there and
    /// only later ones are not.
    fn resume(&self, selection: Arc<Selection>, after: u64) -> (Box<dyn Reader>, Option<Gap>);

    /// The place after which to read to get everything the log took at or after `time`: before the
    /// first event that is not older. The head when there is none.
    fn seek(&self, time: SystemTime) -> u64;

    /// One topic, if the log has events of it or remembers that it is finished.
    fn topic(&self, topic: &Topic) -> Option<TopicInfo>;

    /// Topics in byte order whose names begin with `prefix` and stand after `after`, at most `limit`.
    fn topics(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<TopicInfo>;

    /// Whether it can take events.
    fn health(&self) -> Health;

    /// Sets the one listener of the durable tail, before the first append. It is called on the writer's
    /// thread in log order, before the acknowledgements of the same group, and must not block.
    fn set_listener(&self, listener: DurableListener);

    /// Replaces the classes; applies from the next group on.
    fn set_classes(&self, classes: Classes);

    /// Stored bytes: on disk (or in memory, for the memory engine) and their limit-free count of events.
    fn usage(&self) -> Usage;

    /// Finishes the queued batches, releases files and locks. Later appends are refused. Idempotent.
    fn close(&self);
}

/// Reads selected events in log order, page by page. Holds only what the page needs, and may be
/// moved to another thread between pages. Blocks on the disk.
pub trait Reader: Send {
    /// The next events, until `max_events` or about `max_bytes` of data; at least one event if there is any.
    ///
    /// # Errors
    /// [`ReadError`] when the storage fails or a record is damaged; the reader stays where it was.
    fn next_page(&mut self, max_events: usize, max_bytes: usize) -> Result<Page, ReadError>;
}

/// One step of a [`Reader`].
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// What was removed before `events`.
    pub gap: Option<Gap>,
    /// The events in order; empty when the reader has reached the durable head.
    pub events: Vec<Arc<StoredEvent>>,
    /// Every selected event up to here was returned, or told as missing (up to the newest gap at least, as long as
    /// `untold`).
    pub upto: u64,
    /// Events further on are known to be missing: a later page tells.
    pub untold: bool,
}

/// Where selected events were removed by retention or deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Events after this place may be missing…
    pub after: u64,
    /// …up to this one.
    pub upto: u64,
}

/// The ends of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Which log this is.
    pub epoch: Epoch,
    /// Place before the oldest event that is still there.
    pub before_first: u64,
    /// The newest durable position; 0 when nothing was ever stored.
    pub head: u64,
}

/// What became durable in one group.
#[derive(Clone, Debug)]
pub struct Durable {
    /// The newest durable position.
    pub head: u64,
    /// The events, in order.
    pub events: Vec<Arc<StoredEvent>>,
    /// Topics deleted in this group with the place up to which their events are gone.
    pub deleted: Vec<(Topic, u64)>,
}

/// Listener of the durable tail.
pub type DurableListener = Box<dyn Fn(Durable) + Send + Sync>;
/// Receives the outcome of an append.
pub type AppendDone = Box<dyn FnOnce(Result<Vec<Receipt>, AppendError>) + Send>;
/// Receives the outcome of a deletion.
pub type DeleteDone = Box<dyn FnOnce(Result<bool, AppendError>) + Send>;

/// Where an appended event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its sequence number.
    pub seq: u64,
    /// Its idempotency key was known: `seq` is the first one's, and nothing was stored.
    pub duplicate: bool,
}

/// What the log knows of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub topic: Topic,
    /// Sequence number of the oldest event still there; 0 when none is.
    pub first: u64,
    /// Sequence number of the newest event (the end record included).
    pub last: u64,
    /// When the newest event was taken.
    pub last_time: Timestamp,
    /// Events still there, the end record included.
    pub events: u64,
    /// Their bytes: topic, type, key and data.
    pub bytes: u64,
    /// How it was finished, if it was.
    pub end: Option<EndReason>,
}

/// What a log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of storage in use.
    pub bytes: u64,
    /// Events that can be read.
    pub events: u64,
    /// Topics known.
    pub topics: u64,
    /// Segments (files, for the embedded engine).
    pub segments: u64,
}

/// Whether a log can take events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Yes.
    Ready,
    /// Not until space returns; it tries by itself.
    Full,
    /// Not until it is opened again: the storage failed in this way.
    Failed(String),
}

/// Why nothing of a batch was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The topic has its end record.
    #[error("topic {0} is finished")]
    Finished(Topic),
    /// The queue of waiting batches is at its limit; try again shortly.
    #[error("too many publishes are waiting for the disk")]
    Overloaded,
    /// No space left.
    #[error("the disk is full")]
    Full,
    /// The storage failed; the log takes nothing until it is opened again.
    #[error("the log has stopped: {0}")]
    Failed(String),
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
}

/// Why events could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The storage refused.
    #[error("cannot read {file}: {cause}")]
    Storage {
        /// Which file.
        file: String,
        /// What it said.
        cause: String,
    },
    /// A record is damaged.
    #[error("damaged record in {file} at byte {offset}")]
    Damaged {
        /// Which file.
        file: String,
        /// Where.
        offset: u64,
    },
}
