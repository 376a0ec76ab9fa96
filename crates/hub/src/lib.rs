//! The state of a hub, without sockets and without a clock.
//!
//! What is durable arrives as a [`Durable`](headwater_log::Durable) group, is encoded once into the
//! [`Tail`], and finds its readers through the [`FanOut`]. A reader is a [`Session`]: a cursor into
//! the log and a group of readers with the same [`Selection`](headwater_log::Selection). Nobody owns
//! a queue: a session that is behind reads the tail again from its cursor, and one that fell off the
//! tail reads the log.
//!
//! * [`Tail`] holds the newest events as encoded frames, bounded in bytes, shared by all shards.
//! * [`Run`] is a stretch of frames for one selection: what one send carries.
//! * [`FanOut`] maps topics to groups of sessions; its cost depends on the matching groups only.
//! * [`ReaderPolicies`] and [`Pace`] are flow control: who may skip what, and who gets how many deliveries a second.
//! * [`Presence`] knows who reads which topic, and what there is to tell of it.
//! * [`Bucket`] and [`Ledger`] are limits: so much a second, for any number of keys in bounded memory.
//! * [`Wheel`] holds the next deadline of every session. Time is passed in.
//! * [`Wire`] is the one place that turns events into bytes.

mod bucket;
mod fanout;
mod ledger;
mod pace;
mod policy;
mod presence;
mod run;
mod session;
mod tail;
mod wheel;
mod wire;

pub use bucket::{Bucket, Rate};
pub use fanout::{FanOut, Group, GroupId};
pub use ledger::{Account, AccountId, Ledger};
pub use pace::Pace;
pub use policy::{Conflate, Over, ReaderPolicies, ReaderPolicy, SlowPolicy, Thinning};
pub use presence::{Listing, Member, Moment, News, Presence, Present, SessionKey, Visit};
pub use run::Run;
pub use session::{Place, Session};
pub use tail::{Batch, Gather, Tail, Taken, Thinned, newest};
pub use wheel::{Ticket, Wheel};
pub use wire::{Closing, Format, GapReason, Wire};
