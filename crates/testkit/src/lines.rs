//! Reading NDJSON.

use std::fmt;

use serde_json::Value;

use crate::answer::Head;
use crate::body::Source;
use crate::event::Event;
use crate::wait::Deadline;

/// An open stream of JSON objects, one per line.
pub struct Lines {
    /// The head of the answer.
    pub head: Head,
    source: Box<dyn Source>,
    /// Read and not taken yet.
    buffer: Vec<u8>,
    cursor: String,
}

impl Lines {
    /// Reads the body that follows this head.
    pub fn new(head: Head, source: impl Source + 'static) -> Self {
        Self { head, source: Box::new(source), buffer: Vec::new(), cursor: String::new() }
    }

    /// The next line, whatever it says; `None` at the end of the stream.
    ///
    /// # Panics
    /// When neither comes within [`PATIENCE`](crate::PATIENCE), or the line is no JSON.
    #[track_caller]
    pub fn next_value(&mut self) -> Option<Value> {
        self.value_by(Deadline::new())
    }

    #[track_caller]
    fn value_by(&mut self, deadline: Deadline) -> Option<Value> {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                let value: Value = serde_json::from_slice(&line).unwrap();
                if let Some(id) = value["id"].as_str() {
                    id.clone_into(&mut self.cursor);
                }
                return Some(value);
            }
            match self.source.next(deadline) {
                Some(bytes) => self.buffer.extend_from_slice(&bytes),
                None => {
                    assert!(self.buffer.is_empty(), "torn line: {:?}", String::from_utf8_lossy(&self.buffer));
                    return None;
                }
            }
        }
    }

    /// The next event, past lines that only move the cursor.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    #[expect(clippy::should_implement_trait, reason = "it waits, and panics at the end")]
    pub fn next(&mut self) -> Event {
        let deadline = Deadline::new();
        loop {
            let value = self.value_by(deadline).expect("the stream ended");
            if value["event"] != "headwater.cursor" {
                return Event::from_json(&value);
            }
        }
    }

    /// The next events.
    ///
    /// # Panics
    /// When too few come.
    #[track_caller]
    pub fn take(&mut self, count: usize) -> Vec<Event> {
        (0..count).map(|_| self.next()).collect()
    }

    /// The newest id that was read.
    pub fn cursor(&self) -> &str {
        &self.cursor
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("head", &self.head).finish_non_exhaustive()
    }
}
