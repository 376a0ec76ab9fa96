//! Reading an event stream.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use headwater_event_stream::{Chunk, Decoder};

use crate::answer::Head;
use crate::body::{Body, Source};
use crate::connection::{Connection, framing};
use crate::event::Event;
use crate::wait::Deadline;

/// An open event stream.
pub struct Sse {
    /// The head of the answer.
    pub head: Head,
    source: Box<dyn Source>,
    decoder: Decoder,
    /// Everything that came.
    raw: Vec<u8>,
    /// Decoded and not taken yet.
    events: VecDeque<Event>,
    over: bool,
}

impl Sse {
    /// Reads the body that follows this head.
    pub fn new(head: Head, source: impl Source + 'static) -> Self {
        let decoder = Decoder::builder().capture("topic").strict_utf8(true).build();
        Self { head, source: Box::new(source), decoder, raw: Vec::new(), events: VecDeque::new(), over: false }
    }

    /// Reads the stream on a connection whose head has been read.
    pub fn reading(head: Head, connection: Connection) -> Self {
        let framing = framing(&head);
        Self::new(head, Body::new(connection, framing))
    }

    /// The next event; `None` at the end of the stream.
    ///
    /// # Panics
    /// When neither comes within [`PATIENCE`](crate::PATIENCE).
    #[track_caller]
    pub fn next_or_end(&mut self) -> Option<Event> {
        let deadline = Deadline::new();
        while self.events.is_empty() && self.read(deadline) {}
        self.events.pop_front()
    }

    /// The next event.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    #[expect(clippy::should_implement_trait, reason = "it waits, and panics at the end")]
    pub fn next(&mut self) -> Event {
        self.next_or_end().unwrap_or_else(|| panic!("the stream ended; it said {:?}", self.raw()))
    }

    /// The next events.
    ///
    /// # Panics
    /// When too few come.
    #[track_caller]
    pub fn take(&mut self, count: usize) -> Vec<Event> {
        (0..count).map(|_| self.next()).collect()
    }

    /// The data of the next events.
    ///
    /// # Panics
    /// When too few come.
    #[track_caller]
    pub fn take_data(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next().data).collect()
    }

    /// The events up to one that fulfils the condition, that one included.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn until(&mut self, mut last: impl FnMut(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            events.push(self.next());
            if last(&events[events.len() - 1]) {
                return events;
            }
        }
    }

    /// The events up to the end of the stream.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.next_or_end()).collect()
    }

    /// The events that have come and were not taken. Does not wait.
    pub fn received(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    /// Reads on until everything that came fulfils the condition, and returns it.
    ///
    /// # Panics
    /// When it never does.
    #[track_caller]
    pub fn until_raw(&mut self, enough: impl Fn(&str) -> bool) -> &str {
        let deadline = Deadline::new();
        while !enough(self.raw()) {
            assert!(self.read(deadline), "the stream ended; it said {:?}", self.raw());
        }
        self.raw()
    }

    /// Reads on until a client's cursor would fulfil the condition, and returns it.
    ///
    /// # Panics
    /// When it never does.
    #[track_caller]
    pub fn until_cursor(&mut self, wanted: impl Fn(&str) -> bool) -> &str {
        let deadline = Deadline::new();
        while !wanted(self.cursor()) {
            assert!(self.read(deadline), "the stream ended; it said {:?}", self.raw());
        }
        self.cursor()
    }

    /// Everything that came so far, read or not.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn raw(&self) -> &str {
        std::str::from_utf8(&self.raw).unwrap()
    }

    /// What a client that has seen everything that came, taken here or not, would send as `Last-Event-ID`.
    pub fn cursor(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// The reconnect delay told last.
    pub fn retry(&self) -> Option<Duration> {
        self.decoder.retry()
    }

    /// Whether it would lose the beginning of a block if it ended here.
    pub fn is_torn(&self) -> bool {
        self.decoder.has_pending()
    }

    #[track_caller]
    fn read(&mut self, deadline: Deadline) -> bool {
        if self.over {
            return false;
        }
        let Some(bytes) = self.source.next(deadline) else {
            self.over = true;
            return false;
        };
        let mut chunk = Chunk::new(&bytes);
        while let Some(event) = self.decoder.decode(&mut chunk).unwrap() {
            self.events.push_back(Event {
                id: event.id.to_owned(),
                event: event.event_type.to_owned(),
                topic: event.field("topic").unwrap_or_default().to_owned(),
                data: event.data.to_owned(),
                ..Event::default()
            });
        }
        self.raw.extend_from_slice(&bytes);
        true
    }
}

impl fmt::Debug for Sse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sse").field("raw", &String::from_utf8_lossy(&self.raw)).finish_non_exhaustive()
    }
}
