//! Bodies as they arrive.

use crate::connection::Connection;
use crate::wait::Deadline;

/// Where the bytes of a streamed body come from.
pub trait Source: Send {
    /// The next bytes; `None` at the end of the body.
    ///
    /// # Panics
    /// At the deadline, and when the peer broke off in the middle of its framing.
    fn next(&mut self, deadline: Deadline) -> Option<Vec<u8>>;
}

/// An HTTP/1 body on its connection.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) connection: Connection,
    framing: Framing,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Framing {
    /// The connection ends.
    Close,
    /// Bytes that are still to come.
    Length(usize),
    /// Chunks; bytes left of the current one.
    Chunked(usize),
    /// Everything has come.
    Ended,
}

impl Body {
    pub(crate) fn new(connection: Connection, framing: Framing) -> Self {
        Self { connection, framing }
    }
}

impl Source for Body {
    fn next(&mut self, deadline: Deadline) -> Option<Vec<u8>> {
        self.connection.read_body(&mut self.framing, deadline)
    }
}

impl Connection {
    /// The next bytes of a body.
    pub(crate) fn read_body(&mut self, framing: &mut Framing, deadline: Deadline) -> Option<Vec<u8>> {
        match *framing {
            Framing::Ended | Framing::Length(0) => None,
            Framing::Close => self.read(deadline),
            Framing::Length(left) => {
                let bytes = self.read_at_most(left, deadline).expect("the connection ended within a body");
                *framing = Framing::Length(left - bytes.len());
                Some(bytes)
            }
            Framing::Chunked(0) => {
                let size = self.read_line(deadline);
                let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).unwrap();
                if size > 0 {
                    *framing = Framing::Chunked(size);
                    return self.read_body(framing, deadline);
                }
                while !self.read_line(deadline).is_empty() {}
                *framing = Framing::Ended;
                None
            }
            Framing::Chunked(left) => {
                let bytes = self.read_at_most(left, deadline).expect("the connection ended within a chunk");
                if left == bytes.len() {
                    assert!(self.read_line(deadline).is_empty(), "a chunk is longer than it says");
                }
                *framing = Framing::Chunked(left - bytes.len());
                Some(bytes)
            }
        }
    }
}
