//! The body of an answer, whatever frames it.

use std::io::{self, Read};

use super::Head;

/// A body. Read it to its end to go on with its connection.
#[derive(Debug)]
pub struct Body<C> {
    connection: C,
    framing: Framing,
}

#[derive(Debug)]
enum Framing {
    /// As long as the connection.
    Close,
    /// This many bytes are left.
    Length(u64),
    /// This many bytes of the chunk are left; proxies make such bodies, the hub does not for streams.
    Chunked(u64),
    /// Over.
    End,
}

impl<C> Body<C> {
    /// The body that follows this head on this connection.
    pub fn new(connection: C, head: &Head) -> Self {
        let framing = match (head.get("transfer-encoding"), head.get("content-length")) {
            (Some(_), _) => Framing::Chunked(0),
            (None, Some(length)) => Framing::Length(length.parse().unwrap()),
            (None, None) => Framing::Close,
        };
        Self { connection, framing }
    }

    /// The connection it comes from.
    pub fn connection(&self) -> &C {
        &self.connection
    }
}

impl<C: Read> Read for Body<C> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Framing::Chunked(0) = self.framing {
            let size = chunk_size(&mut self.connection)?;
            self.framing = Framing::Chunked(size);
            if size == 0 {
                self.framing = Framing::End;
                line(&mut self.connection)?;
            }
        }
        let (Framing::Length(left) | Framing::Chunked(left)) = &mut self.framing else {
            let over = matches!(self.framing, Framing::End);
            return if over { Ok(0) } else { self.connection.read(out) };
        };
        if *left == 0 {
            return Ok(0);
        }
        let most = out.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
        let n = self.connection.read(&mut out[..most])?;
        if n == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{left} bytes are missing")));
        }
        *left -= n as u64;
        if let Framing::Chunked(0) = self.framing {
            line(&mut self.connection)?;
        }
        Ok(n)
    }
}

fn chunk_size(connection: &mut impl Read) -> io::Result<u64> {
    let text = line(connection)?;
    u64::from_str_radix(text.trim(), 16)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("no size of a chunk: {text:?}")))
}

fn line(connection: &mut impl Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n") {
        let mut byte = [0];
        connection.read_exact(&mut byte)?;
        bytes.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}
