//! One HTTP/1 connection, used by one thread.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::{Body, Head, Response, Stream};
use crate::PATIENCE;

/// A connection. Reads give up after [`PATIENCE`] without a byte.
#[derive(Debug)]
pub struct Connection<S = TcpStream> {
    stream: S,
    /// Received and not read yet.
    unread: Vec<u8>,
}

impl Connection<TcpStream> {
    /// Connects from another address of this machine, as somebody else.
    ///
    /// # Errors
    /// What the system says.
    pub fn open_from(from: [u8; 4], address: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((from, 0)).into())?;
        socket.connect_timeout(&address.into(), PATIENCE)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::over(stream))
    }

    /// Connects.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::over(stream))
    }
}

impl<S: Read + Write> Connection<S> {
    /// A connection over what is connected already.
    pub fn over(stream: S) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// What it runs over.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// What it runs over, without what was received and not read.
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// What the system says, or that the peer answered no HTTP.
    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        self.send(&request(method, target, fields, Some(body)))?;
        self.response()
    }

    /// Publishes one event.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub fn publish(&mut self, topic: &str, data: &str) -> io::Result<Response> {
        self.request("POST", &format!("/v1/topics/{topic}"), &[], data.as_bytes())
    }

    /// Asks with GET.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub fn get(&mut self, target: &str) -> io::Result<Response> {
        self.send(&request("GET", target, &[], None))?;
        self.response()
    }

    /// Asks for an event stream; `target` begins with the `?` of the query or the `/` of the path.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub fn subscribe(mut self, target: &str, fields: &[(&str, &str)]) -> io::Result<Stream<S>> {
        let target = if target.starts_with('?') { format!("/v1/events{target}") } else { target.to_owned() };
        self.send(&request("GET", &target, fields, None))?;
        let head = self.head()?;
        let body = Body::new(self, &head);
        Ok(Stream::new(head, body))
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub fn response(&mut self) -> io::Result<Response> {
        let head = self.head()?;
        let mut body = Vec::new();
        if !matches!(head.status, 204 | 304) {
            Body::new(&mut *self, &head).read_to_end(&mut body)?;
        }
        Ok(Response { head, body })
    }

    /// Reads the head of an answer.
    ///
    /// # Errors
    /// As [`Connection::request`].
    pub fn head(&mut self) -> io::Result<Head> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Head::parse(&head[..head.len() - 4])
    }
}

impl<S: Read> Read for Connection<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() {
            let mut scratch = [0; 16 << 10];
            let n = loop {
                match self.stream.read(&mut scratch) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => break other?,
                }
            };
            self.unread.extend_from_slice(&scratch[..n]);
        }
        let n = self.unread.len().min(out.len());
        out[..n].copy_from_slice(&self.unread[..n]);
        self.unread.drain(..n);
        Ok(n)
    }
}

fn request(method: &str, target: &str, fields: &[(&str, &str)], body: Option<&[u8]>) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body.unwrap_or_default());
    bytes
}
