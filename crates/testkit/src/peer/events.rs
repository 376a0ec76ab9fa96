//! An event stream as its reader sees it.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::TcpStream;

use headwater_event_stream::{Chunk, Decoder};

use super::{Body, Connection, Head};

/// One dispatched event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its id; for an event without one the id in force.
    pub id: String,
    /// Its type, `message` when the block names none.
    pub event: String,
    /// Its topic, empty for control events.
    pub topic: String,
    /// Its data.
    pub data: String,
}

/// The events of any source of bytes.
#[derive(Debug)]
pub struct Events<R> {
    source: R,
    decoder: Decoder,
    /// Decoded and not handed out.
    ready: VecDeque<Received>,
    /// Everything received.
    bytes: Vec<u8>,
}

/// An event stream over HTTP/1.
#[derive(Debug)]
pub struct Stream<S = TcpStream> {
    /// The head of the answer.
    pub head: Head,
    /// Its events.
    pub events: Events<Body<Connection<S>>>,
}

/// Why there is no next event.
pub type StreamError = io::Error;

impl Received {
    /// The sequence number in its id.
    ///
    /// # Panics
    /// When its id is not one of the hub's.
    pub fn seq(&self) -> u64 {
        seq(&self.id)
    }

    /// Its data as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

impl<R: Read> Events<R> {
    /// Reads events from `source`.
    pub fn new(source: R) -> Self {
        let decoder = Decoder::builder().capture("topic").strict_utf8(true).build();
        Self { source, decoder, ready: VecDeque::new(), bytes: Vec::new() }
    }

    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// What the source says; a reader that waits too long gets the error of its time limit.
    pub fn receive(&mut self) -> Result<Option<Received>, StreamError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if !self.read_more()? {
                return Ok(None);
            }
        }
    }

    /// The next event.
    ///
    /// # Panics
    /// When there is none, with what was received.
    #[track_caller]
    pub fn expect(&mut self) -> Received {
        match self.receive() {
            Ok(Some(event)) => event,
            other => panic!("{other:?} instead of an event after {:?}", self.text()),
        }
    }

    /// All events to the end of the stream.
    ///
    /// # Errors
    /// As [`Events::receive`].
    pub fn rest(&mut self) -> Result<Vec<Received>, StreamError> {
        std::iter::from_fn(|| self.receive().transpose()).collect()
    }

    /// Reads once; whether there was something.
    ///
    /// # Errors
    /// As [`Events::receive`].
    pub fn read_more(&mut self) -> Result<bool, StreamError> {
        let mut scratch = [0; 16 << 10];
        let n = self.source.read(&mut scratch)?;
        self.bytes.extend_from_slice(&scratch[..n]);
        let mut chunk = Chunk::new(&scratch[..n]);
        while let Some(event) = self.decoder.decode(&mut chunk).map_err(io::Error::other)? {
            self.ready.push_back(Received {
                id: event.id.to_owned(),
                event: event.event_type.to_owned(),
                topic: event.field("topic").unwrap_or_default().to_owned(),
                data: event.data.to_owned(),
            });
        }
        Ok(n > 0)
    }

    /// Reads until the text received so far satisfies `enough`.
    ///
    /// # Panics
    /// When the stream ends or falls silent before.
    #[track_caller]
    pub fn read_until(&mut self, enough: impl Fn(&str) -> bool) {
        while !enough(&self.text()) {
            let more = self.read_more();
            assert!(matches!(more, Ok(true)), "{more:?} after {:?}", self.text());
        }
    }

    /// The last event id in force: what a reconnect sends. Once some bytes hold several events, it is that of the last of
    /// them, handed out or not.
    pub fn cursor(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// Whether an end here tears a block.
    pub fn torn(&self) -> bool {
        self.decoder.has_pending()
    }

    /// Everything received so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Forgets the bytes received so far, for streams that go on for long.
    pub fn forget_bytes(&mut self) {
        self.bytes.clear();
    }

    /// Where the bytes come from.
    pub fn source(&self) -> &R {
        &self.source
    }
}

impl<S: Read> Stream<S> {
    pub(super) fn new(head: Head, body: Body<Connection<S>>) -> Self {
        Self { head, events: Events::new(body) }
    }
}

impl<S: Read + io::Write> Stream<S> {
    /// The socket below.
    pub fn socket(&self) -> &S {
        self.events.source().connection().stream()
    }
}

/// The sequence number in an event id.
///
/// # Panics
/// When it is not one of the hub's.
fn seq(id: &str) -> u64 {
    id.split_once('-').and_then(|(seq, _)| seq.parse().ok()).unwrap_or_else(|| panic!("no id of the hub: {id:?}"))
}
