//! Events as they appear on standard output.

use std::io::{self, Write as _};

use headwater_client::{Event, Item};
use serde::Serialize;

use crate::remote::{printable, visible};

/// How an event is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people: id, topic, type where there is one, data.
    Terminal {
        /// With colours.
        styled: bool,
    },
    /// For programs: one line of id, topic, type and data with tabs between.
    Fields,
    /// The data and a line end.
    Raw {
        /// On a terminal, which the data must not steer.
        terminal: bool,
    },
    /// One JSON object a line, also for items that are no events.
    Json,
}

/// Writes items to standard output.
pub(super) struct Lines {
    form: Form,
    text: String,
}

impl Lines {
    pub(super) fn new(form: Form) -> Self {
        Self { form, text: String::new() }
    }

    /// Writes an item out at once: one that is written may be counted as handled.
    pub(super) fn write(&mut self, item: &Item) -> io::Result<()> {
        self.text.clear();
        append(&mut self.text, self.form, item);
        let mut stdout = io::stdout().lock();
        stdout.write_all(self.text.as_bytes())?;
        stdout.flush()
    }
}

fn append(text: &mut String, form: Form, item: &Item) {
    match (form, item) {
        (Form::Json, item) => text.extend(json(item).map(|object| object + "\n")),
        (Form::Raw { terminal }, Item::Event(event)) => {
            match terminal {
                true => {
                    text.extend(event.data.chars().map(|char| if "\n\t".contains(char) { char } else { visible(char) }))
                }
                false => text.push_str(&event.data),
            }
            text.push('\n');
        }
        (Form::Fields, Item::Event(event)) => {
            for field in [&event.id, event.topic.as_deref().unwrap_or_default(), &event.event_type] {
                escape(text, field);
                text.push('\t');
            }
            escape(text, &event.data);
            text.push('\n');
        }
        (Form::Terminal { styled }, Item::Event(event)) => for_people(text, event, styled),
        // The others are told on standard error.
        _ => {}
    }
}

fn for_people(text: &mut String, event: &Event, styled: bool) {
    let mut word = |code: &str, word: &str| {
        let word = printable(word);
        match styled {
            true => text.extend(["\x1b[", code, "m", &word, "\x1b[0m "]),
            false => text.extend([&word, " "]),
        }
    };
    word("2", &event.id);
    if let Some(topic) = &event.topic {
        word("36", topic);
    }
    if event.event_type != "message" {
        word("33", &event.event_type);
    }
    // Further lines stand below the first, so that every event is seen to begin.
    for (number, line) in event.data.split('\n').enumerate() {
        text.push_str(if number == 0 { "" } else { "    " });
        text.push_str(&printable(&line.replace('\t', "    ")));
        text.push('\n');
    }
}

/// Keeps a field in its place.
fn escape(text: &mut String, field: &str) {
    for char in field.chars() {
        match char {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            other => text.push(other),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line<'a> {
    Event { id: &'a str, topic: Option<&'a str>, r#type: &'a str, data: &'a str },
    Gap { id: &'a str, reason: &'a str, requested: &'a str, resumed_at: &'a str },
    Closing { id: &'a str, reason: &'a str, reconnect_ms: u128 },
    Expiring { id: &'a str, expires_at: &'a str, session: &'a str },
    End { id: &'a str, topic: &'a str, reason: &'a str },
}

/// None for a kind of item that this version does not know.
fn json(item: &Item) -> Option<String> {
    let line = match item {
        Item::Event(item) => {
            Line::Event { id: &item.id, topic: item.topic.as_deref(), r#type: &item.event_type, data: &item.data }
        }
        Item::Gap(item) => {
            Line::Gap { id: &item.id, reason: &item.reason, requested: &item.requested, resumed_at: &item.resumed_at }
        }
        Item::Closing(item) => {
            Line::Closing { id: &item.id, reason: &item.reason, reconnect_ms: item.reconnect.as_millis() }
        }
        Item::Expiring(item) => Line::Expiring { id: &item.id, expires_at: &item.expires_at, session: &item.session },
        Item::End(item) => Line::End { id: &item.id, topic: &item.topic, reason: &item.reason },
        _ => return None,
    };
    let text = serde_json::to_string(&line).ok()?;
    // What JSON leaves as it is and a terminal does not; it stands in strings only.
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match visible(char) == char {
            true => escaped.push(char),
            false => escaped.push_str(&format!("\\u{:04x}", u32::from(char))),
        }
    }
    Some(escaped)
}
