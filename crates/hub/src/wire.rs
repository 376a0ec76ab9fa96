//! The one place that turns events and control events into bytes.

use headwater_log::{Epoch, Position, StoredEvent, Timestamp};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How a session reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `text/event-stream`.
    EventStream,
    /// `application/x-ndjson`: one JSON object per line.
    Ndjson,
}

/// Why events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// They were removed by retention or deletion.
    Retention,
    /// The id belongs to another log.
    Epoch,
    /// Not an id of this log.
    Unknown,
    /// They were removed while the session was behind.
    Lagged,
}

/// Why the hub ends a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The hub stops.
    Drain,
    /// The stream is old enough.
    MaxAge,
    /// The reader is too far behind.
    Lagged,
}

/// Encodes for one log.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    epoch: Epoch,
}

impl Format {
    /// The media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::EventStream => "text/event-stream",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

impl GapReason {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Epoch => "epoch",
            Self::Unknown => "unknown",
            Self::Lagged => "lagged",
        }
    }
}

impl Closing {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::MaxAge => "max_age",
            Self::Lagged => "lagged",
        }
    }
}

impl Wire {
    /// Encodes positions of the log with this epoch.
    pub fn new(epoch: Epoch) -> Self {
        Self { epoch }
    }

    /// The event id of a place in the log.
    pub fn position(&self, seq: u64) -> Position {
        Position { seq, epoch: self.epoch }
    }

    /// At least the size of [`Wire::frame`], without looking for line ends.
    pub fn frame_size(&self, event: &StoredEvent) -> usize {
        let event_type = event.event_type.as_ref().map_or(0, |name| name.as_str().len() + 8);
        event.topic.as_str().len() + event_type + event.data.len() + 64
    }

    /// An event as a block of an event stream: id, event unless `message`, topic, data.
    pub fn frame(&self, event: &StoredEvent, out: &mut Vec<u8>) {
        id(out, self.position(event.seq));
        match event.end {
            Some(reason) => {
                field(out, "event", "headwater.end");
                field(out, "topic", event.topic.as_str());
                field(out, "data", &end_data(event, reason.as_str()));
            }
            None => {
                if let Some(name) = &event.event_type {
                    field(out, "event", name.as_str());
                }
                field(out, "topic", event.topic.as_str());
                data(out, &event.data);
            }
        }
        out.push(b'\n');
    }

    /// An event as one line of NDJSON.
    pub fn line(&self, event: &StoredEvent, out: &mut Vec<u8>) {
        self.object(event, out);
        out.push(b'\n');
    }

    /// An event as a JSON object.
    pub fn object(&self, event: &StoredEvent, out: &mut Vec<u8>) {
        let end;
        let (name, text) = match event.end {
            Some(reason) => {
                end = end_data(event, reason.as_str());
                ("headwater.end", end.as_str())
            }
            None => (event.event_type.as_ref().map_or("message", |name| name.as_str()), &*event.data),
        };
        let mut text_of = |key: &str, value: Option<&str>| {
            out.extend_from_slice(key.as_bytes());
            match value {
                Some(value) => json(out, value),
                None => out.extend_from_slice(b"null"),
            }
        };
        text_of("{\"id\":", Some(&self.position(event.seq).to_string()));
        text_of(",\"topic\":", Some(event.topic.as_str()));
        text_of(",\"event\":", Some(name));
        text_of(",\"data\":", Some(text));
        text_of(",\"key\":", event.key.as_deref());
        text_of(",\"time\":", Some(&rfc3339(event.time)));
        out.push(b'}');
    }

    /// The first bytes of a stream: the reconnect delay, and the cursor unless a gap event that carries
    /// it follows at once.
    pub fn preamble(
        &self,
        format: Format,
        retry_ms: u64,
        cursor: u64,
        gap: Option<(GapReason, &str)>,
        out: &mut Vec<u8>,
    ) {
        if format == Format::EventStream {
            field(out, "retry", &retry_ms.to_string());
        }
        match gap {
            // In the same block: a client that got the new cursor also got the gap.
            Some((reason, requested)) => self.gap(format, reason, requested, cursor, out),
            None => self.cursor(format, cursor, out),
        }
    }

    /// Moves the client's cursor and dispatches nothing.
    pub fn cursor(&self, format: Format, cursor: u64, out: &mut Vec<u8>) {
        let position = self.position(cursor);
        match format {
            Format::EventStream => {
                id(out, position);
                out.push(b'\n');
            }
            Format::Ndjson => {
                out.extend_from_slice(format!("{{\"id\":\"{position}\",\"event\":\"headwater.cursor\"}}\n").as_bytes())
            }
        }
    }

    /// A sign of life, with the cursor when it has moved since the client was last told.
    pub fn heartbeat(&self, format: Format, moved_to: Option<u64>, current: u64, out: &mut Vec<u8>) {
        match format {
            Format::EventStream => {
                out.extend_from_slice(b":\n");
                if let Some(cursor) = moved_to {
                    self.cursor(format, cursor, out);
                }
            }
            Format::Ndjson => self.cursor(format, moved_to.unwrap_or(current), out),
        }
    }

    /// Events are missing between `requested` and `resumed_at`.
    pub fn gap(&self, format: Format, reason: GapReason, requested: &str, resumed_at: u64, out: &mut Vec<u8>) {
        let position = self.position(resumed_at);
        self.control(format, Some(position), "headwater.gap", &self.gap_data(reason, requested, resumed_at), out);
    }

    /// The data of a gap event, which long-poll answers carry as their `gap`.
    pub fn gap_data(&self, reason: GapReason, requested: &str, resumed_at: u64) -> String {
        let mut quoted = Vec::new();
        json(&mut quoted, requested);
        let requested = String::from_utf8_lossy(&quoted);
        format!(
            "{{\"reason\":\"{}\",\"requested\":{requested},\"resumed_at\":\"{}\"}}",
            reason.as_str(),
            self.position(resumed_at)
        )
    }

    /// The hub ends this stream; the client comes back after `reconnect_ms`.
    pub fn closing(&self, format: Format, reason: Closing, reconnect_ms: u64, out: &mut Vec<u8>) {
        if format == Format::EventStream {
            field(out, "retry", &reconnect_ms.to_string());
        }
        let data = format!("{{\"reason\":\"{}\",\"reconnect_ms\":{reconnect_ms}}}", reason.as_str());
        self.control(format, None, "headwater.closing", &data, out);
    }

    fn control(&self, format: Format, position: Option<Position>, name: &str, text: &str, out: &mut Vec<u8>) {
        match format {
            Format::EventStream => {
                if let Some(position) = position {
                    id(out, position);
                }
                field(out, "event", name);
                field(out, "data", text);
                out.push(b'\n');
            }
            Format::Ndjson => {
                let id = position.map_or_else(|| "null".to_owned(), |position| format!("\"{position}\""));
                out.extend_from_slice(format!("{{\"id\":{id},\"event\":\"{name}\",\"data\":").as_bytes());
                json(out, text);
                out.extend_from_slice(b"}\n");
            }
        }
    }
}

fn end_data(event: &StoredEvent, reason: &str) -> String {
    let mut topic = Vec::new();
    json(&mut topic, event.topic.as_str());
    format!("{{\"reason\":\"{reason}\",\"topic\":{}}}", String::from_utf8_lossy(&topic))
}

fn rfc3339(time: Timestamp) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(time) * 1000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}

fn json(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("a string is always JSON and a Vec takes every write");
}

fn id(out: &mut Vec<u8>, position: Position) {
    field(out, "id", &position.to_string());
}

fn field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.push(b'\n');
}

fn data(out: &mut Vec<u8>, text: &str) {
    for line in text.split('\n') {
        field(out, "data", line);
    }
}
