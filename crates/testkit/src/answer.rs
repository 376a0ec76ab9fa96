//! Answers, exactly as they came.

use serde_json::Value;

use crate::fields::single;

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// Name and value of each field, in their order, names as they came.
    pub fields: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its head.
    pub head: Head,
    /// Its body, without framing.
    pub body: Vec<u8>,
}

impl Head {
    /// Reads an HTTP/1 head, its empty line included.
    ///
    /// # Panics
    /// When it is none.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.strip_suffix("\r\n\r\n").unwrap().split("\r\n");
        let status_line = lines.next().unwrap();
        let status = status_line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {status_line}"));
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header field: {line}"));
            (name.to_owned(), value.trim().to_owned())
        };
        Self { status, fields: lines.map(field).collect() }
    }

    /// The values of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of a field that stands once or not at all.
    ///
    /// # Panics
    /// When it stands several times.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        single(&self.fields, name)
    }
}

impl Answer {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The value of a field that stands once or not at all.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?} {}", self.head, String::from_utf8_lossy(&self.body)))
    }

    /// Checks the status and returns the answer.
    ///
    /// # Panics
    /// When it is another one.
    #[must_use]
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status(), status, "{:?} {}", self.head, String::from_utf8_lossy(&self.body));
        self
    }

    /// The id of a publish of one event, or the ids of several.
    ///
    /// # Panics
    /// When the answer has none.
    #[track_caller]
    pub fn ids(&self) -> Vec<String> {
        let answer = self.json();
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no id: {answer}")).to_owned();
        match answer["ids"].as_array() {
            Some(ids) => ids.iter().map(text).collect(),
            None => vec![text(&answer["id"])],
        }
    }
}
