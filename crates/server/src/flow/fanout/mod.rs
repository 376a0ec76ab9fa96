//! Durable event → sessions. One shard per core; a session lives and dies on its shard.

mod attendance;
mod inbox;
mod name;
mod pacing;
mod pass;
mod sessions;
mod shard;
mod timers;

pub(crate) use inbox::{Message, ShardHandle};
pub(crate) use name::SessionName;
pub(crate) use pacing::Flow;
pub(crate) use sessions::{BareSocket, CloseCause, Driver, Entry, Opening, Puller};
pub(crate) use shard::{Shard, State};
