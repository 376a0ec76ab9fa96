//! The one place that turns events and control events into bytes.

use headwater_event_stream::{Encoder, Field, IdText, Message, TypeRef};
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
    /// Newer events of the same topic and key took their place.
    Conflated,
}

/// Why the hub ends a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The hub stops.
    Drain,
    /// The stream is old enough.
    MaxAge,
    /// Its credential has ended.
    Expired,
    /// Its credential was taken back, or serves another stream now.
    Revoked,
    /// An administrator ended it.
    Admin,
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
            Self::Conflated => "conflated",
        }
    }
}

impl Closing {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::MaxAge => "max_age",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Admin => "admin",
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

    fn id(&self, seq: u64) -> IdText {
        IdText::new(self.position(seq)).expect("a position is digits, a dash and hex digits")
    }

    /// At least the size of [`Wire::frame`], without looking for line ends.
    pub fn frame_size(&self, event: &StoredEvent) -> usize {
        let event_type = event.event_type.as_ref().map_or(0, |name| name.as_str().len() + 8);
        event.topic.as_str().len() + event_type + event.data.len() + 64
    }

    /// An event as a block of an event stream: id, event unless `message`, topic, data.
    pub fn frame(&self, event: &StoredEvent, out: &mut Vec<u8>) {
        let id = self.id(event.seq);
        let topic = [topic_field(event)];
        match event.end {
            Some(reason) => {
                let data = end_data(event, reason.as_str());
                let message = Message::new(&data).id(&id).event_type(TypeRef::from_static("headwater.end"));
                Encoder::new(out).event(&message.fields(&topic));
            }
            None => {
                let mut message = Message::new(&event.data).id(&id).fields(&topic);
                if let Some(event_type) = &event.event_type {
                    message = message.event_type(event_type);
                }
                Encoder::new(out).event(&message);
            }
        }
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
            Encoder::new(out).retry(retry_ms);
        }
        match gap {
            // In the same block: a client that got the new cursor also got the gap.
            Some((reason, requested)) => self.gap(format, reason, requested, cursor, out),
            None => self.cursor(format, cursor, out),
        }
    }

    /// All of an event stream whose client is to come back later, with the cursor it has.
    pub fn come_back(&self, retry_ms: u64, out: &mut Vec<u8>) {
        Encoder::new(out).retry(retry_ms);
        out.push(b'\n');
    }

    /// Moves the client's cursor and dispatches nothing.
    pub fn cursor(&self, format: Format, cursor: u64, out: &mut Vec<u8>) {
        match format {
            Format::EventStream => {
                Encoder::new(out).id_only(&self.id(cursor));
            }
            Format::Ndjson => {
                let id = self.id(cursor);
                out.extend_from_slice(b"{\"id\":\"");
                out.extend_from_slice(id.as_bytes());
                out.extend_from_slice(b"\",\"event\":\"headwater.cursor\"}\n");
            }
        }
    }

    /// A sign of life, with the cursor when it has moved since the client was last told.
    pub fn heartbeat(&self, format: Format, moved_to: Option<u64>, current: u64, out: &mut Vec<u8>) {
        match format {
            Format::EventStream => {
                Encoder::new(out).comment("");
                if let Some(cursor) = moved_to {
                    self.cursor(format, cursor, out);
                }
            }
            Format::Ndjson => self.cursor(format, moved_to.unwrap_or(current), out),
        }
    }

    /// Events are missing between `requested` and `resumed_at`.
    pub fn gap(&self, format: Format, reason: GapReason, requested: &str, resumed_at: u64, out: &mut Vec<u8>) {
        self.control(format, Some(resumed_at), "headwater.gap", &self.gap_data(reason, requested, resumed_at), out);
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
            Encoder::new(out).retry(reconnect_ms);
        }
        let data = format!("{{\"reason\":\"{}\",\"reconnect_ms\":{reconnect_ms}}}", reason.as_str());
        self.control(format, None, "headwater.closing", &data, out);
    }

    /// The credential of this session ends at `expires_s` seconds since 1970.
    pub fn expiring(&self, format: Format, expires_s: u64, session: &str, out: &mut Vec<u8>) {
        let expires_at = OffsetDateTime::from_unix_timestamp(i64::try_from(expires_s).unwrap_or(i64::MAX));
        // A time that cannot be written is none that anybody waits for.
        let expires_at = expires_at.ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default();
        let data = format!("{{\"expires_at\":\"{expires_at}\",\"session\":\"{session}\"}}");
        self.control(format, None, "headwater.expiring", &data, out);
    }

    fn control(&self, format: Format, at: Option<u64>, name: &'static str, text: &str, out: &mut Vec<u8>) {
        match format {
            Format::EventStream => {
                let id = at.map(|seq| self.id(seq));
                let mut message = Message::new(text).event_type(TypeRef::from_static(name));
                if let Some(id) = &id {
                    message = message.id(id);
                }
                Encoder::new(out).event(&message);
            }
            Format::Ndjson => {
                let id = at.map_or_else(|| "null".to_owned(), |seq| format!("\"{}\"", self.position(seq)));
                out.extend_from_slice(format!("{{\"id\":{id},\"event\":\"{name}\",\"data\":").as_bytes());
                json(out, text);
                out.extend_from_slice(b"}\n");
            }
        }
    }
}

fn topic_field(event: &StoredEvent) -> Field<'_> {
    Field::new("topic", event.topic.as_str()).expect("a topic has no control characters")
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

#[cfg(test)]
mod tests {
    use headwater_event_stream::EventType;
    use headwater_log::{EndReason, Topic};

    use super::*;

    fn wire() -> Wire {
        Wire::new(Epoch::new(0x6f3a).unwrap())
    }

    fn event() -> StoredEvent {
        StoredEvent {
            seq: 1042,
            time: 1_700_000_000_123_456,
            topic: Topic::new("orders/42").unwrap(),
            event_type: Some(EventType::new("order.paid").unwrap()),
            key: None,
            data: "{\"total\": 12}".into(),
            end: None,
        }
    }

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_stream_of_the_contract() {
        let wire = wire();
        assert_eq!(
            text(|out| wire.preamble(Format::EventStream, 3187, 1041, None, out)),
            "retry: 3187\nid: 1041-6f3a\n\n"
        );
        let frame = "id: 1042-6f3a\nevent: order.paid\ntopic: orders/42\ndata: {\"total\": 12}\n\n";
        assert_eq!(text(|out| wire.frame(&event(), out)), frame);
        assert!(wire.frame_size(&event()) >= frame.len());
        assert_eq!(text(|out| wire.heartbeat(Format::EventStream, Some(1107), 1107, out)), ":\nid: 1107-6f3a\n\n");
        assert_eq!(text(|out| wire.heartbeat(Format::EventStream, None, 1107, out)), ":\n");
    }

    #[test]
    fn a_gap_at_the_start_moves_the_cursor_in_its_own_block() {
        let wire = wire();
        let gap = Some((GapReason::Unknown, "\"\n"));
        assert_eq!(
            text(|out| wire.preamble(Format::EventStream, 9, 7, gap, out)),
            "retry: 9\nid: 7-6f3a\nevent: headwater.gap\ndata: {\"reason\":\"unknown\",\"requested\":\"\\\"\\n\",\"resumed_at\":\"7-6f3a\"}\n\n"
        );
    }

    #[test]
    fn the_end_record_has_an_id_of_its_own() {
        let end = StoredEvent { event_type: None, data: "".into(), end: Some(EndReason::Cancelled), ..event() };
        assert_eq!(
            text(|out| wire().frame(&end, out)),
            "id: 1042-6f3a\nevent: headwater.end\ntopic: orders/42\ndata: {\"reason\":\"cancelled\",\"topic\":\"orders/42\"}\n\n"
        );
    }

    #[test]
    fn a_line_of_ndjson() {
        assert_eq!(
            text(|out| wire().line(&event(), out)),
            "{\"id\":\"1042-6f3a\",\"topic\":\"orders/42\",\"event\":\"order.paid\",\"data\":\"{\\\"total\\\": 12}\",\"key\":null,\"time\":\"2023-11-14T22:13:20.123456Z\"}\n"
        );
    }

    #[test]
    fn expiring_tells_when() {
        assert_eq!(
            text(|out| wire().expiring(Format::EventStream, 1_800_000_000, "2-7", out)),
            "event: headwater.expiring\ndata: {\"expires_at\":\"2027-01-15T08:00:00Z\",\"session\":\"2-7\"}\n\n"
        );
    }

    #[test]
    fn closing_tells_when_to_come_back() {
        assert_eq!(
            text(|out| wire().closing(Format::EventStream, Closing::Drain, 4000, out)),
            "retry: 4000\nevent: headwater.closing\ndata: {\"reason\":\"drain\",\"reconnect_ms\":4000}\n\n"
        );
    }
}
