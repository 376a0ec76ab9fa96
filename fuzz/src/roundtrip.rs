//! What is decoded is what was encoded: no field more, no field less, however the bytes are cut.

use arbitrary::{Arbitrary, Unstructured};
use headwater_event_stream::{Chunk, Decoder, Encoder, Field, IdRef, IdText, Message, TypeRef};

/// One call of the encoder, with texts that its types may refuse.
#[derive(Arbitrary, Debug)]
enum Call<'a> {
    Event { id: Option<&'a str>, event_type: Option<&'a str>, topic: Option<&'a str>, data: &'a str },
    IdOnly(&'a str),
    Comment(&'a str),
    Retry(u64),
}

#[derive(Debug, PartialEq)]
struct Seen {
    event_type: String,
    data: String,
    id: String,
    topic: Option<String>,
}

/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    let mut input = Unstructured::new(input);
    let Ok((size, calls)) = <(u8, Vec<Call<'_>>)>::arbitrary(&mut input) else {
        return;
    };
    let mut out = Vec::new();
    let mut expected = Vec::new();
    let mut cursor = String::new();
    let mut reconnect = None;
    for call in calls {
        let mut encoder = Encoder::new(&mut out);
        match call {
            Call::Event { id, event_type, topic, data } => {
                let id = id.and_then(id_of);
                let event_type = event_type.and_then(|text| TypeRef::new(text).ok());
                let topic = topic.and_then(|text| Field::new("topic", text).ok());
                let fields: Vec<Field<'_>> = topic.into_iter().collect();
                let mut message = Message::new(data).fields(&fields);
                if let Some(id) = id {
                    message = message.id(id);
                    id.as_str().clone_into(&mut cursor);
                }
                if let Some(event_type) = event_type {
                    message = message.event_type(event_type);
                }
                encoder.event(&message);
                let start = out.len() - message.encoded_len();
                assert!(start == 0 || out[start - 1] == b'\n', "the length was known in advance");
                expected.push(Seen {
                    event_type: event_type.map_or("message", TypeRef::as_str).into(),
                    data: data.replace("\r\n", "\n").replace('\r', "\n"),
                    id: cursor.clone(),
                    topic: topic.map(|field| field.value().into()),
                });
            }
            Call::IdOnly(text) => {
                if let Some(id) = id_of(text) {
                    encoder.id_only(id);
                    id.as_str().clone_into(&mut cursor);
                }
            }
            Call::Comment(text) => {
                encoder.comment(text);
            }
            Call::Retry(millis) => {
                encoder.retry(millis);
                reconnect = Some(std::time::Duration::from_millis(millis));
            }
        }
    }

    let mut decoder = Decoder::builder().capture("topic").strict_utf8(true).build();
    let mut seen = Vec::new();
    for bytes in out.chunks(usize::from(size).max(1)) {
        let mut chunk = Chunk::new(bytes);
        while let Some(event) = decoder.decode(&mut chunk).expect("what is encoded is UTF-8 and small") {
            seen.push(Seen {
                event_type: event.event_type.into(),
                data: event.data.into(),
                id: event.id.into(),
                topic: event.field("topic").map(str::to_owned),
            });
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(decoder.last_event_id(), cursor);
    assert_eq!(decoder.retry(), reconnect);
    assert!(!decoder.has_pending());
}

/// The id, if it can be one. The id on the stack must take the same texts, as far as it is long enough.
fn id_of(text: &str) -> Option<IdRef<'_>> {
    let id = IdRef::new(text).ok();
    if text.len() <= IdText::CAPACITY {
        assert_eq!(IdText::new(text).ok().as_ref().map(IdRef::from), id);
    }
    id
}
