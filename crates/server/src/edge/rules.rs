//! What the head of an HTTP/1 request has to be like.
//!
//! Stricter than hyper where two parsers could read a head in two ways (T24), and as strict everywhere else, so that
//! hyper finds nothing to refuse: its own refusals are bare status lines.

use http::{StatusCode, Uri};

use super::extent::Extent;
use crate::api::problem::Problem;

/// Limits on a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Most bytes.
    pub(crate) size: usize,
    /// Most header fields, at most [`Rules::MOST_FIELDS`].
    pub(crate) fields: usize,
}

impl Rules {
    pub(crate) const MOST_FIELDS: usize = 64;

    /// How far a request with this head goes. The head is whole: it ends with an empty line.
    pub(crate) fn judge(self, head: &[u8]) -> Result<Extent, Problem> {
        if head.len() > self.size {
            return Err(self.too_large());
        }
        if bare_line_feed(head) {
            return Err(malformed("A line of the request head ends without CR. End lines with CR LF."));
        }
        let mut fields = [httparse::EMPTY_HEADER; Self::MOST_FIELDS];
        let mut request = httparse::Request::new(&mut fields[..self.fields.min(Self::MOST_FIELDS)]);
        match request.parse(head) {
            Ok(httparse::Status::Complete(length)) if length == head.len() => {}
            Ok(_) => return Err(malformed("The request head cannot be read.")),
            Err(httparse::Error::TooManyHeaders) => {
                let detail = format!("The request has more than {} header fields. Send fewer.", self.fields);
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                return Err(Problem::new(status, "too-many-headers", detail).field("head"));
            }
            Err(error) => return Err(malformed(format!("The request head cannot be read: {error}."))),
        }
        if let Some(Err(error)) = request.path.map(Uri::try_from) {
            return Err(malformed(format!("The target of the request cannot be read: {error}.")));
        }
        extent(head.len(), &request)
    }

    pub(crate) fn too_large(self) -> Problem {
        let detail =
            format!("The request line and headers are larger than {} bytes. Send fewer or shorter ones.", self.size);
        Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head-too-large", detail).field("head")
    }
}

/// Where a head ends in these bytes: after its first empty line, whether its lines end well or not.
pub(crate) fn end(bytes: &[u8]) -> Option<usize> {
    let lines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    lines.into_iter().find_map(|at| match &bytes[at..] {
        [b'\n', ..] => Some(at + 1),
        [b'\r', b'\n', ..] => Some(at + 2),
        _ => None,
    })
}

fn bare_line_feed(head: &[u8]) -> bool {
    head.first() == Some(&b'\n') || head.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r')
}

fn extent(head: usize, request: &httparse::Request<'_, '_>) -> Result<Extent, Problem> {
    let (mut length, mut chunked) = (None, false);
    for field in request.headers.iter() {
        if field.name.eq_ignore_ascii_case("content-length") {
            let number = decimal(field.value).ok_or_else(|| {
                let detail = "The Content-Length is not a decimal number of bytes.";
                Problem::malformed("Content-Length", detail)
            })?;
            if length.replace(number).is_some() {
                return Err(Problem::malformed(
                    "Content-Length",
                    "The request has several Content-Length headers. Send one.",
                ));
            }
        } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
            if chunked || request.version != Some(1) || !field.value.eq_ignore_ascii_case(b"chunked") {
                let detail = "The Transfer-Encoding of a request is chunked, once, with HTTP/1.1, or absent.";
                return Err(Problem::malformed("Transfer-Encoding", detail));
            }
            chunked = true;
        }
    }
    match (length, chunked) {
        (Some(_), true) => {
            let detail = "The request has a Content-Length and a Transfer-Encoding, which could be read in two ways. Send one of them.";
            Err(Problem::malformed("Transfer-Encoding", detail))
        }
        (None, true) => Ok(Extent::chunked(head)),
        (length, false) => Ok(Extent::sized(head, length.unwrap_or(0))),
    }
}

/// Digits only: the parser of numbers would take a sign.
fn decimal(text: &[u8]) -> Option<u64> {
    // hyper counts two lengths at the upper end of the range among its marks.
    let number: u64 = text.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(text).ok()?.parse().ok())??;
    (number <= u64::MAX - 2).then_some(number)
}

fn malformed(detail: impl Into<String>) -> Problem {
    Problem::malformed("head", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(head: &str) -> Result<Extent, u16> {
        let judged = Rules { size: 200, fields: 3 }.judge(head.as_bytes());
        judged.map_err(|problem| problem.status.as_u16())
    }

    #[test]
    fn heads_end_with_their_first_empty_line() {
        assert_eq!(end(b"GET / HTTP/1.1\r\na: b\r\n\r\nrest\r\n\r\n"), Some(24));
        assert_eq!(end(b"a\n\nrest"), Some(3));
        assert_eq!(end(b"a\n\r\nrest"), Some(4));
        assert_eq!(end(b"a\r\nb\r\n\r"), None);
        assert_eq!(end(b""), None);
    }

    // T24
    #[test]
    fn ambiguous_heads_are_refused() {
        for fields in [
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: 1\r\ncontent-length: 1",
            "Content-Length: 1, 1",
            "Content-Length: +1",
            "Content-Length:",
            "Content-Length: 18446744073709551616",
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: xchunked",
            "a : b",
            "a: b\r\n folded",
            "a: b\nc: d",
            "a: \0",
        ] {
            let head = format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n");
            assert_eq!(judge(&head).map(|_| ()), Err(400), "{head:?}");
        }
        assert_eq!(judge("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").map(|_| ()), Err(400));
    }

    #[test]
    fn broken_heads_are_refused() {
        for head in [
            "GARBAGE\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "G@T / HTTP/1.1\r\n\r\n",
            "GET a b HTTP/1.1\r\n\r\n",
            "GET [ HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(judge(head).map(|_| ()), Err(400), "{head:?}");
        }
        assert_eq!(judge("GET / HTTP/1.1\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n").map(|_| ()), Err(431));
        assert_eq!(judge(&format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(200))).map(|_| ()), Err(431));
    }

    #[test]
    fn good_heads_say_how_long_their_request_is() {
        for (fields, body) in [
            ("Content-Length: 3", "abc"),
            ("Transfer-Encoding: Chunked", "3\r\nabc\r\n0\r\n\r\n"),
            ("Host: localhost", ""),
        ] {
            let head = format!("POST /a HTTP/1.1\r\n{fields}\r\n\r\n");
            let mut extent = judge(&head).expect("a good head");
            assert_eq!(extent.take(format!("{head}{body}GET").as_bytes()), head.len() + body.len());
        }
    }
}
