//! What holds for every event, every stream and every way to cut it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use headwater_event_stream::{Decoder, Encoder, EventId, EventType, Field, Message};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use support::{Outcome, Seen, decode_with};

/// One call of the encoder.
#[derive(Clone, Debug)]
enum Call {
    Event { id: Option<EventId>, event_type: Option<EventType>, topic: Option<String>, data: String },
    IdOnly(EventId),
    Comment(String),
    Retry(u64),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let line = "[^\r\n\0]{1,20}";
    let id = || line.prop_map(|text| EventId::new(&text).unwrap());
    let event_type = line.prop_map(|text| EventType::new(&text).unwrap());
    // Any text, and texts full of what means something.
    let text = || prop_oneof![any::<String>(), "([\r\n:\0 ]|data|id|\u{feff}|é){0,12}"];
    let event = (option::of(id()), option::of(event_type), option::of("[^\r\n\0]{0,20}"), text())
        .prop_map(|(id, event_type, topic, data)| Call::Event { id, event_type, topic, data });
    vec(
        prop_oneof![
            6 => event,
            1 => id().prop_map(Call::IdOnly),
            1 => text().prop_map(Call::Comment),
            1 => any::<u64>().prop_map(Call::Retry),
        ],
        0..8,
    )
}

/// Streams that hold a lot of what decoders get wrong.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&'static [u8]> = vec![
        b"\n",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\r\r",
        b"data",
        b"data:",
        b"data: ",
        b"id",
        b"id: ",
        b"event:",
        b"retry: ",
        b"topic: ",
        b":",
        b" ",
        b"\0",
        b"1",
        b"42",
        b"x",
        b"Data: y",
        b"\xef\xbb\xbf",
        b"\xef",
        b"\xbb",
        "é".as_bytes(),
        "€".as_bytes(),
        b"\xe2\x82",
        b"\xff",
        b"\xf0\x9f\x98\x80",
        b"some words that are longer than one vector register of a machine",
    ];
    let piece = prop_oneof![20 => select(pieces).prop_map(<[u8]>::to_vec), 1 => vec(any::<u8>(), 0..6)];
    vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Where to cut: none, some, or everywhere.
fn cuts() -> impl Strategy<Value = Vec<Index>> {
    vec(any::<Index>(), 0..12)
}

fn cut<'a>(stream: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    at.sort_unstable();
    let mut chunks = Vec::new();
    let mut start = 0;
    for end in at {
        chunks.push(&stream[start..end]);
        start = end;
    }
    chunks.push(&stream[start..]);
    chunks
}

/// What the standard makes of the data of an event: every line end is LF.
fn normalized(data: &str) -> String {
    data.replace("\r\n", "\n").replace('\r', "\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// FMT-02, FMT-12, SEC-11, T5: what is decoded is what was encoded, no more and no less.
    #[test]
    fn decoding_undoes_encoding(calls in calls(), cuts in cuts()) {
        let mut out = Vec::new();
        let mut expected = Outcome::default();
        let mut size = 0;
        for call in &calls {
            match call {
                Call::Event { id, event_type, topic, data } => {
                    let fields: Vec<_> = topic.iter().map(|topic| Field::new("topic", topic).unwrap()).collect();
                    let mut message = Message::new(data).fields(&fields);
                    if let Some(id) = id {
                        message = message.id(id);
                        expected.last_event_id = id.to_string();
                    }
                    if let Some(event_type) = event_type {
                        message = message.event_type(event_type);
                    }
                    Encoder::new(&mut out).event(&message);
                    size += message.encoded_len();
                    let event_type = event_type.as_ref().map_or("message", EventType::as_str);
                    let seen = Seen::new(event_type, &normalized(data), &expected.last_event_id);
                    let fields = topic.iter().map(|topic| ("topic".to_owned(), topic.clone())).collect();
                    expected.results.push(Ok(Seen { fields, ..seen }));
                }
                Call::IdOnly(id) => {
                    Encoder::new(&mut out).id_only(id);
                    expected.last_event_id = id.to_string();
                    size = out.len();
                }
                Call::Comment(text) => {
                    Encoder::new(&mut out).comment(text);
                    size = out.len();
                }
                Call::Retry(millis) => {
                    Encoder::new(&mut out).retry(*millis);
                    expected.retry = Some(std::time::Duration::from_millis(*millis));
                    size = out.len();
                }
            }
            prop_assert_eq!(size, out.len());
        }
        let decoder = Decoder::builder().capture("topic").strict_utf8(true).build();
        prop_assert_eq!(decode_with(decoder, cut(&out, &cuts)), expected);
    }

    /// FMT-12, for any bytes, with tight limits and in strict mode too.
    #[test]
    fn cuts_change_nothing(stream in streams(), cuts in cuts(), strict: bool, max_line in 1..80_usize, max_event in 0..80_usize) {
        let builder = Decoder::builder().capture("topic").strict_utf8(strict);
        for builder in [builder.clone(), builder.max_line(max_line).max_event(max_event)] {
            let whole = decode_with(builder.clone().build(), [stream.as_slice()]);
            prop_assert_eq!(&decode_with(builder.clone().build(), cut(&stream, &cuts)), &whole);
            prop_assert_eq!(&decode_with(builder.build(), stream.chunks(1)), &whole);
        }
    }

    /// FMT-18, T5: two other decoders see the same in any bytes.
    #[test]
    fn other_decoders_agree(stream in streams(), cuts in cuts()) {
        let outcome = decode_with(Decoder::new(), cut(&stream, &cuts));
        prop_assert_eq!(outcome.errors(), []);
        let seen: Vec<Seen> = outcome.events().into_iter().cloned().collect();
        prop_assert_eq!(&seen, &sse_core(&stream));
        let (others, last_event_id) = sse_parse(&stream);
        prop_assert_eq!(&seen, &others);
        prop_assert_eq!(outcome.last_event_id, last_event_id);
    }
}

fn sse_core(mut stream: &[u8]) -> Vec<Seen> {
    let mut decoder = sse_core::SseDecoder::new();
    let mut seen = Vec::new();
    while let Some(event) = decoder.next(&mut stream) {
        if let sse_core::SseEvent::Message(event) = event.unwrap() {
            seen.push(Seen::new(&event.event, &event.data, event.last_event_id.as_deref().unwrap_or_default()));
        }
    }
    seen
}

fn sse_parse(stream: &[u8]) -> (Vec<Seen>, String) {
    let mut parser = sse_parse::SseParser::new();
    parser.feed(stream);
    let events = std::iter::from_fn(|| parser.next_event());
    let seen = events.map(|event| Seen::new(&event.event, &event.data, &event.id)).collect();
    (seen, parser.last_event_id().to_owned())
}
