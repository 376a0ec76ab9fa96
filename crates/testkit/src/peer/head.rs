//! The head of an answer, and a whole answer.

use std::io;

/// Status line and header fields.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// Status code.
    pub status: u16,
    /// Names in lower case and values, in the order they came.
    pub fields: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its head.
    pub head: Head,
    /// Its body, without any framing.
    pub body: Vec<u8>,
}

impl Head {
    /// The value of a field, by its name in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads a head without its empty line.
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let broken = || io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP/1 answer: {text:?}"));
        let mut lines = text.split("\r\n");
        let mut first = lines.next().unwrap_or_default().split(' ');
        if !first.next().is_some_and(|version| version.starts_with("HTTP/1.")) {
            return Err(broken());
        }
        let status = first.next().and_then(|status| status.parse().ok()).ok_or_else(broken)?;
        let fields = lines
            .filter(|line| !line.is_empty())
            .map(|line| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())))
            .collect::<Option<_>>()
            .ok_or_else(broken)?;
        Ok(Self { status, fields })
    }
}

impl Response {
    /// Its status code.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// Its body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Its body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The id in the answer to a publish of one event.
    ///
    /// # Panics
    /// When it is none.
    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_else(|| panic!("no id in {self:?}")).to_owned()
    }
}
