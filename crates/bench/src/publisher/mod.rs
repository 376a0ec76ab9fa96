//! The publishing side: one thread, one event loop, kept-alive connections with one event on its way in each.
//!
//! A lane belongs to one connection, so its events are answered in the order of their numbers. Paced events are due by a
//! timetable that does not wait for the target: an event that must queue behind a late answer is late from when it was due
//! (no coordinated omission).

mod connection;

use std::collections::VecDeque;
use std::time::Duration;
use std::{io, thread};

use mio::{Events, Poll, Token};

use self::connection::{Answer, Connection};
use crate::clock::{self, SECOND};
use crate::latency::Latencies;
use crate::layout::Layout;
use crate::payload::Payload;
use crate::target::Publish;
use crate::template::{Template, Values};
use crate::{BenchError, Pace};

/// Publishes the events of a run; knows how many of each lane were taken.
pub(crate) struct Publisher {
    target: Publish,
    run: u32,
    size: usize,
    topic: Template,
    layout: Layout,
    poll: Poll,
    links: Vec<Link>,
    /// Events taken, by lane: the number of the next.
    counts: Vec<u64>,
    /// Room for the parts of a request.
    text: Text,
}

/// A connection and what it has to do.
struct Link {
    connection: Connection,
    /// What is on its way: lane, and when it was sent.
    sent: Option<(usize, u64)>,
    /// What is due, and since when.
    queue: VecDeque<(usize, u64)>,
    /// Number of the next lane it takes where nothing is due by time; its lanes are this and every so many on.
    next: usize,
}

#[derive(Default)]
struct Text {
    name: String,
    payload: String,
    body: String,
    request: String,
}

/// How long to publish.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// By the clock: figures are taken from `measured` to `end`.
    Time { measured: u64, end: u64 },
    /// Until each topic has had this many more events.
    Count(u64),
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Published {
    /// Events taken while it was measured.
    pub(crate) events: u64,
    /// From sending to the answer.
    pub(crate) latency: Latencies,
    /// Events the target asked to send again later.
    pub(crate) refused: u64,
    /// Most events that were due and not sent yet.
    pub(crate) backlog: u64,
}

impl Publisher {
    /// Opens `connections` to the target.
    pub(crate) fn connect(
        target: &Publish,
        (run, size, topic): (u32, usize, &Template),
        layout: Layout,
        connections: u32,
    ) -> Result<Self, BenchError> {
        let poll = Poll::new().map_err(BenchError::system("make an event loop"))?;
        let connections = (connections as usize).min(layout.all_lanes());
        let mut links = Vec::new();
        for index in 0..connections {
            let connection = Connection::open(target.address, poll.registry(), Token(index))
                .map_err(|error| BenchError::Down { address: target.address, error })?;
            links.push(Link { connection, sent: None, queue: VecDeque::new(), next: index });
        }
        Ok(Self {
            target: target.clone(),
            run,
            size,
            topic: topic.clone(),
            layout,
            poll,
            links,
            counts: vec![0; layout.all_lanes()],
            text: Text::default(),
        })
    }

    /// Events taken so far, by lane.
    pub(crate) fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Publishes, and waits for the last answer.
    pub(crate) fn run(&mut self, pace: Pace, until: Until) -> Result<Published, BenchError> {
        let mut published = Published { events: 0, latency: Latencies::new(), refused: 0, backlog: 0 };
        let mut timetable = Timetable::new(pace, until, self.layout, &self.counts);
        let mut events = Events::with_capacity(256);
        loop {
            let now = clock::now();
            timetable.due(now, |lane, due| {
                let connections = self.links.len();
                self.links[lane % connections].queue.push_back((lane, due));
            });
            if timetable.is_given_up(now) {
                self.links.iter_mut().for_each(|link| link.queue.clear());
            }
            let queued = self.links.iter().map(|link| link.queue.len() as u64).sum();
            published.backlog = published.backlog.max(queued);
            for index in 0..self.links.len() {
                self.send_next(index, &timetable, now)?;
            }
            let open = self.links.iter().any(|link| link.sent.is_some());
            if !open && timetable.is_over(now) && self.links.iter().all(|link| link.queue.is_empty()) {
                return Ok(published);
            }
            let wait = timetable.next_due().map_or(PATIENCE, |next| Duration::from_nanos(next.saturating_sub(now)));
            // The system's waits are rounded up to milliseconds; what is shorter is slept.
            if wait < MILLISECOND {
                thread::sleep(if open { wait.min(MILLISECOND / 8) } else { wait });
            }
            let wait = wait.saturating_sub(MILLISECOND).min(TICK);
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled.map_err(BenchError::system("wait for answers"))?,
            }
            for event in &events {
                self.answers(event.token().0, &timetable, &mut published)?;
            }
            self.check_patience()?;
        }
    }

    /// Sends what is next on a connection that waits for nothing.
    fn send_next(&mut self, index: usize, timetable: &Timetable, now: u64) -> Result<(), BenchError> {
        let connections = self.links.len();
        let link = &mut self.links[index];
        if link.sent.is_some() {
            return Ok(());
        }
        let next = link.queue.pop_front().or_else(|| {
            let lane = timetable.next_lane(index, link.next, connections, now, &self.counts)?;
            link.next = if lane + connections < self.counts.len() { lane + connections } else { index };
            Some((lane, clock::now()))
        });
        let Some((lane, due)) = next else { return Ok(()) };
        let (topic, number) = self.layout.of_lane(lane);
        let Text { name, payload, body, request } = &mut self.text;
        [&mut *name, &mut *payload, &mut *request].into_iter().for_each(String::clear);
        let run = format!("{:08x}", self.run);
        self.topic.fill(&Values { topic: &topic.to_string(), run: &run, ..Values::default() }, name);
        Payload { run: self.run, topic, lane: number, sequence: self.counts[lane], due }.write(self.size, payload);
        self.target.request(&Values { topic: name, payload, run: &run, reader: "" }, body, request);
        link.sent = Some((lane, clock::now()));
        let sent = link.connection.send(request.as_bytes(), self.poll.registry(), Token(index));
        sent.map_err(|error| self.refused(&format!("the connection failed ({error})")))
    }

    /// Takes the answers that have come on a connection.
    fn answers(&mut self, index: usize, timetable: &Timetable, published: &mut Published) -> Result<(), BenchError> {
        let Some(link) = self.links.get_mut(index) else { return Ok(()) };
        let answer = match link.connection.ready() {
            Ok(Some(answer)) => answer,
            Ok(None) => return Ok(()),
            Err(error) => return Err(self.refused(&error.to_string())),
        };
        let Some((lane, sent)) = link.sent.take() else { return Ok(()) };
        let Answer { status, body } = answer;
        match status {
            200..=299 => {
                self.counts[lane] += 1;
                let now = clock::now();
                if timetable.measures(now) {
                    published.events += 1;
                    published.latency.record(now.saturating_sub(sent));
                }
            }
            // It is to come again, as the next of its lane.
            429 | 503 => {
                published.refused += 1;
                link.queue.push_front((lane, sent));
            }
            _ => return Err(self.refused(&format!("it answered {status} {body}"))),
        }
        Ok(())
    }

    fn check_patience(&self) -> Result<(), BenchError> {
        let limit = clock::now().saturating_sub(clock::nanos(PATIENCE));
        let late = self.links.iter().any(|link| link.sent.is_some_and(|(_, sent)| sent < limit));
        if late { Err(self.refused(&format!("no answer within {} s", PATIENCE.as_secs()))) } else { Ok(()) }
    }

    fn refused(&self, found: &str) -> BenchError {
        BenchError::NotPublished { url: self.target.url.clone(), found: found.trim().to_owned() }
    }
}

/// What is due when.
struct Timetable {
    until: Until,
    layout: Layout,
    /// Nanoseconds between two events over all topics; `None`: as fast as answers come.
    interval: Option<f64>,
    start: u64,
    /// Events that were due so far.
    passed: u64,
    /// The numbers lanes end at, for [`Until::Count`].
    ends: Vec<u64>,
}

impl Timetable {
    fn new(pace: Pace, until: Until, layout: Layout, counts: &[u64]) -> Self {
        let interval = match pace {
            Pace::Rate(rate) => Some(SECOND as f64 / (rate * f64::from(layout.topics))),
            Pace::Closed => None,
        };
        let ends = match until {
            // The first lanes of a topic take what does not come out even.
            Until::Count(more) => {
                let share =
                    |lane| (more + u64::from(layout.lanes - 1 - layout.of_lane(lane).1)) / u64::from(layout.lanes);
                counts.iter().enumerate().map(|(lane, count)| count + share(lane)).collect()
            }
            Until::Time { .. } => Vec::new(),
        };
        Self { until, layout, interval, start: clock::now(), passed: 0, ends }
    }

    /// Hands out what is due by now. Topics take turns, and so do the lanes of a topic.
    fn due(&mut self, now: u64, mut take: impl FnMut(usize, u64)) {
        while let Some(due) = self.next_due().filter(|due| *due <= now) {
            let topics = u64::from(self.layout.topics);
            let lane = (self.passed / topics) % u64::from(self.layout.lanes);
            let topic = self.passed % topics;
            take(self.layout.lane(topic as u32, lane as u32), due);
            self.passed += 1;
        }
    }

    /// When the next event is due; `None` when there is none, or it depends on answers.
    fn next_due(&self) -> Option<u64> {
        let due = self.start + (self.passed as f64 * self.interval?) as u64;
        match self.until {
            Until::Time { end, .. } if due >= end => None,
            Until::Count(each) if self.passed >= each * u64::from(self.layout.topics) => None,
            Until::Time { .. } | Until::Count(_) => Some(due),
        }
    }

    /// The lane a free connection takes, if events come as fast as answers: the next of its own that is not at its end.
    fn next_lane(&self, link: usize, from: usize, step: usize, now: u64, counts: &[u64]) -> Option<usize> {
        if self.interval.is_some() {
            return None;
        }
        match self.until {
            Until::Time { end, .. } => (now < end).then_some(from),
            Until::Count(_) => {
                let own = (from..counts.len()).step_by(step).chain((link..from).step_by(step));
                own.into_iter().find(|lane| counts[*lane] < self.ends[*lane])
            }
        }
    }

    fn is_over(&self, now: u64) -> bool {
        match self.until {
            Until::Time { end, .. } => now >= end || (self.interval.is_some() && self.next_due().is_none()),
            // Nothing is on its way and nobody has found a lane.
            Until::Count(_) => self.next_due().is_none(),
        }
    }

    /// What was due by the clock and is still not sent has missed its chance.
    fn is_given_up(&self, now: u64) -> bool {
        matches!(self.until, Until::Time { end, .. } if now > end + clock::nanos(PATIENCE) / 4)
    }

    const fn measures(&self, now: u64) -> bool {
        match self.until {
            Until::Time { measured, end } => measured <= now && now < end,
            Until::Count(_) => true,
        }
    }
}

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);
const MILLISECOND: Duration = Duration::from_millis(1);
const TICK: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::{Timetable, Until};
    use crate::Pace;
    use crate::clock::SECOND;
    use crate::layout::Layout;

    const LAYOUT: Layout = Layout { topics: 2, lanes: 2, per_reader: 1 };

    #[test]
    fn topics_and_lanes_take_turns_at_even_distances() {
        let mut timetable =
            Timetable::new(Pace::Rate(5.0), Until::Time { measured: 0, end: u64::MAX }, LAYOUT, &[0; 4]);
        let (start, mut due) = (timetable.start, Vec::new());
        timetable.due(start + SECOND / 2, |lane, at| due.push((lane, (at - start) / 1_000_000)));
        assert_eq!(due, [(0, 0), (2, 100), (1, 200), (3, 300), (0, 400), (2, 500)]);
        assert_eq!(timetable.next_due(), Some(start + 6 * SECOND / 10));
    }

    #[test]
    fn a_count_ends_each_lane() {
        let timetable = Timetable::new(Pace::Closed, Until::Count(5), LAYOUT, &[1, 1, 0, 0]);
        assert_eq!(timetable.ends, [4, 3, 3, 2]);
        let next = |from, counts: &[u64]| timetable.next_lane(0, from, 2, 0, counts);
        assert_eq!(next(0, &[1, 1, 0, 0]), Some(0));
        assert_eq!(next(2, &[3, 3, 3, 2]), Some(0));
        assert_eq!(next(2, &[4, 3, 3, 2]), None);
        assert!(timetable.is_over(0));
    }
}
