//! Drives a decoder over chunks and writes down all that can be seen of it.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::time::Duration;

use headwater_event_stream::{Chunk, DecodeError, Decoder, Event};

/// An event that outlives its decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) event: String,
    pub(crate) data: String,
    pub(crate) id: String,
    pub(crate) fields: Vec<(String, String)>,
}

/// All that decoding a stream shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) results: Vec<Result<Seen, DecodeError>>,
    pub(crate) last_event_id: String,
    pub(crate) retry: Option<Duration>,
    pub(crate) pending: bool,
}

impl Seen {
    pub(crate) fn new(event: &str, data: &str, id: &str) -> Self {
        Self { event: event.into(), data: data.into(), id: id.into(), fields: Vec::new() }
    }
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        let fields = event.fields().map(|(name, value)| (name.into(), value.into())).collect();
        Self { fields, ..Self::new(event.event_type, event.data, event.id) }
    }
}

impl Outcome {
    pub(crate) fn events(&self) -> Vec<&Seen> {
        self.results.iter().filter_map(|result| result.as_ref().ok()).collect()
    }

    pub(crate) fn data(&self) -> Vec<&str> {
        self.events().into_iter().map(|seen| seen.data.as_str()).collect()
    }

    pub(crate) fn errors(&self) -> Vec<DecodeError> {
        self.results.iter().filter_map(|result| result.as_ref().err().copied()).collect()
    }
}

/// Decodes `chunks` with `decoder`, going on after errors.
pub(crate) fn decode_with<'a>(mut decoder: Decoder, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut results = Vec::new();
    for chunk in chunks {
        let mut chunk = Chunk::new(chunk);
        loop {
            match decoder.decode(&mut chunk) {
                Ok(Some(event)) => results.push(Ok(event.into())),
                Ok(None) => break,
                Err(error) => results.push(Err(error)),
            }
        }
        assert!(chunk.rest().is_empty(), "an answer of none means that the input is used up");
    }
    Outcome {
        results,
        last_event_id: decoder.last_event_id().to_owned(),
        retry: decoder.retry(),
        pending: decoder.has_pending(),
    }
}

/// Decodes one slice with default settings.
pub(crate) fn decode(input: &[u8]) -> Outcome {
    decode_with(Decoder::new(), [input])
}

/// Decodes `input` whole, byte by byte and at every split in two, and returns the one outcome they must have.
pub(crate) fn decode_every_way(decoder: impl Fn() -> Decoder, input: &[u8]) -> Outcome {
    let whole = decode_with(decoder(), [input]);
    assert_eq!(decode_with(decoder(), input.chunks(1)), whole, "byte by byte: {}", input.escape_ascii());
    for at in 0..=input.len() {
        let (head, tail) = input.split_at(at);
        assert_eq!(decode_with(decoder(), [head, tail]), whole, "split at {at}: {}", input.escape_ascii());
    }
    whole
}
