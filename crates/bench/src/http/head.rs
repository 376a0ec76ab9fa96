//! The head of an answer.

use super::Framing;

/// What matters of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status.
    pub(crate) status: u16,
    /// `Content-Type`, empty if there is none.
    pub(crate) content_type: String,
    /// How the body is delimited.
    pub(crate) framing: Framing,
    /// Whether the connection ends with this answer.
    pub(crate) closes: bool,
    /// Bytes up to the body.
    pub(crate) len: usize,
}

/// Why bytes are no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("the answer is not HTTP/1 ({0})")]
    NotHttp(httparse::Error),
    #[error("the answer has an unusable `{0}`")]
    Field(&'static str),
}

impl Head {
    /// Reads the head at the start of `bytes`; `None` when more are needed.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, HeadError> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut answer = httparse::Response::new(&mut fields);
        let len = match answer.parse(bytes).map_err(HeadError::NotHttp)? {
            httparse::Status::Complete(len) => len,
            httparse::Status::Partial => return Ok(None),
        };
        let status = answer.code.unwrap_or_default();
        let mut head = Self {
            status,
            content_type: String::new(),
            framing: Framing::Close,
            closes: answer.version == Some(0),
            len,
        };
        for field in &*answer.headers {
            let value = field.value.trim_ascii();
            if field.name.eq_ignore_ascii_case("content-type") {
                head.content_type = String::from_utf8_lossy(value).into_owned();
            } else if field.name.eq_ignore_ascii_case("content-length") {
                let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                head.framing = Framing::Length(length.ok_or(HeadError::Field("content-length"))?);
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(HeadError::Field("transfer-encoding"));
                }
                head.framing = Framing::chunked();
            } else if field.name.eq_ignore_ascii_case("connection") {
                head.closes |= value.eq_ignore_ascii_case(b"close");
            }
        }
        if matches!(status, 204 | 304) {
            head.framing = Framing::Length(0);
        }
        Ok(Some(head))
    }
}

const MOST_FIELDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::{Framing, Head, HeadError};

    fn read(text: &str) -> Result<Option<Head>, HeadError> {
        Head::read(text.as_bytes())
    }

    #[test]
    fn the_three_ways_to_delimit_a_body() {
        for (fields, framing, closes) in [
            ("Connection: close\r\n", Framing::Close, true),
            ("transfer-encoding: Chunked\r\n", Framing::chunked(), false),
            ("Content-Length: 12\r\n", Framing::Length(12), false),
        ] {
            let text = format!("HTTP/1.1 200 OK\r\ncontent-type:  text/event-stream \r\n{fields}\r\n");
            let head = read(&format!("{text}: body")).unwrap().unwrap();
            assert_eq!((head.status, head.content_type.as_str(), head.len), (200, "text/event-stream", text.len()));
            assert_eq!((head.framing, head.closes), (framing, closes));
            for cut in 0..text.len() {
                assert_eq!(read(&text[..cut]), Ok(None));
            }
        }
    }

    #[test]
    fn an_answer_without_a_body_has_none() {
        assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap().framing, Framing::Length(0));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert!(matches!(read("SSH-2.0-OpenSSH_9.2\r\n"), Err(HeadError::NotHttp(_))));
        let gzip = read("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n");
        assert_eq!(gzip, Err(HeadError::Field("transfer-encoding")));
        let length = read("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n");
        assert_eq!(length, Err(HeadError::Field("content-length")));
    }
}
