//! What the process that measures and the processes of readers say to each other: one line of JSON each, over the pipes
//! that are there anyway.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::Faults;
use crate::latency::Sparse;
use crate::layout::Layout;
use crate::target::Subscribe;
use crate::template::Template;

/// The first line a process of readers gets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Spec {
    pub(crate) subscribe: Subscribe,
    pub(crate) run: u32,
    /// Bytes of each payload.
    pub(crate) size: usize,
    /// Names of topics, by `{topic}` as their number.
    pub(crate) topic: Template,
    pub(crate) layout: Layout,
    /// Number of its first reader.
    pub(crate) first: u64,
    /// Readers it will have at most.
    pub(crate) readers: u64,
    pub(crate) habit: Habit,
    /// Local addresses to connect from, beginning here; `None`: whichever the system takes.
    pub(crate) source: Option<Ipv4Addr>,
}

/// What its readers do with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Habit {
    /// Read it.
    Read,
    /// Leave it alone after the head.
    Ignore,
    /// Leave after the head, and come again.
    ComeAndGo,
}

/// Further lines.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Have this many readers connected, and say [`News::Ready`] when they are.
    Connect(u64),
    /// Forget all figures but not what was seen.
    Reset,
    /// So many events were published in each lane: say [`News::CaughtUp`] when all are there.
    Expect(Vec<u64>),
    /// Close every connection.
    Drop,
    /// Connect all again, each where it was.
    Resume,
    /// Say what was lost and seen.
    Tell,
}

/// Lines back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum News {
    /// All wanted are connected, since this moment.
    Ready(u64),
    /// How far it is, now and then.
    Progress(Progress),
    /// All expected events are there, since this moment.
    CaughtUp(u64),
    /// All connections are closed.
    Dropped,
    /// What was seen.
    Tally(Box<Tally>),
}

/// How far a process of readers is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Readers with a stream, or streams opened so far where they come and go.
    pub(crate) connected: u64,
    /// Events delivered since the start.
    pub(crate) delivered: u64,
    /// What went wrong last with a connection.
    pub(crate) trouble: Option<String>,
}

/// What the readers of a process saw since the last [`Order::Reset`]; faults since the start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) faults: Faults,
    pub(crate) deliveries: u64,
    /// When the first and the last of them came.
    pub(crate) first_at: u64,
    pub(crate) last_at: u64,
    /// Of deliveries: from when the event was due.
    pub(crate) latency: Sparse,
    /// Of connections: from the attempt to the head of the answer.
    pub(crate) connecting: Sparse,
    /// Streams opened.
    pub(crate) opened: u64,
    /// Events that belong to no run, or another one: control events mostly.
    pub(crate) foreign: u64,
    /// By lane, from some sequence number on: microseconds until its last reader here had an event.
    pub(crate) last_reader: BTreeMap<usize, (u64, Vec<u32>)>,
}
