//! One reader: a socket, how far its answer has been read, and what it has seen.

use std::io::{self, Read as _, Write as _};
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use headwater_event_stream::{Chunk, Decoder};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, SockRef, Socket, Type};

use crate::http::{Framing, Head, Part};
use crate::oracle::Lane;

/// One reader.
pub(crate) struct Stream {
    phase: Phase,
    decoder: Decoder,
    /// By the reader's place of each lane.
    pub(crate) lanes: Box<[Lane]>,
    /// When its connection was begun.
    pub(crate) begun: u64,
}

enum Phase {
    /// No connection.
    Away,
    /// On the way there, with the request to send.
    Connecting(TcpStream, String),
    /// The request is sent; the start of the answer as far as it came.
    Asked(TcpStream, Vec<u8>),
    /// In the stream.
    Open(TcpStream, Framing),
}

/// What became of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing that matters.
    Same,
    /// The head of the answer has come, and it is a stream.
    Opened,
    /// It was open and has ended.
    Ended,
    /// It was not opened, for this reason.
    Failed(String),
}

impl Stream {
    /// Away, having seen nothing.
    pub(crate) fn new(lanes: Box<[Lane]>) -> Self {
        Self { phase: Phase::Away, decoder: Decoder::new(), lanes, begun: 0 }
    }

    /// The cursor: what to resume after.
    pub(crate) fn cursor(&self) -> &str {
        self.decoder.last_event_id()
    }

    /// Whether it has its stream.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(..))
    }

    /// Drops its connection, if there is one: by a reset, which leaves no port behind that waits for a minute.
    pub(crate) fn close(&mut self) {
        let phase = mem::replace(&mut self.phase, Phase::Away);
        if let Phase::Connecting(socket, _) | Phase::Asked(socket, _) | Phase::Open(socket, _) = phase {
            // Without it the port is merely free later.
            let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
        }
    }

    /// Begins to connect.
    pub(crate) fn connect(
        &mut self,
        from: &Route,
        request: String,
        registry: &Registry,
        token: Token,
        now: u64,
    ) -> io::Result<()> {
        let mut socket = from.socket()?;
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        self.decoder.reset();
        self.begun = now;
        self.phase = Phase::Connecting(socket, request);
        Ok(())
    }

    /// The socket can be written: the connection stands, or has failed.
    pub(crate) fn writable(&mut self) -> Progress {
        let Phase::Connecting(socket, request) = &mut self.phase else { return Progress::Same };
        let sent = match socket.take_error() {
            Ok(None) => match socket.peer_addr() {
                // Not yet.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => return Progress::Same,
                // A request fits into an empty buffer.
                _ => socket.write_all(request.as_bytes()),
            },
            Ok(Some(error)) | Err(error) => Err(error),
        };
        match (sent, mem::replace(&mut self.phase, Phase::Away)) {
            (Ok(()), Phase::Connecting(socket, _)) => {
                self.phase = Phase::Asked(socket, Vec::new());
                Progress::Same
            }
            (Err(error), _) => Progress::Failed(error.to_string()),
            (Ok(()), _) => Progress::Same,
        }
    }

    /// The socket can be read: hands the data of every event that has come to `take`.
    ///
    /// `ends` tells that the peer has sent its last byte. `buffer` is shared by all streams.
    pub(crate) fn readable(
        &mut self,
        ends: bool,
        buffer: &mut [u8],
        mut take: impl FnMut(&mut [Lane], &str),
    ) -> Progress {
        let mut progress = Progress::Same;
        loop {
            let (Phase::Asked(socket, _) | Phase::Open(socket, _)) = &mut self.phase else { return progress };
            let read = match socket.read(buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return progress,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return self.ended(&error.to_string()),
            };
            if read == 0 {
                return self.ended("the connection was closed before an answer");
            }
            match self.bytes(&buffer[..read], &mut take) {
                Progress::Same => {}
                Progress::Opened => progress = Progress::Opened,
                end => return end,
            }
            // Less than there was room for: the socket is empty, and says so when that changes.
            if read < buffer.len() && !ends {
                return progress;
            }
        }
    }

    fn bytes(&mut self, bytes: &[u8], take: &mut impl FnMut(&mut [Lane], &str)) -> Progress {
        let Phase::Asked(_, begun) = &mut self.phase else { return self.body(bytes, take) };
        begun.extend_from_slice(bytes);
        let head = match Head::read(begun) {
            Ok(Some(head)) => head,
            Ok(None) if begun.len() < LONGEST_HEAD => return Progress::Same,
            Ok(None) => return self.failed("its head does not end"),
            Err(error) => return self.failed(&error.to_string()),
        };
        if head.status != 200 || !head.content_type.starts_with("text/event-stream") {
            let Head { status, content_type, .. } = head;
            return self.failed(&format!("it answered {status} with `{content_type}`"));
        }
        let Phase::Asked(socket, begun) = mem::replace(&mut self.phase, Phase::Away) else { return Progress::Same };
        self.phase = Phase::Open(socket, head.framing);
        match self.body(&begun[head.len..], take) {
            Progress::Same => Progress::Opened,
            // A stream that ends with its head is no stream: so a full hub sends readers away.
            _ => Progress::Failed("its stream ended at once".to_owned()),
        }
    }

    fn body(&mut self, mut bytes: &[u8], take: &mut impl FnMut(&mut [Lane], &str)) -> Progress {
        loop {
            let Phase::Open(_, framing) = &mut self.phase else { return Progress::Same };
            match framing.next(&mut bytes) {
                Part::Data(data) => {
                    let mut chunk = Chunk::new(data);
                    loop {
                        match self.decoder.decode(&mut chunk) {
                            Ok(Some(event)) => take(&mut self.lanes, event.data),
                            Ok(None) => break,
                            // One event is lost, which shows when the next one comes.
                            Err(_) => {}
                        }
                    }
                }
                Part::More => return Progress::Same,
                Part::End | Part::Invalid => return self.ended(""),
            }
        }
    }

    fn ended(&mut self, reason: &str) -> Progress {
        match mem::replace(&mut self.phase, Phase::Away) {
            Phase::Open(..) => Progress::Ended,
            _ => Progress::Failed(reason.to_owned()),
        }
    }

    fn failed(&mut self, reason: &str) -> Progress {
        self.close();
        Progress::Failed(reason.to_owned())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.close();
    }
}

/// Where a connection goes, and from where.
pub(crate) struct Route {
    pub(crate) to: SocketAddr,
    pub(crate) from: Option<Ipv4Addr>,
    /// Size of the receive buffer; `None`: the system's.
    pub(crate) receive: Option<usize>,
}

impl Route {
    fn socket(&self) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.to), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        if let Some(size) = self.receive {
            socket.set_recv_buffer_size(size)?;
        }
        if let Some(from) = self.from {
            socket.bind(&SocketAddr::from((from, 0)).into())?;
        }
        match socket.connect(&self.to.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => Err(error),
            _ => Ok(TcpStream::from_std(socket.into())),
        }
    }
}

const LONGEST_HEAD: usize = 64 << 10;
