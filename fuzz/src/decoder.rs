//! Any bytes, cut in any way, are the same stream to our decoder and to two others.
//!
//! Input: a byte that says how many sizes follow (0 to 15), that many slice sizes, used in turn, and the stream. The first
//! byte also chooses the limits for the passes that no other decoder could follow.

use headwater_event_stream::{Builder, Chunk, DecodeError, Decoder};

/// Type, data and id of an event.
type Seen = (String, String, String);

/// All that can be seen of a pass over a stream.
#[derive(Debug, PartialEq)]
struct Outcome {
    results: Vec<Result<(Seen, Option<String>), DecodeError>>,
    last_event_id: String,
    retry: Option<std::time::Duration>,
    pending: bool,
}

/// # Panics
/// When the promise is broken.
pub fn check(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else {
        return;
    };
    let (sizes, stream) = rest.split_at(usize::from(first % 16).min(rest.len()));
    let limit = usize::from(first / 16);

    let builder = Decoder::builder().capture("topic");
    let tight = builder.clone().max_line(4 * limit).max_event(3 * limit);
    for builder in [builder.clone(), builder.clone().strict_utf8(true), tight.clone(), tight.strict_utf8(true)] {
        let whole = decode(builder.clone(), [stream]);
        assert_eq!(decode(builder.clone(), cut(stream, sizes)), whole);
        assert_eq!(decode_skipping(builder.clone(), cut(stream, sizes)), whole);
        assert_eq!(decode(builder, stream.chunks(1)), whole);
    }

    let outcome = decode(builder, cut(stream, sizes));
    let events: Vec<Seen> =
        outcome.results.into_iter().map(|result| result.expect("no limit is as small as a fuzzer's input").0).collect();
    assert_eq!(events, sse_core(stream));
    assert_eq!((events, outcome.last_event_id), sse_parse(stream));
}

fn cut<'a>(mut stream: &'a [u8], sizes: &[u8]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    let mut sizes = sizes.iter().cycle();
    while !stream.is_empty() && chunks.len() < 1000 {
        let Some(size) = sizes.next() else {
            break;
        };
        let (chunk, rest) = stream.split_at(usize::from(*size).min(stream.len()));
        chunks.push(chunk);
        stream = rest;
    }
    chunks.push(stream);
    chunks
}

fn decode<'a>(builder: Builder, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    decode_with(builder, chunks, |_, _| ())
}

/// As a caller does that wants to know where a refused block ends.
fn decode_skipping<'a>(builder: Builder, chunks: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    decode_with(builder, chunks, |decoder, chunk| {
        let is_over = decoder.skip_refused(chunk);
        assert!(is_over || chunk.rest().is_empty());
    })
}

fn decode_with<'a>(
    builder: Builder,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    before_each: impl Fn(&mut Decoder, &mut Chunk<'_>),
) -> Outcome {
    let mut decoder = builder.build();
    let mut results = Vec::new();
    for bytes in chunks {
        let mut chunk = Chunk::new(bytes);
        loop {
            before_each(&mut decoder, &mut chunk);
            match decoder.decode(&mut chunk) {
                Ok(Some(event)) => {
                    let topic = event.field("topic").map(str::to_owned);
                    results.push(Ok(((event.event_type.into(), event.data.into(), event.id.into()), topic)));
                }
                Ok(None) => break,
                Err(error) => results.push(Err(error)),
            }
        }
        assert!(chunk.rest().is_empty());
    }
    Outcome {
        results,
        last_event_id: decoder.last_event_id().into(),
        retry: decoder.retry(),
        pending: decoder.has_pending(),
    }
}

fn sse_core(mut stream: &[u8]) -> Vec<Seen> {
    let mut decoder = sse_core::SseDecoder::new();
    let mut seen = Vec::new();
    while let Some(event) = decoder.next(&mut stream) {
        if let sse_core::SseEvent::Message(event) = event.expect("no limit is as small as a fuzzer's input") {
            seen.push((event.event.into(), event.data, event.last_event_id.as_deref().unwrap_or_default().into()));
        }
    }
    seen
}

fn sse_parse(stream: &[u8]) -> (Vec<Seen>, String) {
    let mut parser = sse_parse::SseParser::new();
    parser.feed(stream);
    let events = std::iter::from_fn(|| parser.next_event()).map(|event| (event.event, event.data, event.id)).collect();
    (events, parser.last_event_id().into())
}
