//! Every vector of the project's own file, at every split (FMT-10 to FMT-16).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use headwater_event_stream::Decoder;
use serde::Deserialize;
use support::{Seen, decode_every_way};

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    input_hex: String,
    events: Vec<Expected>,
    /// Outer `None`: the vector does not say.
    #[serde(default, with = "present")]
    retry: Option<Option<u64>>,
}

#[derive(Deserialize)]
struct Expected {
    event: String,
    data: String,
    id: String,
}

#[test]
fn every_vector_whole_byte_by_byte_and_at_every_split() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/event-stream.json");
    let file: File = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(file.vectors.len(), 63);
    for vector in file.vectors {
        let outcome = decode_every_way(Decoder::new, &unhex(&vector.input_hex));
        let expected: Vec<_> =
            vector.events.iter().map(|event| Ok(Seen::new(&event.event, &event.data, &event.id))).collect();
        assert_eq!(outcome.results, expected, "{}", vector.name);
        if let Some(retry) = vector.retry {
            assert_eq!(outcome.retry, retry.map(Duration::from_millis), "{}", vector.name);
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Tells a key that is `null` from a key that is not there.
mod present {
    use serde::{Deserialize, Deserializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Option<u64>>, D::Error> {
        Option::deserialize(input).map(Some)
    }
}
