//! Requests, exactly as they are written.

use std::fmt::Write as _;

/// A request. Nothing is added to it but `Host` and, with a body, `Content-Length`, unless it names its own.
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Request {
    /// A request with any method.
    pub fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: Vec::new(), body: None }
    }

    /// GET.
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// POST with a body.
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: Some(body.into()), ..Self::new("POST", target) }
    }

    /// POST with a body of this media type.
    pub fn post_as(media: &str, target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::post(target, body).header("Content-Type", media)
    }

    /// Adds a header field; its value may be any bytes.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The head and the body as HTTP/1.1 bytes for a hub of this name.
    pub fn bytes(&self, host: &str) -> Vec<u8> {
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let mut field = |name: &str, value: &[u8]| {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        };
        if !has("Host") {
            field("Host", host.as_bytes());
        }
        self.headers.iter().for_each(|(name, value)| field(name, value));
        if let Some(body) = self.body.as_ref().filter(|_| !has("Content-Length") && !has("Transfer-Encoding")) {
            field("Content-Length", body.len().to_string().as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// Percent-encodes everything that is not unreserved, for a query value or, slashes kept, a path.
pub fn encode(text: impl AsRef<[u8]>, keep_slashes: bool) -> String {
    let mut encoded = String::new();
    for byte in text.as_ref() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(*byte)),
            b'/' if keep_slashes => encoded.push('/'),
            _ => write!(encoded, "%{byte:02X}").unwrap(),
        }
    }
    encoded
}
