//! Session → socket.
//!
//! [`step`](State::step) is the one place that decides what a session receives next; the drivers only
//! carry it away: [`socket`] writes to the bare socket from the shard's loop, [`pull`] hands pieces
//! to a hyper body, a TLS connection or a long-poll answer.

mod catch_up;
mod gather;
pub(crate) mod long_poll;
pub(crate) mod patience;
pub(crate) mod pull;
mod socket;
pub(crate) mod start;
mod step;

pub(crate) use catch_up::{LogRead, PageRead};
pub(crate) use gather::Found;
pub(crate) use step::Step;
