//! The scenarios, one file each, and what they share: a run has a number, topics, readers, a publisher, and a process to look at.

mod churn;
mod fanout;
mod flow;
mod idle;
mod probe;
mod slow;
mod storm;

use std::thread;
use std::time::{Duration, Instant};

use crate::crew::Crew;
use crate::layout::Layout;
use crate::progress::Bar;
use crate::publisher::Publisher;
use crate::report::RunReport;
use crate::server::{Memory, Processes};
use crate::target::Target;
use crate::template::Template;
use crate::worker::message::{Habit, Spec};
use crate::{BenchError, Options, Scenario};

/// One run of the scenario against a target.
pub(crate) fn run(options: &Options, target: &Target, bar: &Bar) -> Result<RunReport, BenchError> {
    let mut run = Run {
        options,
        target,
        bar,
        layout: options.layout(),
        number: fastrand::u32(..),
        topic: Template::new("bench/{run}/{topic}"),
        processes: 0,
    };
    probe::stream(&run.spec(Habit::Read, 0, 1))?;
    match options.scenario {
        Scenario::Fanout(_) | Scenario::Publish => fanout::run(&mut run),
        Scenario::Idle { from } => idle::run(&mut run, from),
        Scenario::Storm { backlog } => storm::run(&mut run, backlog),
        Scenario::Slow { share, .. } => slow::run(&mut run, share),
        Scenario::Churn { .. } => churn::run(&mut run),
    }
}

/// What a run consists of.
struct Run<'a> {
    options: &'a Options,
    target: &'a Target,
    bar: &'a Bar,
    layout: Layout,
    /// Tells its events from those of every other run.
    number: u32,
    /// Names of topics.
    topic: Template,
    /// Processes of readers started so far.
    processes: u16,
}

impl Run<'_> {
    fn spec(&self, habit: Habit, first: u64, readers: u64) -> Spec {
        Spec {
            subscribe: self.target.subscribe.clone(),
            run: self.number,
            size: self.options.shape.size,
            topic: self.topic.clone(),
            layout: self.layout,
            first,
            readers,
            habit,
            source: None,
        }
    }

    /// Processes for readers, none of which connects yet.
    fn crew(&mut self, habit: Habit, first: u64, readers: u64) -> Result<Crew, BenchError> {
        let spec = self.spec(habit, first, readers);
        Crew::start(self.options, &spec, &mut self.processes)
    }

    fn publisher(&self) -> Result<Publisher, BenchError> {
        let events = (self.number, self.options.shape.size, &self.topic);
        Publisher::connect(&self.target.publish, events, self.layout, self.options.connections())
    }

    /// Memory of the target's process, if it is known. Whatever was done a moment ago has come to rest.
    fn memory(&self) -> Result<Option<Memory>, BenchError> {
        thread::sleep(SETTLE);
        self.target.pid.map(|pid| Processes(pid).memory()).transpose()
    }

    /// Memory of the target's process once it has given back what it will: when it has not fallen for a while.
    fn memory_at_rest(&self) -> Result<Option<Memory>, BenchError> {
        let Some(mut least) = self.memory()? else { return Ok(None) };
        let end = Instant::now() + LONGEST_REST;
        let mut fell = Instant::now();
        while Instant::now() < end && fell.elapsed() < QUIET {
            let Some(now) = self.memory()? else { break };
            if now.anonymous < least.anonymous {
                (least, fell) = (now, Instant::now());
            }
        }
        Ok(Some(least))
    }

    /// Processor time of the target's process, if it is known.
    fn cpu(&self) -> Result<Option<Duration>, BenchError> {
        self.target.pid.map(|pid| Processes(pid).cpu()).transpose()
    }

    /// When the measurement ends that begins now.
    fn end(&self) -> Instant {
        Instant::now() + self.options.shape.measured
    }
}

/// How long a target gets to finish what connections coming or going have set off.
const SETTLE: Duration = Duration::from_millis(500);
/// Memory that has not fallen for so long will not; a hub may keep a session's deadlines for a heartbeat.
const QUIET: Duration = Duration::from_secs(6);
/// How long to wait for that.
const LONGEST_REST: Duration = Duration::from_secs(40);
