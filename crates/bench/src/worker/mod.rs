//! A process of readers: one thread, one event loop, thousands of sockets.
//!
//! It takes orders from standard input, one line of JSON each, and ends with it. Nothing per reader but its socket and a
//! few hundred bytes: one buffer is shared by all, and there is neither a task nor a timer.

pub(crate) mod message;
mod record;
mod stream;

use std::collections::VecDeque;
use std::io::{self, BufRead as _, Write as _};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use self::message::{Habit, News, Order, Progress, Spec};
use self::record::Record;
use self::stream::{Route, Stream};
use crate::clock::{self, SECOND};
use crate::descriptors;
use crate::oracle::Lane;
use crate::template::Values;

/// Runs a process of readers until its standard input ends.
///
/// # Errors
/// What the system refused, or a sentence on an order that was not understood.
pub fn worker() -> io::Result<()> {
    descriptors::raise();
    let mut lines = io::stdin().lock().lines();
    let Some(first) = lines.next() else { return Ok(()) };
    let spec: Spec = serde_json::from_str(&first?)?;
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let (sender, orders) = mpsc::channel();
    // The lock on standard input is not one to be moved to a thread.
    drop(lines);
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(serde_json::from_str(&line)).is_err() || waker.wake().is_err() {
                return;
            }
        }
        // The sender goes with this thread, which the loop sees when it wakes.
        drop(sender);
        let _ = waker.wake();
    });
    Worker::new(spec, poll).run(&orders)
}

/// All readers of a process.
struct Worker {
    spec: Spec,
    poll: Poll,
    streams: Vec<Stream>,
    record: Record,
    /// Readers that are to connect.
    waiting: VecDeque<usize>,
    /// Readers on the way, at most [`AT_ONCE`].
    connecting: usize,
    /// Readers with a stream.
    open: u64,
    /// Readers that are to have one.
    wanted: u64,
    /// [`News::Ready`] is owed.
    owes_ready: bool,
    /// Events published in each lane, as far as it was told.
    published: Vec<u64>,
    /// Events that must be there for [`News::CaughtUp`], if that is owed.
    expected: Option<u64>,
    /// Attempts so far: what the local address is chosen by.
    attempts: u64,
    /// No attempt before this moment: something went wrong a moment ago.
    pause_until: u64,
    trouble: Option<String>,
}

impl Worker {
    fn new(spec: Spec, poll: Poll) -> Self {
        let record = Record::new(spec.layout, spec.run, spec.size);
        Self {
            spec,
            poll,
            record,
            streams: Vec::new(),
            waiting: VecDeque::new(),
            connecting: 0,
            open: 0,
            wanted: 0,
            owes_ready: false,
            published: Vec::new(),
            expected: None,
            attempts: 0,
            pause_until: 0,
            trouble: None,
        }
    }

    fn run(mut self, orders: &Receiver<serde_json::Result<Order>>) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; 64 << 10];
        let mut next_progress = 0;
        loop {
            match self.poll.poll(&mut events, Some(TICK)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            for event in &events {
                if event.token() == WAKE {
                    continue;
                }
                let ends = event.is_read_closed() || event.is_error();
                self.ready(event.token().0, event.is_writable(), event.is_readable() || ends, ends, &mut buffer);
            }
            loop {
                match orders.try_recv() {
                    Ok(order) => self.obey(order?)?,
                    Err(mpsc::TryRecvError::Empty) => break,
                    // Nobody is left to tell anything.
                    Err(mpsc::TryRecvError::Disconnected) => return Ok(()),
                }
            }
            self.connect_more();
            self.tell()?;
            let now = clock::now();
            if now >= next_progress {
                next_progress = now + PROGRESS;
                say(&News::Progress(self.progress()))?;
            }
        }
    }

    fn obey(&mut self, order: Order) -> io::Result<()> {
        match order {
            Order::Connect(wanted) => {
                let lane = match self.spec.habit {
                    Habit::Read => Lane::from_the_start(),
                    Habit::Ignore | Habit::ComeAndGo => Lane::joining(),
                };
                self.wanted = wanted.min(self.spec.readers);
                while (self.streams.len() as u64) < self.wanted {
                    self.waiting.push_back(self.streams.len());
                    let lanes = vec![lane.clone(); self.spec.layout.lanes_per_reader()];
                    self.streams.push(Stream::new(lanes.into()));
                }
                self.owes_ready = true;
            }
            Order::Reset => self.record.reset(),
            Order::Expect(published) => self.expect(published),
            Order::Drop => {
                self.streams.iter_mut().for_each(Stream::close);
                (self.open, self.connecting) = (0, 0);
                self.waiting.clear();
                say(&News::Dropped)?;
            }
            Order::Resume => {
                self.waiting = (0..self.streams.len()).collect();
                self.owes_ready = true;
            }
            Order::Tell => {
                self.record.faults.lost = self.lost();
                say(&News::Tally(Box::new(self.record.tally())))?;
            }
        }
        Ok(())
    }

    /// Waits for what is missing. Late or not, every event that is new to its reader counts once.
    fn expect(&mut self, published: Vec<u64>) {
        self.published = published;
        self.expected = Some(self.record.delivered + self.lost());
    }

    /// What readers have not seen of what was published.
    fn lost(&self) -> u64 {
        let layout = self.spec.layout;
        let published = |lane| self.published.get(lane).copied().unwrap_or_default();
        let lost = self.streams.iter().zip(self.spec.first..).map(|(stream, reader)| {
            let topics = layout.topics_of(reader);
            let lanes = topics.flat_map(|topic| (0..layout.lanes).map(move |lane| layout.lane(topic, lane)));
            stream.lanes.iter().zip(lanes).map(|(seen, lane)| seen.lost(published(lane))).sum::<u64>()
        });
        lost.sum()
    }

    /// A socket is ready.
    fn ready(&mut self, index: usize, writable: bool, readable: bool, ends: bool, buffer: &mut [u8]) {
        let Self { streams, record, spec, .. } = self;
        let Some(stream) = streams.get_mut(index) else { return };
        let mut progress = stream::Progress::Same;
        if writable {
            progress = stream.writable();
        }
        if readable && progress == stream::Progress::Same {
            if spec.habit == Habit::Ignore && stream.is_open() {
                return;
            }
            let (now, reader) = (clock::now(), spec.first + index as u64);
            progress = stream.readable(ends, buffer, |lanes, data| record.event(reader, lanes, data, now));
        }
        match progress {
            stream::Progress::Same => {}
            stream::Progress::Opened => {
                record.opened(clock::now().saturating_sub(stream.begun));
                self.connecting = self.connecting.saturating_sub(1);
                if spec.habit == Habit::ComeAndGo {
                    stream.close();
                    stream.lanes.fill(Lane::joining());
                    self.waiting.push_back(index);
                } else {
                    self.open += 1;
                }
            }
            stream::Progress::Ended => {
                record.faults.ended += 1;
                self.open = self.open.saturating_sub(1);
            }
            stream::Progress::Failed(reason) => {
                self.connecting = self.connecting.saturating_sub(1);
                self.failed(index, reason);
            }
        }
    }

    fn failed(&mut self, index: usize, reason: String) {
        self.trouble = Some(reason);
        self.pause_until = clock::now() + PAUSE;
        self.waiting.push_back(index);
    }

    fn connect_more(&mut self) {
        while self.connecting < AT_ONCE && clock::now() >= self.pause_until {
            let Some(index) = self.waiting.pop_front() else { return };
            let request = self.request(index);
            let route = Route {
                to: self.spec.subscribe.address,
                from: self.spec.source.map(|first| nth_address(first, self.attempts / ATTEMPTS_PER_ADDRESS)),
                receive: (self.spec.habit == Habit::Ignore).then_some(SMALL_BUFFER),
            };
            self.attempts += 1;
            match self.streams[index].connect(&route, request, self.poll.registry(), Token(index), clock::now()) {
                Ok(()) => self.connecting += 1,
                Err(error) => self.failed(index, error.to_string()),
            }
        }
    }

    fn request(&self, index: usize) -> String {
        let reader = self.spec.first + index as u64;
        let run = format!("{:08x}", self.spec.run);
        let name = |topic: u32| {
            let mut name = String::new();
            self.spec.topic.fill(&Values { topic: &topic.to_string(), run: &run, ..Values::default() }, &mut name);
            name
        };
        let topics: Vec<String> = self.spec.layout.topics_of(reader).map(name).collect();
        let mut request = String::new();
        self.spec.subscribe.request(&topics, &run, reader, self.streams[index].cursor(), &mut request);
        request
    }

    /// Says what is owed as soon as it is true.
    fn tell(&mut self) -> io::Result<()> {
        let come_and_go = self.spec.habit == Habit::ComeAndGo;
        if self.owes_ready && (self.open >= self.wanted || come_and_go) {
            self.owes_ready = false;
            say(&News::Ready(clock::now()))?;
        }
        if self.expected.is_some_and(|expected| self.record.delivered >= expected) {
            self.expected = None;
            say(&News::CaughtUp(self.record.last_at))?;
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        let connected = if self.spec.habit == Habit::ComeAndGo { self.record.opened } else { self.open };
        Progress { connected, delivered: self.record.delivered, trouble: self.trouble.clone() }
    }
}

fn say(news: &News) -> io::Result<()> {
    let mut line = serde_json::to_vec(news)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

/// The addresses of one process go around, so that one that was used rests while its ports are in TIME_WAIT.
fn nth_address(first: Ipv4Addr, n: u64) -> Ipv4Addr {
    let [a, b, c, d] = first.octets();
    Ipv4Addr::new(a, b, c, d + (n % ADDRESSES) as u8)
}

const WAKE: Token = Token(usize::MAX);
/// Connections on their way at the same time: less than a listener's queue holds.
const AT_ONCE: usize = 500;
/// Rest after a failed attempt.
const PAUSE: u64 = SECOND / 20;
const TICK: Duration = Duration::from_millis(50);
const PROGRESS: u64 = SECOND / 4;
/// Receive buffer of readers that do not read: the sender's fills sooner.
const SMALL_BUFFER: usize = 4 << 10;
const ATTEMPTS_PER_ADDRESS: u64 = 20_000;
const ADDRESSES: u64 = 200;
