//! The ordered, durable event log of Headwater.
//!
//! One append-only sequence of events per hub. A *position* is a place in it, a *topic* a view of
//! it, and reading is always "the events of these topics after this position". The crate knows
//! threads and files; it knows no HTTP, no async runtime and no reader.
//!
//! * [`Engine`] is what the hub needs of a log: append, read, bounds, delete, durable-tail
//!   notification. [`Embedded`] keeps it in segment files, [`Memory`] in memory.
//! * [`Position`] is the event id of the wire; [`Topic`], [`Pattern`] and [`Selection`] say what is
//!   read; [`Classes`] maps topics to durability and retention.
//! * [`Disk`](disk::Disk) and [`Clock`](clock::Clock) are the only ways to files and time, so tests
//!   inject faults into the real code.
//!
//! Promises: positions are assigned in the step that writes, so order on disk, order of ids and
//! order of delivery are one; nothing is acknowledged or shown before its durability holds; a
//! failed sync is never retried.

mod class;
pub mod clock;
pub mod disk;
mod embedded;
mod engine;
mod event;
mod format;
mod memory;
mod missing;
mod position;
mod topic;

pub use class::{Class, Classes, Durability, Retention};
pub use embedded::{Embedded, EmbeddedOptions, OpenError, RenewedEpoch, renew_epoch};
pub use engine::{
    AppendDone, AppendError, Bounds, DeleteDone, Durable, DurableListener, Engine, Gap, Health, Page, ReadError,
    Reader, Receipt, TopicInfo, Usage,
};
pub use event::{EndReason, NewEvent, StoredEvent, Timestamp};
pub use memory::{Memory, MemoryOptions};
pub use position::{Epoch, InvalidPosition, Position};
pub use topic::{InvalidTopic, Pattern, Selection, Topic};
