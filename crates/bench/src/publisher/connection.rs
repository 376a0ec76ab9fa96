//! A kept-alive connection: one request, one answer, and a new connection where the peer wants one.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream as Blocking};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::http::{Framing, Head, Part};

/// A connection to publish over.
pub(super) struct Connection {
    address: SocketAddr,
    socket: TcpStream,
    /// What of the request is not sent yet.
    unsent: Vec<u8>,
    /// What has come of the answer.
    received: Vec<u8>,
    /// An answer is owed.
    waiting: bool,
    /// The peer has closed, or will after the last answer.
    closed: bool,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The beginning of its body, for messages.
    pub(super) body: String,
}

impl Connection {
    /// Connects; waits for it, at most five seconds.
    pub(super) fn open(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let socket = connect(address, registry, token)?;
        Ok(Self { address, socket, unsent: Vec::new(), received: Vec::new(), waiting: false, closed: false })
    }

    /// Sends a request, or as much of it as goes.
    pub(super) fn send(&mut self, request: &[u8], registry: &Registry, token: Token) -> io::Result<()> {
        if self.closed {
            registry.deregister(&mut self.socket)?;
            self.socket = connect(self.address, registry, token)?;
            self.closed = false;
        }
        self.received.clear();
        self.unsent.clear();
        self.unsent.extend_from_slice(request);
        self.waiting = true;
        self.flush()
    }

    /// The socket is ready for something: the answer, when it is complete.
    pub(super) fn ready(&mut self) -> io::Result<Option<Answer>> {
        self.flush()?;
        let mut buffer = [0; 8 << 10];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => {
                    self.closed = true;
                    return match self.answer(true)? {
                        None if self.waiting => {
                            Err(io::Error::other("it closed the connection before the end of an answer"))
                        }
                        answer => Ok(answer),
                    };
                }
                Ok(read) => self.received.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.answer(false),
                Err(error) => return Err(error),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.socket.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The answer in what was received, if it is whole; at the end of the connection it may be by that.
    fn answer(&mut self, ended: bool) -> io::Result<Option<Answer>> {
        let Some(mut head) = Head::read(&self.received).map_err(io::Error::other)? else { return Ok(None) };
        let mut rest = &self.received[head.len..];
        let mut body = Vec::new();
        loop {
            match head.framing.next(&mut rest) {
                Part::Data(data) => body.extend_from_slice(data),
                Part::End => break,
                Part::More if ended && head.framing == Framing::Close => break,
                Part::More => return Ok(None),
                Part::Invalid => return Err(io::Error::other("its answer is not chunked as it says")),
            }
        }
        self.waiting = false;
        self.closed |= head.closes;
        body.truncate(LONGEST_MESSAGE);
        self.received.clear();
        Ok(Some(Answer { status: head.status, body: String::from_utf8_lossy(&body).into_owned() }))
    }
}

fn connect(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<TcpStream> {
    let socket = Blocking::connect_timeout(&address, Duration::from_secs(5))?;
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    let mut socket = TcpStream::from_std(socket);
    registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(socket)
}

const LONGEST_MESSAGE: usize = 200;
