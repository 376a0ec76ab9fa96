//! Texts with places to fill in: `{topic}`, `{payload}`, `{run}`, `{reader}`.
//!
//! Anything else in braces stays as it is, since bodies are often JSON.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// A text with places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Template(Vec<Piece>);

/// What stands in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    Topic,
    Payload,
    Run,
    Reader,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Piece {
    Text(String),
    Place(Place),
}

/// What is filled in. A place whose value is not known at this spot is left empty.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Values<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a str,
    pub(crate) run: &'a str,
    pub(crate) reader: &'a str,
}

impl Template {
    /// Reads a text.
    pub(crate) fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((start, place)) = next_place(rest) {
            push_text(&mut pieces, &rest[..start]);
            pieces.push(Piece::Place(place));
            rest = &rest[start + place.text().len()..];
        }
        push_text(&mut pieces, rest);
        Self(pieces)
    }

    /// Whether it has this place.
    pub(crate) fn has(&self, place: Place) -> bool {
        self.0.contains(&Piece::Place(place))
    }

    /// Appends the filled-in text.
    pub(crate) fn fill(&self, values: &Values<'_>, out: &mut String) {
        self.write(out, |place| Cow::Borrowed(values.of(place)));
    }

    /// Appends the filled-in text, what is filled in percent-encoded for a path or query. Slashes stay.
    pub(crate) fn fill_url(&self, values: &Values<'_>, out: &mut String) {
        self.write(out, |place| utf8_percent_encode(values.of(place), OUTSIDE_URL).into());
    }

    fn write<'v>(&self, out: &mut String, value: impl Fn(Place) -> Cow<'v, str>) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Place(place) => out.push_str(&value(*place)),
            }
        }
    }
}

impl Place {
    const ALL: [Self; 4] = [Self::Topic, Self::Payload, Self::Run, Self::Reader];

    const fn text(self) -> &'static str {
        match self {
            Self::Topic => "{topic}",
            Self::Payload => "{payload}",
            Self::Run => "{run}",
            Self::Reader => "{reader}",
        }
    }
}

impl<'a> Values<'a> {
    const fn of(&self, place: Place) -> &'a str {
        match place {
            Place::Topic => self.topic,
            Place::Payload => self.payload,
            Place::Run => self.run,
            Place::Reader => self.reader,
        }
    }
}

fn next_place(text: &str) -> Option<(usize, Place)> {
    let found = Place::ALL.into_iter().filter_map(|place| Some((text.find(place.text())?, place)));
    found.min_by_key(|(start, _)| *start)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// The unreserved characters and the slash need no encoding in a path or a query.
const OUTSIDE_URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

#[cfg(test)]
mod tests {
    use super::{Place, Template, Values};

    fn filled(text: &str) -> String {
        let mut out = String::new();
        let values = Values { topic: "a b/c", payload: "hey", run: "7f", reader: "12" };
        Template::new(text).fill(&values, &mut out);
        out
    }

    #[test]
    fn places_are_filled_and_other_braces_stay() {
        assert_eq!(filled("/{topic}?r={reader}"), "/a b/c?r=12");
        assert_eq!(
            filled(r#"{"items":[{"c":"{topic}","d":"{payload}"}],"x":{}}"#),
            r#"{"items":[{"c":"a b/c","d":"hey"}],"x":{}}"#
        );
        assert_eq!(filled("{run}{run}{tpoic}{"), "7f7f{tpoic}{");
        assert_eq!(filled(""), "");
    }

    #[test]
    fn in_a_url_what_is_filled_in_is_encoded() {
        let mut out = String::new();
        let template = Template::new("/p q/{topic}");
        template.fill_url(&Values { topic: "ä b/c&d", ..Values::default() }, &mut out);
        assert_eq!(out, "/p q/%C3%A4%20b/c%26d");
        assert!(template.has(Place::Topic) && !template.has(Place::Payload));
    }
}
