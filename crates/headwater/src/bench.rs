//! `headwater bench`: from arguments to what the load generator takes, and from what it found to the screen.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use headwater_bench::{BenchError, Options, Pace, Scenario, Shape, TargetOptions};

use crate::{Failure, print};

/// What to measure.
#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// Events to many readers: deliveries, latency, processor time per delivery
    Fanout {
        /// Readers
        #[arg(long, default_value_t = 1000)]
        readers: u64,
        /// Events a second for each topic, whether or not the target keeps up
        #[arg(long, default_value_t = 50.0)]
        rate: f64,
        /// Publish as fast as answers come, and not at a rate
        #[arg(long, conflicts_with = "rate")]
        closed: bool,
        #[command(flatten)]
        shared: Shared,
    },
    /// Silent readers: memory per session, cost of heartbeats, whether memory comes back
    Idle {
        /// Readers
        #[arg(long, default_value_t = 10_000)]
        readers: u64,
        /// Memory per session is the slope from this many readers on
        #[arg(long, default_value_t = 2000)]
        from: u64,
        #[command(flatten)]
        shared: Shared,
    },
    /// As many events in as go: events a second and how long each takes
    Publish {
        /// Readers, who check what was published
        #[arg(long, default_value_t = 1)]
        readers: u64,
        #[command(flatten)]
        shared: Shared,
    },
    /// All readers drop, miss events and resume at once: how long until all have them
    Storm {
        /// Readers
        #[arg(long, default_value_t = 1000)]
        readers: u64,
        /// Events each topic gets meanwhile
        #[arg(long, default_value_t = 100)]
        backlog: u64,
        #[command(flatten)]
        shared: Shared,
    },
    /// Some readers never read: latency of the others, without and with them
    Slow {
        /// Readers
        #[arg(long, default_value_t = 1000)]
        readers: u64,
        /// Part of them that never reads
        #[arg(long, default_value_t = 0.01)]
        share: f64,
        /// Events a second for each topic
        #[arg(long, default_value_t = 50.0)]
        rate: f64,
        #[command(flatten)]
        shared: Shared,
    },
    /// Readers come and go as fast as they can, a tenth stays: connections a second, whether memory comes back
    Churn {
        /// Readers at a time
        #[arg(long, default_value_t = 200)]
        readers: u64,
        /// Events a second for each topic
        #[arg(long, default_value_t = 5.0)]
        rate: f64,
        #[command(flatten)]
        shared: Shared,
    },
    /// A process of readers; started by the others
    #[command(hide = true)]
    Worker,
}

/// What all scenarios take.
#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// Topics, over which readers and events are spread
    #[arg(long, default_value_t = 1)]
    topics: u32,
    /// Topics of each reader
    #[arg(long, default_value_t = 1)]
    topics_per_reader: u32,
    /// Bytes of data of each event
    #[arg(long, default_value_t = 130, value_name = "BYTES")]
    size: usize,
    /// Connections that publish [default: as many as the pace needs, 16 for publish and storm]
    #[arg(long)]
    publishers: Option<u32>,
    /// How long is measured
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How many seconds events flow before that
    #[arg(long, default_value_t = 1, value_name = "SECONDS")]
    warm_up: u64,
    /// Runs of each target, of which medians are shown [default: 1, with --against 3]
    #[arg(long)]
    runs: Option<u32>,
    /// Print JSON and not a table
    #[arg(long)]
    json: bool,
    /// Load a target that is not on this machine; make sure it is yours
    #[arg(long)]
    yes_remote: bool,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    against: Against,
}

/// What is measured.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is measured")]
struct Target {
    /// A Headwater hub [default: http://127.0.0.1:7070 unless URLs are given]
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// Its process, whose processor time and memory are measured, children included
    #[arg(long, value_name = "ID")]
    pid: Option<u32>,
    /// Token for every request
    #[arg(long)]
    token: Option<String>,
    /// Tokens, one a line: readers take turns in them, publishers send the first
    #[arg(long, value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
    /// Stream of `{topic}`, for hubs of another kind; `{run}` and `{reader}` are numbers
    #[arg(long, value_name = "URL")]
    subscribe_url: Option<String>,
    /// Where events for `{topic}` go
    #[arg(long, value_name = "URL")]
    publish_url: Option<String>,
    /// Method of a publish [default: POST]
    #[arg(long, value_name = "METHOD")]
    publish_method: Option<String>,
    /// Body of a publish [default: {payload}]
    #[arg(long, value_name = "TEXT")]
    publish_body: Option<String>,
    /// Header field of a publish, any number of times
    #[arg(long, value_name = "NAME: VALUE")]
    publish_header: Vec<String>,
}

/// What it is compared with.
#[derive(Debug, Args)]
#[command(next_help_heading = "What it is compared with, in alternating runs")]
struct Against {
    /// A Headwater hub
    #[arg(long = "against", value_name = "URL")]
    against: Option<String>,
    /// Its process
    #[arg(long, value_name = "ID")]
    against_pid: Option<u32>,
    /// Token for every request
    #[arg(long, value_name = "TOKEN")]
    against_token: Option<String>,
    /// Tokens, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "against_token")]
    against_token_file: Option<PathBuf>,
    /// Stream of `{topic}`
    #[arg(long, value_name = "URL")]
    against_subscribe_url: Option<String>,
    /// Where events for `{topic}` go
    #[arg(long, value_name = "URL")]
    against_publish_url: Option<String>,
    /// Method of a publish
    #[arg(long, value_name = "METHOD")]
    against_publish_method: Option<String>,
    /// Body of a publish
    #[arg(long, value_name = "TEXT")]
    against_publish_body: Option<String>,
    /// Header field of a publish
    #[arg(long, value_name = "NAME: VALUE")]
    against_publish_header: Vec<String>,
}

/// Measures, or becomes a process of readers.
pub(crate) fn run(command: BenchCommand) -> Result<(), Failure> {
    let (scenario, readers, shared) = match command {
        BenchCommand::Fanout { readers, closed: true, shared, .. } => (Scenario::Fanout(Pace::Closed), readers, shared),
        BenchCommand::Fanout { readers, rate, shared, .. } => (Scenario::Fanout(Pace::Rate(rate)), readers, shared),
        BenchCommand::Idle { readers, from, shared } => (Scenario::Idle { from }, readers, shared),
        BenchCommand::Publish { readers, shared } => (Scenario::Publish, readers, shared),
        BenchCommand::Storm { readers, backlog, shared } => (Scenario::Storm { backlog }, readers, shared),
        BenchCommand::Slow { readers, share, rate, shared } => (Scenario::Slow { rate, share }, readers, shared),
        BenchCommand::Churn { readers, rate, shared } => (Scenario::Churn { rate }, readers, shared),
        BenchCommand::Worker => {
            return headwater_bench::worker().map_err(|error| Failure::Run(format!("a process of readers: {error}")));
        }
    };
    let json = shared.json;
    let outcome = headwater_bench::run(&shared.options(scenario, readers)?).map_err(|error| match error {
        BenchError::Setting(sentence) => Failure::Arguments(sentence),
        error @ BenchError::Remote(_) => Failure::Arguments(error.to_string()),
        error => Failure::Run(error.to_string()),
    })?;
    print(&if json { format!("{:#}\n", outcome.json()) } else { outcome.table() });
    if outcome.is_faultless() {
        return Ok(());
    }
    Err(Failure::Run("a reader did not get every event once, whole and in order".to_owned()))
}

impl Shared {
    fn options(self, scenario: Scenario, readers: u64) -> Result<Options, Failure> {
        let program = std::env::current_exe()
            .map_err(|error| Failure::Run(format!("cannot find this program to start it again: {error}")))?;
        let against = self.against.options()?;
        Ok(Options {
            target: self.target.options()?,
            runs: self.runs.unwrap_or(if against.is_some() { 3 } else { 1 }),
            against,
            scenario,
            shape: Shape {
                readers,
                topics: self.topics,
                topics_per_reader: self.topics_per_reader,
                size: self.size,
                publishers: self.publishers,
                measured: Duration::from_secs(self.seconds),
                warm_up: Duration::from_secs(self.warm_up),
            },
            remote: self.yes_remote,
            worker: (program, vec!["bench".into(), "worker".into()]),
        })
    }
}

impl Target {
    fn options(self) -> Result<TargetOptions, Failure> {
        let named = self.target.is_some() || self.subscribe_url.is_some() || self.publish_url.is_some();
        Ok(TargetOptions {
            base: self.target.or_else(|| (!named).then(|| DEFAULT_TARGET.to_owned())),
            subscribe_url: self.subscribe_url,
            publish_url: self.publish_url,
            publish_method: self.publish_method,
            publish_body: self.publish_body,
            publish_headers: self.publish_header,
            tokens: tokens(self.token, self.token_file.as_deref())?,
            pid: self.pid,
        })
    }
}

impl Against {
    /// `None` if nothing is to be compared.
    fn options(self) -> Result<Option<TargetOptions>, Failure> {
        let named =
            self.against.is_some() || self.against_subscribe_url.is_some() || self.against_publish_url.is_some();
        if !named {
            return Ok(None);
        }
        Ok(Some(TargetOptions {
            base: self.against,
            subscribe_url: self.against_subscribe_url,
            publish_url: self.against_publish_url,
            publish_method: self.against_publish_method,
            publish_body: self.against_publish_body,
            publish_headers: self.against_publish_header,
            tokens: tokens(self.against_token, self.against_token_file.as_deref())?,
            pid: self.against_pid,
        }))
    }
}

/// The tokens of one target.
fn tokens(token: Option<String>, file: Option<&Path>) -> Result<Vec<String>, Failure> {
    let Some(file) = file else { return Ok(token.into_iter().collect()) };
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::Arguments(format!("cannot read the tokens in {}: {error}", file.display())))?;
    let tokens: Vec<String> = text.lines().map(str::to_owned).collect();
    match tokens.is_empty() {
        false => Ok(tokens),
        true => Err(Failure::Arguments(format!("there is no token in {}: write one in each line", file.display()))),
    }
}

const DEFAULT_TARGET: &str = "http://127.0.0.1:7070";

/// Shown after the help of `headwater bench`.
pub(crate) const EXAMPLES: &str = "\
Examples, against a hub on 127.0.0.1:7070 whose process is 4711:
  headwater bench fanout --pid 4711                          1,000 readers, one topic, 50 events a second
  headwater bench idle --readers 15000 --pid 4711            memory per silent session
  headwater bench publish --publishers 256                   durable events a second
  headwater bench fanout --against http://127.0.0.1:7071     two hubs in alternating runs, with ratios
  headwater bench fanout --subscribe-url 'http://127.0.0.1:8080/sub/{topic}' \\
      --publish-url 'http://127.0.0.1:8080/pub/{topic}'      any hub that speaks event streams

Every reader checks that it gets every event once, whole and in order; the exit code is 1 if one does not.";
