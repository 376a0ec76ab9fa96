//! A server of event streams that does nothing by itself.
//!
//! It accepts connections and reads requests; what is answered, when, in what pieces and how it ends is written by the
//! test, attempt by attempt.

use std::io::{BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::PATIENCE;
use crate::incoming::Incoming;

/// A scripted server on loopback. Connections that are open when it is dropped stay with their [`Attempt`]s.
#[derive(Debug)]
pub struct StreamServer {
    address: SocketAddr,
    sender: Sender<Attempt>,
    attempts: Receiver<Attempt>,
    /// The thread that accepts, and how it is told to stop; none while connections are refused.
    listening: Option<(JoinHandle<()>, Arc<AtomicBool>)>,
}

/// A request for a stream, and the connection it came on. The connection ends when this is dropped.
#[derive(Debug)]
pub struct Attempt {
    /// What was asked.
    pub request: Incoming,
    /// When all of it was there.
    pub arrived: Instant,
    stream: TcpStream,
    framing: Framing,
}

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// Each write is a chunk, so that its border is seen whatever the network does.
    Chunked,
    /// The connection ends.
    Close,
}

impl StreamServer {
    /// A server on a free port.
    ///
    /// # Panics
    /// When the system gives none.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (sender, attempts) = channel();
        let address = listener.local_addr().unwrap();
        let listening = Some(accept(listener, sender.clone()));
        Self { address, sender, attempts, listening }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next attempt.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn attempt(&self) -> Attempt {
        match self.attempts.recv_timeout(PATIENCE) {
            Ok(attempt) => attempt,
            Err(RecvTimeoutError::Timeout) => panic!("nobody asked for a stream for {PATIENCE:?}"),
            Err(RecvTimeoutError::Disconnected) => unreachable!("the server holds a sender itself"),
        }
    }

    /// Checks that there has been no attempt beside those taken.
    ///
    /// # Panics
    /// When there was one.
    #[track_caller]
    pub fn expect_no_attempt(&self) {
        if let Ok(attempt) = self.attempts.try_recv() {
            panic!("nobody was to ask: {:?}", attempt.request);
        }
    }

    /// From now on connections are refused.
    ///
    /// # Panics
    /// When accepting ended in a panic.
    pub fn refuse(&mut self) {
        if let Some((thread, stop)) = self.listening.take() {
            stop.store(true, Ordering::SeqCst);
            // Wakes the thread. Whatever comes of it, it has come back from accepting.
            drop(TcpStream::connect(self.address));
            thread.join().unwrap();
        }
    }

    /// From now on they are accepted again, at the same address.
    ///
    /// # Panics
    /// When somebody else has taken it.
    pub fn accept(&mut self) {
        self.refuse();
        self.listening = Some(accept(TcpListener::bind(self.address).unwrap(), self.sender.clone()));
    }
}

impl Drop for StreamServer {
    fn drop(&mut self) {
        self.refuse();
    }
}

impl Attempt {
    /// The cursor in its header.
    #[track_caller]
    pub fn cursor(&self) -> Option<&str> {
        self.request.header("last-event-id")
    }

    /// The cursor in its query, still encoded.
    pub fn query_cursor(&self) -> Option<&str> {
        let (_, query) = self.request.target.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix("last_event_id="))
    }

    /// Answers with an event stream, each write a chunk of it.
    pub fn open(&mut self) {
        self.open_with(&[]);
    }

    /// The same with more header lines.
    pub fn open_with(&mut self, fields: &[&str]) {
        self.framing = Framing::Chunked;
        self.head(200, &[&["Content-Type: text/event-stream", "Transfer-Encoding: chunked"], fields].concat());
    }

    /// Answers with an event stream that lasts as long as the connection.
    pub fn open_until_close(&mut self) {
        self.framing = Framing::Close;
        self.head(200, &["Content-Type: text/event-stream"]);
    }

    /// Answers with an event stream on a connection that is to be kept, so that its end is never that of the stream:
    /// where a connection is said to close, some clients do not mind a chunk that is missing.
    pub fn open_to_break(&mut self) {
        self.framing = Framing::Chunked;
        self.write_raw(
            b"HTTP/1.1 200 Scripted\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
    }

    /// Answers and ends the connection.
    pub fn answer(mut self, status: u16, fields: &[&str], body: &str) {
        let length = format!("Content-Length: {}", body.len());
        // These have no body and no field that says so.
        let length: &[&str] = if matches!(status, 204 | 304) { &[] } else { &[&length] };
        self.head(status, &[fields, length].concat());
        self.write_raw(body.as_bytes());
    }

    /// Answers with JSON.
    pub fn answer_json(self, value: &serde_json::Value) {
        self.answer(200, &["Content-Type: application/json"], &value.to_string());
    }

    /// Writes the head of an answer.
    pub fn head(&mut self, status: u16, fields: &[&str]) {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\nConnection: close\r\n");
        fields.iter().for_each(|field| head.push_str(&format!("{field}\r\n")));
        self.write_raw(format!("{head}\r\n").as_bytes());
    }

    /// Writes a piece of the stream.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        if self.framing == Framing::Chunked && !bytes.is_empty() {
            let size = format!("{:x}\r\n", bytes.len());
            self.write_raw(&[size.as_bytes(), bytes, b"\r\n"].concat());
        } else {
            self.write_raw(bytes);
        }
    }

    /// Writes a part of the stream in pieces of this size.
    pub fn write_in_pieces(&mut self, bytes: impl AsRef<[u8]>, size: usize) {
        bytes.as_ref().chunks(size).for_each(|piece| self.write(piece));
    }

    /// Writes these bytes and no others.
    ///
    /// # Panics
    /// When the client does not take them, other than by leaving, which is part of some tests.
    pub fn write_raw(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            let kind = error.kind();
            assert!(kind == ErrorKind::BrokenPipe || kind == ErrorKind::ConnectionReset, "cannot write: {error}");
        }
    }

    /// Writes as much of these bytes as the client takes, until it has taken nothing for `quiet`; their number.
    ///
    /// # Panics
    /// When the client leaves.
    pub fn offer(&mut self, bytes: &[u8], quiet: Duration) -> usize {
        self.stream.set_write_timeout(Some(quiet)).unwrap();
        let mut taken = 0;
        while taken < bytes.len() {
            match self.stream.write(&bytes[taken..]) {
                Ok(more) => taken += more,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) => panic!("cannot write: {error}"),
            }
        }
        self.stream.set_write_timeout(Some(PATIENCE)).unwrap();
        taken
    }

    /// Ends the stream as it should be.
    pub fn finish(mut self) {
        if self.framing == Framing::Chunked {
            self.write_raw(b"0\r\n\r\n");
        }
    }

    /// Ends the connection where it is: in the middle of a stream of chunks, or at the end of one without.
    pub fn hang_up(self) {}

    /// Ends the connection with a reset.
    ///
    /// # Panics
    /// When the system does not do it.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Waits for the client to leave; when it had.
    ///
    /// # Panics
    /// When it stays.
    #[track_caller]
    pub fn until_left(mut self) -> Instant {
        // Whatever the client still says is read and dropped.
        let mut room = [0; 1024];
        loop {
            match self.stream.read(&mut room) {
                Ok(0) => return Instant::now(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Instant::now(),
                Err(error) => panic!("the client has not left: {error}"),
            }
        }
    }
}

/// Accepts connections until told to stop, and reads one request from each.
fn accept(listener: TcpListener, sender: Sender<Attempt>) -> (JoinHandle<()>, Arc<AtomicBool>) {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let thread = thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if stopped.load(Ordering::SeqCst) {
                return;
            }
            let sender = sender.clone();
            thread::spawn(move || {
                if let Some(attempt) = read(stream) {
                    // A test that is over takes no more.
                    let _ = sender.send(attempt);
                }
            });
        }
    });
    (thread, stop)
}

/// The request, unless the client leaves before it is whole.
fn read(stream: TcpStream) -> Option<Attempt> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let request = Incoming::read(&mut reader).ok()??;
    // From here on the test waits, and not for ever.
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    Some(Attempt { request, arrived: Instant::now(), stream, framing: Framing::Close })
}
