//! Durable event → sessions. One shard per core; a session lives and dies on its shard.

mod attendance;
mod inbox;
mod name;
mod pacing;
mod pass;
mod renewal;
mod sample;
mod sessions;
mod shard;
mod timers;
mod view;

pub(crate) use inbox::{Message, ShardHandle};
pub(crate) use name::SessionName;
pub(crate) use pacing::Flow;
pub(crate) use renewal::NotRenewed;
pub(crate) use sample::{Ended, LAG_STEPS_MS, Sample};
pub(crate) use sessions::{BareSocket, CloseCause, Driver, Entry, Opening, Puller};
pub(crate) use shard::{Shard, State};
pub(crate) use view::{Filter, Furthest, SessionState, SessionView};
