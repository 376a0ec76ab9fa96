//! The processes of readers, from the side of the one that measures.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::latency::Latencies;
use crate::progress::Bar;
use crate::worker::message::{Habit, News, Order, Progress, Spec, Tally};
use crate::{BenchError, Faults, Options, descriptors};

/// Readers over as many processes as they need. The processes end with the value.
pub(crate) struct Crew {
    workers: Vec<Worker>,
    news: Receiver<(usize, Option<News>)>,
}

struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    first: u64,
    readers: u64,
    progress: Progress,
}

/// What all processes saw together.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) faults: Faults,
    pub(crate) deliveries: u64,
    /// From the first delivery to the last.
    pub(crate) span: Duration,
    pub(crate) latency: Latencies,
    pub(crate) connecting: Latencies,
    /// For every event noted: until its last reader had it.
    pub(crate) last_reader: Latencies,
    pub(crate) opened: u64,
    pub(crate) foreign: u64,
}

impl Crew {
    /// Starts processes for the readers of `spec`, which come after `before` others of this run. None connects yet.
    pub(crate) fn start(options: &Options, spec: &Spec, before: &mut u16) -> Result<Self, BenchError> {
        let processes = descriptors::processes(spec.readers, descriptors::raise())?;
        let each = spec.readers.div_ceil(processes);
        let (sender, news) = mpsc::channel();
        let mut crew = Self { workers: Vec::new(), news };
        for index in 0..processes {
            let first = index * each;
            let readers = each.min(spec.readers.saturating_sub(first));
            let spec = Spec { first: spec.first + first, readers, source: source(spec, *before), ..spec.clone() };
            *before += 1;
            let (program, arguments) = &options.worker;
            let mut child = Command::new(program)
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .map_err(BenchError::system("start a process of readers"))?;
            let output = child.stdout.take();
            let orders = child.stdin.take();
            let (sender, index) = (sender.clone(), crew.workers.len());
            crew.workers.push(Worker { child, orders, first, readers, progress: Progress::default() });
            thread::spawn(move || {
                for line in output.into_iter().flat_map(|output| BufReader::new(output).lines()).map_while(Result::ok) {
                    let Ok(news) = serde_json::from_str(&line) else { break };
                    if sender.send((index, Some(news))).is_err() {
                        return;
                    }
                }
                // Whoever measures may be gone too.
                let _ = sender.send((index, None));
            });
            crew.write(index, &spec)?;
        }
        Ok(crew)
    }

    /// Has the first `readers` connected, all if there are as many; how long it took.
    pub(crate) fn connect(&mut self, readers: u64, bar: &Bar) -> Result<Duration, BenchError> {
        let started = Instant::now();
        bar.begin("connecting", readers);
        for index in 0..self.workers.len() {
            let Worker { first, readers: most, .. } = self.workers[index];
            self.write(index, &Order::Connect(readers.saturating_sub(first).min(most)))?;
        }
        self.ready(readers, started, bar)?;
        Ok(started.elapsed())
    }

    /// Waits until all are connected that are to be.
    fn ready(&mut self, readers: u64, started: Instant, bar: &Bar) -> Result<u64, BenchError> {
        let mut open = self.workers.len();
        let mut last = 0;
        while open > 0 {
            match self.hear(started + CONNECTING)? {
                Some(News::Ready(at)) => {
                    open -= 1;
                    last = last.max(at);
                }
                Some(_) => bar.set(self.connected()),
                None => {
                    let trouble = self.workers.iter().find_map(|worker| worker.progress.trouble.clone());
                    return Err(BenchError::Connecting {
                        ready: self.connected(),
                        wanted: readers,
                        seconds: CONNECTING.as_secs(),
                        last: trouble.map(|text| format!(": {text}")).unwrap_or_default(),
                    });
                }
            }
        }
        Ok(last)
    }

    /// Forgets figures, not what was seen.
    pub(crate) fn reset(&mut self) -> Result<(), BenchError> {
        self.tell_all(&Order::Reset)
    }

    /// Waits until every reader has all that was published, at most for `patience`, or a third of that without any
    /// delivery; when the last one had. Whatever is missing then is lost.
    pub(crate) fn catch_up(
        &mut self,
        published: &[u64],
        patience: Duration,
        bar: &Bar,
    ) -> Result<Option<u64>, BenchError> {
        let deadline = Instant::now() + patience;
        self.tell_all(&Order::Expect(published.to_vec()))?;
        let (mut open, mut last) = (self.workers.len(), 0);
        let (mut delivered, mut quiet) = (self.delivered(), Instant::now() + patience / 3);
        while open > 0 {
            match self.hear(deadline.min(quiet))? {
                Some(News::CaughtUp(at)) => {
                    open -= 1;
                    last = last.max(at);
                }
                Some(_) if self.delivered() > delivered => {
                    delivered = self.delivered();
                    quiet = Instant::now() + patience / 3;
                    bar.set(delivered);
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
        Ok(Some(last))
    }

    /// Closes all connections.
    pub(crate) fn drop_all(&mut self) -> Result<(), BenchError> {
        self.tell_all(&Order::Drop)?;
        let (mut open, deadline) = (self.workers.len(), Instant::now() + ANSWER);
        while open > 0 {
            match self.hear(deadline)? {
                Some(News::Dropped) => open -= 1,
                Some(_) => {}
                None => return Err(BenchError::Worker("it did not close its connections".to_owned())),
            }
        }
        Ok(())
    }

    /// Connects all again, each where it was; when the last one was.
    pub(crate) fn resume(&mut self, bar: &Bar) -> Result<u64, BenchError> {
        let readers = self.workers.iter().map(|worker| worker.readers).sum();
        self.tell_all(&Order::Resume)?;
        self.ready(readers, Instant::now(), bar)
    }

    /// Waits, hearing how far it is.
    pub(crate) fn wait(&mut self, until: Instant, mut tick: impl FnMut(&Self)) -> Result<(), BenchError> {
        while self.hear(until)?.is_some() {
            tick(self);
        }
        Ok(())
    }

    /// Readers connected, as far as was heard; streams opened where they come and go.
    pub(crate) fn connected(&self) -> u64 {
        self.workers.iter().map(|worker| worker.progress.connected).sum()
    }

    /// Events delivered, as far as was heard.
    pub(crate) fn delivered(&self) -> u64 {
        self.workers.iter().map(|worker| worker.progress.delivered).sum()
    }

    /// What all have seen since [`Crew::reset`].
    pub(crate) fn seen(&mut self) -> Result<Seen, BenchError> {
        self.tell_all(&Order::Tell)?;
        let (mut tallies, deadline) = (Vec::new(), Instant::now() + ANSWER);
        while tallies.len() < self.workers.len() {
            match self.hear(deadline)? {
                Some(News::Tally(tally)) => tallies.push(*tally),
                Some(_) => {}
                None => return Err(BenchError::Worker("it did not tell its figures".to_owned())),
            }
        }
        Ok(Seen::of(&tallies))
    }

    /// The next news, `None` at the deadline.
    fn hear(&mut self, deadline: Instant) -> Result<Option<News>, BenchError> {
        let (index, news) = match self.news.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(heard) => heard,
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            // There is a sender as long as a process is left.
            Err(RecvTimeoutError::Disconnected) => return Err(gone()),
        };
        match news {
            Some(News::Progress(progress)) => {
                self.workers[index].progress = progress.clone();
                Ok(Some(News::Progress(progress)))
            }
            Some(news) => Ok(Some(news)),
            None => Err(gone()),
        }
    }

    fn tell_all(&mut self, order: &Order) -> Result<(), BenchError> {
        (0..self.workers.len()).try_for_each(|index| self.write(index, order))
    }

    fn write(&mut self, index: usize, message: &impl serde::Serialize) -> Result<(), BenchError> {
        let mut line = serde_json::to_vec(message).map_err(|error| BenchError::Worker(error.to_string()))?;
        line.push(b'\n');
        let orders = self.workers[index].orders.as_mut().ok_or_else(gone)?;
        orders.write_all(&line).and_then(|()| orders.flush()).map_err(|error| BenchError::Worker(error.to_string()))
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // Without orders a worker drops its connections and ends.
        self.workers.iter_mut().for_each(|worker| worker.orders = None);
        let patience = Instant::now() + PATIENCE_AT_END;
        for worker in &mut self.workers {
            while matches!(worker.child.try_wait(), Ok(None)) && Instant::now() < patience {
                thread::sleep(Duration::from_millis(5));
            }
            // Nearly always it has ended by itself.
            let _ = worker.child.kill();
            let _ = worker.child.wait();
        }
    }
}

impl Seen {
    fn of(tallies: &[Tally]) -> Self {
        let mut seen = Self {
            faults: Faults::default(),
            deliveries: 0,
            span: Duration::ZERO,
            latency: Latencies::new(),
            connecting: Latencies::new(),
            last_reader: Latencies::new(),
            opened: 0,
            foreign: 0,
        };
        let mut last_reader = std::collections::HashMap::new();
        for tally in tallies {
            seen.faults.add(&tally.faults);
            seen.deliveries += tally.deliveries;
            seen.opened += tally.opened;
            seen.foreign += tally.foreign;
            seen.latency.add(&tally.latency);
            seen.connecting.add(&tally.connecting);
            for (lane, (from, micros)) in &tally.last_reader {
                for (sequence, micros) in (*from..).zip(micros).filter(|(_, micros)| **micros > 0) {
                    let slowest = last_reader.entry((*lane, sequence)).or_insert(0);
                    *slowest = (*micros).max(*slowest);
                }
            }
        }
        let with = tallies.iter().filter(|tally| tally.deliveries > 0);
        let first = with.clone().map(|tally| tally.first_at).min().unwrap_or_default();
        let last = with.map(|tally| tally.last_at).max().unwrap_or_default();
        seen.span = Duration::from_nanos(last.saturating_sub(first));
        last_reader.values().for_each(|micros| seen.last_reader.record(u64::from(*micros) * 1_000));
        seen
    }
}

fn gone() -> BenchError {
    BenchError::Worker("it ended before it was told to".to_owned())
}

/// Loopback has sixteen million addresses; each process takes a block, since one has only some 28,000 ports. Elsewhere the
/// system chooses.
fn source(spec: &Spec, process: u16) -> Option<Ipv4Addr> {
    let many = spec.readers > FEW || process > 0 || spec.habit == Habit::ComeAndGo;
    match spec.subscribe.address.ip() {
        IpAddr::V4(address) if address.is_loopback() && cfg!(target_os = "linux") && many => {
            let [high, low] = (process + 256).to_be_bytes();
            Some(Ipv4Addr::new(127, high, low, 1))
        }
        _ => None,
    }
}

/// Readers that fit beside everything else on the customary address.
const FEW: u64 = 2_000;
/// How long workers may take to end.
const PATIENCE_AT_END: Duration = Duration::from_secs(5);
/// Longest wait for all readers to be connected.
const CONNECTING: Duration = Duration::from_secs(60);
/// Longest wait for an answer that needs no network.
const ANSWER: Duration = Duration::from_secs(30);

/// How long readers get for what is on its way when publishing has stopped.
pub(crate) const GRACE: Duration = Duration::from_secs(15);

/// A moment of the common clock as time since another one.
pub(crate) fn since(later: u64, earlier: u64) -> Duration {
    Duration::from_nanos(later.saturating_sub(earlier))
}
