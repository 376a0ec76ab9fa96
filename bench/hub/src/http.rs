//! Just enough HTTP/1.1 to measure with.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads its answer away; fails unless the status is 201.
    pub(crate) async fn post(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some(end) = self.buffer.windows(4).position(|end| end == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
            let length =
                head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
            if self.buffer.len() < end + 4 + length.unwrap_or(0) {
                continue;
            }
            return match head.starts_with("http/1.1 201") {
                true => Ok(()),
                false => Err(io::Error::other(String::from_utf8_lossy(&self.buffer).into_owned())),
            };
        }
    }

    /// Sends a request whose answer is a stream.
    pub(crate) async fn get(mut self, target: &str) -> io::Result<TcpStream> {
        self.stream
            .write_all(
                format!("GET {target} HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n").as_bytes(),
            )
            .await?;
        Ok(self.stream)
    }
}

/// A POST request.
pub(crate) fn request(target: &str, media: &str, body: &str) -> Vec<u8> {
    format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
