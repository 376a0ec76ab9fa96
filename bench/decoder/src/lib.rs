//! What is measured: streams to decode, and one function per decoder that reads a stream in chunks and returns how much
//! it saw. The benches time these functions; the test proves that they all see the same.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::hint::black_box;

use eventsource_stream::Eventsource as _;
use futures_util::StreamExt as _;
use headwater_event_stream::{Chunk, Decoder};

/// The size of a slice, as a socket would give them.
pub const CHUNK: usize = 16 * 1024;

/// The size of an event in the streams below, its blank line included.
pub const EVENT: usize = 120;

/// Events and bytes of data that a decoder saw.
pub type Seen = (usize, usize);

/// Reads a stream in chunks of [`CHUNK`] bytes.
pub type Decode = fn(&str) -> Seen;

/// All decoders, with the names they have in the results.
pub const DECODERS: [(&str, Decode); 4] = [
    ("headwater", headwater),
    ("sse-core", sse_core),
    ("sse-parse", sse_parse),
    ("eventsource-stream", eventsource_stream),
];

/// `bytes` of events of [`EVENT`] bytes: an id and one line of data.
pub fn plain(bytes: usize) -> String {
    stream(bytes, |number, out| write!(out, "id: {number}-6f3a\ndata: "))
}

/// `bytes` of events of [`EVENT`] bytes as the hub sends them: id, type, topic and one line of data.
pub fn hub(bytes: usize) -> String {
    stream(bytes, |number, out| {
        write!(out, "id: {number}-6f3a\nevent: order.paid\ntopic: orders/{}\ndata: ", number % 1000 + 1000)
    })
}

/// `bytes` of events of [`EVENT`] bytes whose data has four lines.
pub fn lines(bytes: usize) -> String {
    stream(bytes, |_, out| {
        write!(out, "data: the first line\ndata: and the second line\ndata: and the third line\ndata: ")
    })
}

fn stream(bytes: usize, head: impl Fn(usize, &mut String) -> std::fmt::Result) -> String {
    let mut out = String::with_capacity(bytes + EVENT);
    for number in (10_000_000..).take(bytes / EVENT) {
        let end = out.len() + EVENT;
        head(number, &mut out).expect("a string takes everything");
        out.push_str("{\"v\":\"");
        while out.len() + "\"}\n\n".len() < end {
            out.push('x');
        }
        out.push_str("\"}\n\n");
        assert_eq!(out.len(), end);
    }
    out
}

/// This project's decoder.
pub fn headwater(stream: &str) -> Seen {
    let mut decoder = Decoder::new();
    let mut seen = (0, 0);
    for bytes in stream.as_bytes().chunks(CHUNK) {
        let mut chunk = Chunk::new(bytes);
        while let Some(event) = decoder.decode(&mut chunk).expect("no limit is exceeded") {
            add(&mut seen, event.data.len());
            black_box(event);
        }
    }
    seen
}

/// This project's decoder, told to keep the topic and to refuse invalid UTF-8.
pub fn headwater_strict(stream: &str) -> Seen {
    let mut decoder = Decoder::builder().capture("topic").strict_utf8(true).build();
    let mut seen = (0, 0);
    for bytes in stream.as_bytes().chunks(CHUNK) {
        let mut chunk = Chunk::new(bytes);
        while let Some(event) = decoder.decode(&mut chunk).expect("no limit is exceeded") {
            add(&mut seen, event.data.len());
            black_box(event.field("topic"));
            black_box(event);
        }
    }
    seen
}

/// `sse-core`, its sans-IO decoder.
pub fn sse_core(stream: &str) -> Seen {
    let mut decoder = sse_core::SseDecoder::new();
    let mut seen = (0, 0);
    for mut chunk in stream.as_bytes().chunks(CHUNK) {
        while let Some(event) = decoder.next(&mut chunk) {
            if let sse_core::SseEvent::Message(event) = event.expect("no limit is exceeded") {
                add(&mut seen, event.data.len());
                black_box(event);
            }
        }
    }
    seen
}

/// `sse-parse`, its sans-IO parser.
pub fn sse_parse(stream: &str) -> Seen {
    let mut parser = sse_parse::SseParser::new();
    let mut seen = (0, 0);
    for chunk in stream.as_bytes().chunks(CHUNK) {
        parser.feed(chunk);
        while let Some(event) = parser.next_event() {
            add(&mut seen, event.data.len());
            black_box(event);
        }
    }
    seen
}

/// `eventsource-stream`, over a stream that is always ready.
pub fn eventsource_stream(stream: &str) -> Seen {
    let chunks = stream.as_bytes().chunks(CHUNK).map(Ok::<_, Infallible>);
    let mut events = futures_util::stream::iter(chunks).eventsource();
    let mut seen = (0, 0);
    futures_executor::block_on(async {
        while let Some(event) = events.next().await {
            let event = event.expect("the stream is valid");
            add(&mut seen, event.data.len());
            black_box(event);
        }
    });
    seen
}

/// No decoder: finds the line ends, which is the least that any decoder must do. Counts lines.
pub fn line_scan(stream: &str) -> usize {
    stream.as_bytes().chunks(CHUNK).map(|chunk| memchr::memchr_iter(b'\n', chunk).count()).sum()
}

/// As [`line_scan`], but visits every line, as a decoder must.
pub fn line_visit(stream: &str) -> usize {
    let mut sum = 0;
    for chunk in stream.as_bytes().chunks(CHUNK) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', chunk) {
            sum += black_box(&chunk[start..end]).len();
            start = end + 1;
        }
    }
    sum
}

fn add((events, bytes): &mut Seen, data: usize) {
    *events += 1;
    *bytes += data;
}

#[cfg(test)]
mod tests {
    use super::{DECODERS, Decode, EVENT, headwater_strict, hub, lines, plain};

    #[test]
    fn all_decoders_see_the_same() {
        for stream in [plain(1 << 20), hub(1 << 20), lines(1 << 20)] {
            let expected = DECODERS[0].1(&stream);
            assert_eq!(expected.0, stream.len() / EVENT);
            for (name, decode) in DECODERS.into_iter().chain([("strict", headwater_strict as Decode)]) {
                assert_eq!(decode(&stream), expected, "{name}");
            }
        }
    }
}
