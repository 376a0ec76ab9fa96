//! Who reads a topic right now, for classes that say so.
//!
//! Shards tell of sessions that come and go (`flow/fanout/attendance.rs`) through the [`Register`]; one task, the keeper,
//! owns the state ([`headwater_hub::Presence`]) and publishes what there is to tell on `$hub/presence/<topic>`, a batch at
//! a time. The log and, every now and then, a checkpoint say after a crash who was told to be there.

mod event;
mod keeper;
mod past;
mod register;

pub(crate) use event::{PREFIX, is_joined, rfc3339, topic_of};
pub(crate) use keeper::keep;
pub(crate) use register::{Change, Question, Register};
