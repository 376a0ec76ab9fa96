//! Requests, exactly as they arrive at a server of the test's own.

use std::io::{self, BufRead, Read as _};

use crate::fields::single;

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// GET, or another.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Name and value of each field, in their order, names as they came.
    pub fields: Vec<(String, String)>,
    /// Its body, without framing.
    pub body: Vec<u8>,
}

impl Incoming {
    /// Reads one; `None` when the other side ends the connection instead.
    ///
    /// # Errors
    /// What the socket says, and `InvalidData` for what is no HTTP/1 request.
    pub(crate) fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(first) = line(stream)? else { return Ok(None) };
        let mut words = first.split(' ').map(str::to_owned);
        let (Some(method), Some(target)) = (words.next(), words.next()) else { return Err(no_request(&first)) };
        let mut fields = Vec::new();
        loop {
            let field = line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if field.is_empty() {
                break;
            }
            let (name, value) = field.split_once(':').ok_or_else(|| no_request(&field))?;
            fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
        let mut incoming = Self { method, target, fields, body: Vec::new() };
        incoming.body = incoming.read_body(stream)?;
        Ok(Some(incoming))
    }

    /// The value of a field that stands once or not at all.
    ///
    /// # Panics
    /// When it stands several times.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        single(&self.fields, name)
    }

    fn read_body(&self, stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = line(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
                let size = u64::from_str_radix(&size, 16).map_err(|_| no_request(&size))?;
                stream.by_ref().take(size).read_to_end(&mut body)?;
                // The end of the chunk, or of all of them.
                line(stream)?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        let length: u64 = match self.header("content-length") {
            Some(length) => length.parse().map_err(|_| no_request(length))?,
            None => 0,
        };
        stream.by_ref().take(length).read_to_end(&mut body)?;
        if body.len() as u64 == length { Ok(body) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// The next line without its CR LF; `None` at the end.
fn line(stream: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    stream.read_until(b'\n', &mut bytes)?;
    let line = String::from_utf8_lossy(&bytes);
    Ok((!bytes.is_empty()).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn no_request(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("no request: {text:?}"))
}
