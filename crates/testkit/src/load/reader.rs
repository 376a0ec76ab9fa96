//! A reader that resumes with the last id it has seen, by stream or by long-poll.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::peer::{Connection, Received};

use super::{History, MARKER};

/// One reader, before or while it reads.
#[derive(Debug)]
pub struct Reader {
    address: SocketAddr,
    topics: &'static [&'static str],
    polls: bool,
    /// What it sends when it resumes.
    cursor: Option<String>,
    seen: Vec<Received>,
    /// Connections that gave it something new.
    connections: usize,
    /// Streams that ended in the middle of a block.
    torn: usize,
    /// Streams that ended with the hub's word for it.
    closed: usize,
}

impl Reader {
    /// One of every kind.
    pub fn kinds(address: SocketAddr) -> Vec<Self> {
        let kinds: [(&'static [&'static str], bool); 5] = [
            (&["**"], false),
            (&["orders/*", "prices/0", MARKER], false),
            (&["prices/3", MARKER], false),
            (&["orders/**", "prices/**", MARKER], true),
            (&["orders/1", MARKER], true),
        ];
        let reader = |(topics, polls)| Self {
            address,
            topics,
            polls,
            cursor: None,
            seen: Vec::new(),
            connections: 0,
            torn: 0,
            closed: 0,
        };
        kinds.map(reader).into()
    }

    /// Reads until the marker.
    ///
    /// # Panics
    /// When it gets nothing any more, or a gap.
    pub fn run(mut self) -> Self {
        let mut alive = Instant::now();
        while self.seen.last().is_none_or(|event| event.topic != MARKER) {
            let before = self.seen.len();
            // An end is what this is about: whatever it was, the reader comes back.
            let end = if self.polls { self.poll() } else { self.stream() };
            if self.seen.len() > before {
                (alive, self.connections) = (Instant::now(), self.connections + 1);
            }
            assert!(alive.elapsed() < 3 * PATIENCE, "{:?} get nothing any more: {end:?}", self.topics);
            thread::sleep(Duration::from_millis(5));
        }
        self
    }

    /// What it saw is the log, as far as its topics go: every event once, in order, and nothing a kill took back.
    ///
    /// # Panics
    /// When it is not.
    pub fn check(&self, history: &History) {
        let mine = history.log.iter().filter(|event| self.wants(&event.topic));
        let mut seen = self.seen.iter();
        for (n, expected) in mine.enumerate() {
            let got = seen.next();
            assert_eq!(got, Some(expected), "event {n} of the reader of {:?}", self.topics);
        }
        assert_eq!(seen.as_slice().len(), 1, "the reader of {:?} saw more than there is", self.topics);
        eprintln!("{:?}: {} events on {} connections", self.topics, self.seen.len(), self.connections);
    }

    /// Streams that ended in the middle of a block.
    pub fn torn(&self) -> usize {
        self.torn
    }

    /// Streams that ended with the hub's word for it.
    pub fn closed(&self) -> usize {
        self.closed
    }

    fn wants(&self, topic: &str) -> bool {
        self.topics.iter().any(|pattern| match pattern.split_once('*') {
            Some((folder, _)) => topic.starts_with(folder),
            None => topic == *pattern,
        })
    }

    fn query(&self) -> String {
        let topics: Vec<String> = self.topics.iter().map(|topic| format!("topic={topic}")).collect();
        format!("?since=earliest&{}", topics.join("&"))
    }

    fn stream(&mut self) -> io::Result<()> {
        let cursor = self.cursor.clone();
        let fields: Vec<_> = cursor.iter().map(|cursor| ("last-event-id", cursor.as_str())).collect();
        let mut stream = Connection::open(self.address)?.subscribe(&self.query(), &fields)?;
        assert_eq!(stream.head.status, 200);
        // An end of any kind is no more than an end: it comes from a kill.
        while let Ok(Some(event)) = stream.events.receive() {
            if event.event == "headwater.closing" {
                self.closed += 1;
                continue;
            }
            self.take(event);
            if self.seen.last().is_some_and(|event| event.topic == MARKER) {
                break;
            }
            stream.events.forget_bytes();
        }
        self.torn += usize::from(stream.events.torn());
        // An id-only block moves the cursor, too.
        if !stream.events.cursor().is_empty() {
            self.cursor = Some(stream.events.cursor().to_owned());
        }
        Ok(())
    }

    fn poll(&mut self) -> io::Result<()> {
        let cursor = self.cursor.iter().map(|cursor| format!("&last_event_id={cursor}"));
        let target = format!("/v1/events{}&wait=2{}", self.query(), cursor.collect::<String>());
        let mut connection = Connection::open(self.address)?;
        let answer = connection.request("GET", &target, &[("accept", "application/json")], b"")?;
        if answer.status() == 503 {
            return Err(io::Error::other("the hub stops"));
        }
        assert_eq!(answer.status(), 200, "{answer:?}");
        let answer = answer.json();
        assert!(answer["gap"].is_null(), "{:?} have a gap: {}", self.topics, answer["gap"]);
        for event in answer["events"].as_array().unwrap() {
            let text = |name: &str| event[name].as_str().unwrap().to_owned();
            self.take(Received { id: text("id"), event: text("event"), topic: text("topic"), data: text("data") });
        }
        self.cursor = Some(answer["cursor"].as_str().unwrap().to_owned());
        Ok(())
    }

    fn take(&mut self, event: Received) {
        assert_eq!(event.event, "message", "for {:?}: {event:?}", self.topics);
        self.seen.push(event);
    }
}
