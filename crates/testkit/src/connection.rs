//! One TCP connection to a hub, to be used or abused.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::answer::{Answer, Head};
use crate::body::Framing;
use crate::request::Request;
use crate::wait::{Deadline, PATIENCE};

/// A connection. Reading waits no longer than [`PATIENCE`].
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    host: String,
    /// Read and not taken yet.
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect_timeout(&address, PATIENCE).unwrap(), address)
    }

    /// Connects with a receive buffer of about this size, so that a peer that does not read is noticed after few bytes.
    ///
    /// # Panics
    /// When nobody listens.
    pub fn with_receive_buffer(address: SocketAddr, bytes: usize) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        // Before the handshake, which tells the other side the window.
        socket.set_recv_buffer_size(bytes).unwrap();
        socket.connect_timeout(&address.into(), PATIENCE).unwrap();
        Self::of(socket.into(), address)
    }

    fn of(stream: TcpStream, address: SocketAddr) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, host: address.to_string(), buffer: Vec::new() }
    }

    /// Writes these bytes and no others.
    ///
    /// # Panics
    /// When the other side has gone.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Writes these bytes as far as the other side takes them; whether it took all.
    pub fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Writes a request.
    pub fn request(&mut self, request: &Request) {
        // The other side may refuse and close before it has all; what it answers is still there to be read.
        self.try_write(request.bytes(&self.host));
    }

    /// Writes a request and reads its answer; the connection can be used again.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn send(&mut self, request: &Request) -> Answer {
        self.request(request);
        self.answer_to(&request.method)
    }

    /// Like [`Connection::send`], for a hub that may be killed: `None` when the connection ends without an answer.
    ///
    /// # Panics
    /// When the connection stays open and silent.
    pub fn try_send(&mut self, request: &Request) -> Option<Answer> {
        let sent = self.try_write(request.bytes(&self.host));
        let deadline = Deadline::new();
        while sent && !self.buffer.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            if !self.fill(deadline) {
                return None;
            }
        }
        let head = sent.then(|| self.head())?;
        let mut framing = framing(&head);
        let Framing::Length(length) = framing else { return None };
        while self.buffer.len() < length {
            if !self.fill(deadline) {
                return None;
            }
        }
        let body = self.read_body(&mut framing, deadline).unwrap_or_default();
        Some(Answer { head, body })
    }

    /// Reads an answer.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        self.answer_to("GET")
    }

    #[track_caller]
    fn answer_to(&mut self, method: &str) -> Answer {
        let head = self.head();
        let mut framing = if method == "HEAD" { Framing::Ended } else { framing(&head) };
        let (mut body, deadline) = (Vec::new(), Deadline::new());
        while let Some(bytes) = self.read_body(&mut framing, deadline) {
            body.extend_from_slice(&bytes);
        }
        Answer { head, body }
    }

    /// Reads the head of an answer.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn head(&mut self) -> Head {
        let deadline = Deadline::new();
        loop {
            if let Some(at) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..at + 4).collect();
                // An interim answer is not what anybody asked for.
                match Head::parse(&head) {
                    head if head.status == 100 => continue,
                    head => return head,
                }
            }
            assert!(
                self.fill(deadline),
                "the connection ended before the head of an answer: {:?}",
                String::from_utf8_lossy(&self.buffer)
            );
        }
    }

    /// The next bytes of any number; `None` when the other side has ended the connection.
    ///
    /// # Panics
    /// At the deadline.
    #[track_caller]
    pub fn read(&mut self, deadline: Deadline) -> Option<Vec<u8>> {
        self.read_at_most(usize::MAX, deadline)
    }

    #[track_caller]
    pub(crate) fn read_at_most(&mut self, most: usize, deadline: Deadline) -> Option<Vec<u8>> {
        if self.buffer.is_empty() && !self.fill(deadline) {
            return None;
        }
        Some(self.buffer.drain(..most.min(self.buffer.len())).collect())
    }

    /// A line without its CR LF.
    #[track_caller]
    pub(crate) fn read_line(&mut self, deadline: Deadline) -> String {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|bytes| bytes == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..at + 2).collect();
                return String::from_utf8_lossy(&line[..at]).into_owned();
            }
            assert!(self.fill(deadline), "the connection ended within a line");
        }
    }

    /// Everything up to the end of the connection.
    ///
    /// # Panics
    /// When the other side does not end it.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let (mut all, deadline) = (Vec::new(), Deadline::new());
        while let Some(bytes) = self.read(deadline) {
            all.extend_from_slice(&bytes);
        }
        all
    }

    /// Reads more into the buffer; whether there was more. A reset is an end.
    #[track_caller]
    fn fill(&mut self, deadline: Deadline) -> bool {
        let mut bytes = [0; 16 << 10];
        loop {
            let Some(left) = deadline.left() else {
                panic!("nothing came for too long; unread: {:?}", String::from_utf8_lossy(&self.buffer))
            };
            self.stream.set_read_timeout(Some(left)).unwrap();
            match self.stream.read(&mut bytes) {
                Ok(0) => return false,
                Ok(read) => {
                    self.buffer.extend_from_slice(&bytes[..read]);
                    return true;
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
                Err(error) => panic!("cannot read: {error}"),
            }
        }
    }

    /// Whether the other side has ended the connection and everything it sent was read. Does not wait.
    pub fn is_over(&mut self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        self.buffer.is_empty()
            && match peeked {
                Ok(read) => read == 0,
                Err(error) => error.kind() != ErrorKind::WouldBlock,
            }
    }

    /// Says that nothing more is written, and goes on reading.
    pub fn finish_writing(&self) {
        // It may be over already.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection with a reset instead of a goodbye.
    ///
    /// # Panics
    /// When the system does not do it.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// The socket itself.
    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }
}

/// How the body after this head ends.
pub(crate) fn framing(head: &Head) -> Framing {
    if head.status == 204 || head.status == 304 {
        return Framing::Ended;
    }
    if head.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        return Framing::Chunked(0);
    }
    match head.header("content-length") {
        Some(length) => Framing::Length(length.parse().unwrap()),
        None => Framing::Close,
    }
}
