//! What the user asks for, as written; and the bounds nobody gets past.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::BenchError;
use crate::layout::Layout;
use crate::payload;

/// A whole benchmark.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is measured.
    pub target: TargetOptions,
    /// What it is compared with, in alternating runs.
    pub against: Option<TargetOptions>,
    /// What is done.
    pub scenario: Scenario,
    /// How much of it.
    pub shape: Shape,
    /// Runs of each target; figures are medians. At most 100.
    pub runs: u32,
    /// Whether a target may be on another machine.
    pub remote: bool,
    /// The program that becomes a process of readers, with the arguments that make it call [`crate::worker`].
    pub worker: (PathBuf, Vec<OsString>),
}

/// Where events go in and come out, as written.
#[derive(Clone, Debug, Default)]
pub struct TargetOptions {
    /// A Headwater hub, such as `http://127.0.0.1:7070`. The default for every template below.
    pub base: Option<String>,
    /// URL of the stream of `{topic}`; a query parameter with that place is repeated for each topic of a reader.
    pub subscribe_url: Option<String>,
    /// URL that takes an event for `{topic}`.
    pub publish_url: Option<String>,
    /// Method of a publish; `POST` by default.
    pub publish_method: Option<String>,
    /// Body of a publish; `{payload}` by default.
    pub publish_body: Option<String>,
    /// Header fields of a publish, as `Name: value`.
    pub publish_headers: Vec<String>,
    /// Sent as `Authorization: Bearer`: readers take turns in them, publishers send the first.
    pub tokens: Vec<String>,
    /// Process whose processor time and memory are measured, its children included.
    pub pid: Option<u32>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scenario {
    /// Events to all readers.
    Fanout(Pace),
    /// Nothing at all to all readers.
    Idle {
        /// Memory per session is the slope from this many readers to all.
        from: u64,
    },
    /// As many events in as go.
    Publish,
    /// All readers drop, miss events, and resume at once.
    Storm {
        /// Events each topic gets meanwhile.
        backlog: u64,
    },
    /// Some readers never read.
    Slow {
        /// Events a second for each topic.
        rate: f64,
        /// Part of the readers that never reads, between 0 and 1.
        share: f64,
    },
    /// Readers come and go as fast as they can, a tenth stays.
    Churn {
        /// Events a second for each topic.
        rate: f64,
    },
}

/// How fast events are published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// This many events a second for each topic, whether or not the target keeps up.
    Rate(f64),
    /// Each publisher sends the next event when the last one is answered.
    Closed,
}

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Readers, at most 200,000.
    pub readers: u64,
    /// Topics, at most 1,000,000.
    pub topics: u32,
    /// Topics of each reader, at most 100.
    pub topics_per_reader: u32,
    /// Bytes of data of each event; about 50 are the least it takes.
    pub size: usize,
    /// Connections that publish; `None`: as many as the pace needs. At most 1,000.
    pub publishers: Option<u32>,
    /// How long is measured, at most [`LONGEST`].
    pub measured: Duration,
    /// How long events flow before that.
    pub warm_up: Duration,
}

/// The longest measurement.
pub const LONGEST: Duration = Duration::from_secs(3600);

impl Scenario {
    /// Its name on the command line.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Fanout(_) => "fanout",
            Self::Idle { .. } => "idle",
            Self::Publish => "publish",
            Self::Storm { .. } => "storm",
            Self::Slow { .. } => "slow",
            Self::Churn { .. } => "churn",
        }
    }

    /// How fast it publishes.
    pub(crate) const fn pace(&self) -> Pace {
        match self {
            Self::Fanout(pace) => *pace,
            Self::Slow { rate, .. } | Self::Churn { rate } => Pace::Rate(*rate),
            Self::Idle { .. } | Self::Publish | Self::Storm { .. } => Pace::Closed,
        }
    }
}

impl Options {
    /// Refuses what is out of bounds or makes no sense together.
    pub(crate) fn check(&self) -> Result<(), BenchError> {
        let Shape { readers, topics, topics_per_reader, size, publishers, measured, warm_up } = self.shape;
        within("--readers", readers, 1, 200_000)?;
        within("--topics", topics.into(), 1, 1_000_000)?;
        within("--topics-per-reader", topics_per_reader.into(), 1, topics.min(100).into())?;
        within("--size", size as u64, 0, payload::LARGEST as u64)?;
        within("--publishers", publishers.unwrap_or(1).into(), 1, 1_000)?;
        within("--runs", self.runs.into(), 1, 100)?;
        within("--seconds", measured.as_secs(), 1, LONGEST.as_secs())?;
        within("--warm-up", warm_up.as_secs(), 0, LONGEST.as_secs())?;
        if let Pace::Rate(rate) = self.scenario.pace()
            && !(rate > 0.0 && rate * f64::from(topics) <= MOST_EVENTS)
        {
            return Err(BenchError::Setting(format!(
                "--rate {rate} for {topics} topics is not between 0 and {MOST_EVENTS} events a second"
            )));
        }
        match self.scenario {
            Scenario::Idle { from } => within("--from", from, 1, readers.saturating_sub(1).max(1)),
            Scenario::Storm { backlog } => within("--backlog", backlog, 1, 1_000_000),
            Scenario::Slow { share, .. } if !(share > 0.0 && share < 1.0) => {
                Err(BenchError::Setting(format!("--share {share} is not between 0 and 1")))
            }
            Scenario::Slow { .. } | Scenario::Churn { .. } => within("--readers", readers, 2, 200_000),
            Scenario::Fanout(_) | Scenario::Publish => Ok(()),
        }
    }

    /// Lanes for the pace.
    pub(crate) fn layout(&self) -> Layout {
        let Shape { topics, topics_per_reader: per_reader, .. } = self.shape;
        let lanes = match self.scenario.pace() {
            Pace::Closed => self.connections().div_ceil(topics),
            // A row of events can only be as fast as one answer follows the other.
            Pace::Rate(rate) => (rate / RATE_OF_LANE).ceil().clamp(1.0, 256.0) as u32,
        };
        Layout { topics, lanes, per_reader }
    }

    /// Connections that publish.
    pub(crate) fn connections(&self) -> u32 {
        let Shape { topics, publishers, .. } = self.shape;
        publishers.unwrap_or_else(|| match self.scenario {
            Scenario::Fanout(Pace::Closed) | Scenario::Idle { .. } => 1,
            Scenario::Publish | Scenario::Storm { .. } => 16,
            Scenario::Fanout(Pace::Rate(rate)) | Scenario::Slow { rate, .. } | Scenario::Churn { rate } => {
                let lanes = (rate / RATE_OF_LANE).ceil() * f64::from(topics);
                lanes.clamp(1.0, 64.0) as u32
            }
        })
    }
}

fn within(flag: &str, value: u64, least: u64, most: u64) -> Result<(), BenchError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(BenchError::Setting(format!("{flag} {value} is not between {least} and {most}")))
}

/// Events a second one lane is trusted with: what a hub that syncs every event to a common disk reaches.
const RATE_OF_LANE: f64 = 100.0;
/// Most events a second over all topics.
const MOST_EVENTS: f64 = 1e6;
