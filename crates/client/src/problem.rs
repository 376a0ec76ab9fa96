//! What a server says about a refusal.

use serde::Deserialize;

/// The content of an error answer: a problem document (RFC 9457), or the beginning of whatever text came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// A name that stays the same from version to version, for example `urn:headwater:problem:forbidden`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// The kind of problem in words.
    #[serde(default)]
    pub title: Option<String>,
    /// What is wrong with this request, and what to do about it. Of an answer that is no problem document, the
    /// beginning of its text.
    #[serde(default)]
    pub detail: Option<String>,
    /// Which part of the request is at fault.
    #[serde(default)]
    pub field: Option<String>,
    /// Why whoever asked is refused, as a word for machines.
    #[serde(default)]
    pub reason: Option<String>,
    /// Ids of the events of a streaming publish that were stored before it was refused; of very many the newest.
    #[serde(default)]
    pub stored: Vec<String>,
}

/// Most characters that are kept of a text that is no problem document.
const MOST_TEXT: usize = 500;

impl Problem {
    /// Whether the answer was a problem document, as those of a hub and of what knows hubs are.
    pub fn is_document(&self) -> bool {
        self.kind.is_some() || self.title.is_some()
    }

    /// Reads the body of an error answer.
    pub(crate) fn read(content_type: Option<&str>, body: &[u8]) -> Self {
        let document = content_type.is_some_and(|name| crate::http::is_type(name, "application/problem+json"));
        if document && let Ok(problem) = serde_json::from_slice(body) {
            return problem;
        }
        let text: String = String::from_utf8_lossy(body).trim().chars().take(MOST_TEXT).collect();
        Self { detail: Some(text).filter(|text| !text.is_empty()), ..Self::default() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.detail, &self.title) {
            (Some(text), _) | (None, Some(text)) => f.write_str(&one_line(text)),
            (None, None) => f.write_str("the answer says nothing more"),
        }
    }
}

/// A text for a sentence: without line ends and control characters, and no longer than is good for one.
fn one_line(text: &str) -> String {
    const MOST: usize = 300;
    let words = text.split(|char: char| char.is_whitespace() || char.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::Problem;

    #[test]
    fn a_problem_document_is_read_and_any_other_text_kept() {
        let problem = Problem::read(
            Some("application/problem+json; charset=utf-8"),
            br#"{"type":"urn:x","title":"T","detail":"D","status":400,"field":"since","more":[1]}"#,
        );
        assert_eq!((problem.kind.as_deref(), problem.field.as_deref()), (Some("urn:x"), Some("since")));
        assert_eq!(problem.to_string(), "D");
        let text = Problem::read(Some("text/html"), " <h1>Bad Gateway</h1>\n".as_bytes());
        assert_eq!(text.to_string(), "<h1>Bad Gateway</h1>");
        let long = Problem::read(None, &[b'x'; 10_000]);
        assert_eq!(long.detail.as_ref().map(String::len), Some(500));
        assert_eq!(long.to_string(), format!("{}…", "x".repeat(300)));
        let page = Problem::read(Some("text/html"), b"<html>\r\n  <b>\x1b[31mNo</b>\n\n</html>");
        assert_eq!(page.to_string(), "<html> <b> [31mNo</b> </html>");
        assert_eq!(Problem::read(None, b"").to_string(), "the answer says nothing more");
        let broken = Problem::read(Some("application/problem+json"), b"{\"detail\":1}");
        assert_eq!(broken.to_string(), "{\"detail\":1}");
    }
}
