//! What the decoder makes of a stream, requirement by requirement.

mod support;

use std::time::Duration;

use headwater_event_stream::{Chunk, DecodeError, Decoder};
use support::{Seen, decode, decode_every_way, decode_with};

/// FMT-18: the example streams in section 9.2.6 of the standard.
#[test]
fn examples_of_the_standard() {
    let every_way = |input: &str| decode_every_way(Decoder::new, input.as_bytes());

    let stocks = every_way("data: YHOO\ndata: +2\ndata: 10\n\n");
    assert_eq!(stocks.data(), ["YHOO\n+2\n10"]);

    let comments =
        every_way(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n");
    let expected = [
        Seen::new("message", "first event", "1"),
        Seen::new("message", "second event", ""),
        Seen::new("message", " third event", ""),
    ];
    assert_eq!(comments.events(), expected.iter().collect::<Vec<_>>());

    assert_eq!(every_way("data\n\ndata\ndata\n\ndata:").data(), ["", "\n"]);
    assert_eq!(every_way("data:test\n\ndata: test\n\n").data(), ["test", "test"]);
    assert_eq!(
        every_way("event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n").events(),
        [Seen::new("add", "73857293", ""), Seen::new("remove", "2153", ""), Seen::new("add", "113411", "")]
            .iter()
            .collect::<Vec<_>>()
    );
}

/// FMT-10
#[test]
fn cr_lf_split_across_slices_is_one_line_end() {
    for chunks in [&["data: a\r", "\ndata: b\n\n"][..], &["data: a\r", "", "\ndata: b\r", "\n\r", "\n"]] {
        let outcome = decode_with(Decoder::new(), chunks.iter().map(|chunk| chunk.as_bytes()));
        assert_eq!(outcome.data(), ["a\nb"]);
        assert!(!outcome.pending);
    }
}

/// FMT-10: a block that ends in CR is dispatched at once, not when the next byte shows whether LF follows.
#[test]
fn an_event_does_not_wait_for_the_byte_after_a_cr() {
    let mut decoder = Decoder::new();
    let event = |decoder: &mut Decoder, bytes: &[u8]| {
        decoder.decode(&mut Chunk::new(bytes)).unwrap().map(|event| event.data.to_owned())
    };
    assert_eq!(event(&mut decoder, b"data: a\r\n\r"), Some("a".into()));
    assert_eq!(event(&mut decoder, b"\ndata: b\r\r"), Some("b".into()));
    assert_eq!(event(&mut decoder, b"\n"), None);
    assert!(!decoder.has_pending());
}

/// FMT-11
#[test]
fn one_byte_order_mark_and_only_at_the_start() {
    let every_way = |input: &str| decode_every_way(Decoder::new, input.as_bytes());
    assert_eq!(every_way("\u{feff}data: a\n\n").data(), ["a"]);
    assert_eq!(every_way("\u{feff}\u{feff}data: a\n\ndata: b\n\n").data(), ["b"]);
    assert_eq!(every_way("data: a\n\n\u{feff}data: b\n\n").data(), ["a"]);
    assert_eq!(every_way("\u{feff}\r\n\u{feff}data: a\n\ndata: b\n\n").data(), ["b"]);
    // Bytes that only begin like a mark belong to the first line.
    assert_eq!(decode_every_way(Decoder::new, b"\xef\xbbdata: a\n\ndata: b\n\n").data(), ["b"]);
    assert_eq!(decode_every_way(Decoder::new, b"\xef\n\ndata: b\n\n").data(), ["b"]);
}

/// FMT-12
#[test]
fn a_character_cut_between_slices_stays_whole() {
    let outcome = decode_every_way(Decoder::new, "id: é\nevent: €\ndata: a😀b\n\n".as_bytes());
    assert_eq!(outcome.results, [Ok(Seen::new("€", "a😀b", "é"))]);
}

/// FMT-13
#[test]
fn fields_without_colon_and_unknown_fields() {
    let outcome = decode_every_way(Decoder::new, b"data\nfoo: x\nDATA: y\n data: z\nbar\nevent\nid\nretry\n\n");
    assert_eq!(outcome.results, [Ok(Seen::new("message", "", ""))]);
}

/// FMT-07: types are case-sensitive, and `message` is what an empty or missing one means.
#[test]
fn types_are_case_sensitive_and_default_to_message() {
    let outcome = decode(b"event: Add\ndata: 1\n\nevent: add\ndata: 2\n\nevent:\ndata: 3\n\ndata: 4\n\n");
    let types: Vec<_> = outcome.events().into_iter().map(|seen| seen.event.as_str()).collect();
    assert_eq!(types, ["Add", "add", "message", "message"]);
}

/// FMT-14, EVR-10, IDG-10
#[test]
fn ids_persist_reset_and_refuse_nul() {
    let input = b"id: 1\ndata: a\n\ndata: b\n\nid: 2\0\ndata: c\n\nid\ndata: d\n\nid: 3\n\nid: 4\n";
    let outcome = decode_every_way(Decoder::new, input);
    let ids: Vec<_> = outcome.events().into_iter().map(|seen| seen.id.as_str()).collect();
    assert_eq!(ids, ["1", "1", "1", ""]);
    assert_eq!(outcome.last_event_id, "3", "a block without data counts, a block without its blank line does not");
}

/// An event that only keeps the id of an earlier one is told from one that was sent with it.
#[test]
fn an_id_of_the_block_is_told_from_one_in_force() {
    let mut decoder = Decoder::new();
    let mut chunk =
        Chunk::from("data: 1\n\nid: a\ndata: 2\n\ndata: 3\n\nid: a\ndata: 4\n\nid\ndata: 5\n\nid: a\0\ndata: 6\n\n");
    let mut seen = Vec::new();
    while let Some(event) = decoder.decode(&mut chunk).unwrap() {
        seen.push((event.id.to_owned(), event.has_own_id()));
    }
    let expected = [("", false), ("a", true), ("a", false), ("a", true), ("", true), ("", false)];
    assert_eq!(seen, expected.map(|(id, own)| (id.to_owned(), own)));
}

/// EVR-01, EVR-02: only an id moves the cursor, and it may do so without an event.
#[test]
fn comments_and_retry_lines_leave_the_cursor_alone() {
    let mut decoder = Decoder::builder().last_event_id("1041-6f3a").build();
    let feed = |decoder: &mut Decoder, text: &'static str| {
        let mut chunk = Chunk::from(text);
        let mut events = 0;
        while decoder.decode(&mut chunk).unwrap().is_some() {
            events += 1;
        }
        (events, decoder.last_event_id().to_owned())
    };
    assert_eq!(feed(&mut decoder, "retry: 3187\n\n:\n: id: 7\n\n"), (0, "1041-6f3a".into()));
    assert_eq!(feed(&mut decoder, "id: 1107-6f3a\n"), (0, "1041-6f3a".into()));
    assert_eq!(feed(&mut decoder, "\n"), (0, "1107-6f3a".into()));
    assert_eq!(feed(&mut decoder, "data: x\n\n"), (1, "1107-6f3a".into()));
    assert_eq!(decoder.retry(), Some(Duration::from_millis(3187)));
}

/// FMT-15
#[test]
fn an_incomplete_block_is_pending_and_never_an_event() {
    for (input, events, pending) in [
        ("", 0, false),
        ("data: a\n\n", 1, false),
        ("data: a", 0, true),
        ("data: a\n", 0, true),
        ("data: a\n\ndata: b\n", 1, true),
        ("id: 1\n", 0, true),
        ("event: x\n", 0, true),
        ("\n\n: comment\nunknown: x\nretry: 1\n", 0, false),
        (": half a comm", 0, false),
        ("unfinish", 0, true),
        ("data: a\r", 0, true),
        ("data: a\r\r", 1, false),
    ] {
        let outcome = decode_every_way(Decoder::new, input.as_bytes());
        assert_eq!((outcome.events().len(), outcome.pending), (events, pending), "{input:?}");
    }
}

/// FMT-16
#[test]
fn retry_takes_effect_with_its_line_and_saturates() {
    let retry = |input: &str| decode_every_way(Decoder::new, input.as_bytes()).retry;
    assert_eq!(retry("retry: 5\n"), Some(Duration::from_millis(5)));
    assert_eq!(retry("retry: 5\nretry: 1x\nretry:\nretry: -1\n"), Some(Duration::from_millis(5)));
    assert_eq!(retry("retry: 99999999999999999999999\n"), Some(Duration::from_millis(u64::MAX)));
    assert_eq!(retry("retry: 5"), None);
}

#[test]
fn captured_fields_belong_to_their_block() {
    let decoder = || Decoder::builder().capture("topic").capture("key").build();
    let input = b"topic: a/b\nkey\ndata: 1\n\ndata: 2\n\nkey: k\nTopic: no\ntopic: x\ntopic:  y\xff\ndata: 3\n\ntopic: z\n\ndata: 4\n\n";
    let outcome = decode_every_way(decoder, input);
    let fields: Vec<_> = outcome.events().into_iter().map(|seen| seen.fields.clone()).collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(fields[0], [pair("topic", "a/b"), pair("key", "")]);
    assert_eq!(fields[1], []);
    assert_eq!(fields[2], [pair("topic", " y\u{fffd}"), pair("key", "k")]);
    assert_eq!(fields[3], []);

    let mut decoder = decoder();
    let mut chunk = Chunk::from("topic: t\ndata: 1\n\n");
    let event = decoder.decode(&mut chunk).unwrap().unwrap();
    assert_eq!((event.field("topic"), event.field("key"), event.field("data")), (Some("t"), None, None));
}

#[test]
#[should_panic(expected = "\"data\" is no name of a further field")]
fn standard_fields_cannot_be_captured() {
    let _ = Decoder::builder().capture("data");
}

#[test]
fn invalid_utf8_is_replaced_as_the_standard_says() {
    // One U+FFFD for each maximal part of a character, in every field and however the stream is cut.
    let outcome = decode_every_way(
        Decoder::new,
        b"id: a\xff\nevent: \xe2\x82\ndata: \xf0\x9f\x98x\ndata: \xc0\xaf\xed\xa0\x80\n\ndata: ok\n\n",
    );
    let first = Seen::new("\u{fffd}", "\u{fffd}x\n\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}", "a\u{fffd}");
    assert_eq!(outcome.results, [Ok(first), Ok(Seen::new("message", "ok", "a\u{fffd}"))]);
}

/// FMT-01: what a publish body is held to.
#[test]
fn strict_mode_refuses_invalid_utf8_once_for_each_block() {
    let strict = || Decoder::builder().strict_utf8(true).build();
    let input = b"id: 1\ndata: a\xff\ndata: \xff\n\ndata: b\n\n: \xe2\x82\n\ndata: \xe2\x82\xac\n\nunknown: \x80\n";
    let outcome = decode_every_way(strict, input);
    assert_eq!(outcome.data(), ["b", "€"]);
    assert_eq!(outcome.last_event_id, "1", "the id of a refused block still counts");
    let at: Vec<_> = outcome
        .errors()
        .into_iter()
        .map(|error| match error {
            DecodeError::InvalidUtf8(error) => error.valid_up_to,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(at, [7, 2, 9]);
}

#[test]
fn reset_expects_a_new_stream_and_keeps_the_cursor() {
    let mut decoder = Decoder::new();
    let mut chunk = Chunk::from("retry: 7\nid: 1\ndata: a\n\ndata: half");
    assert_eq!(decoder.decode(&mut chunk).unwrap().map(|event| event.data), Some("a"));
    assert!(!decoder.has_pending(), "what was handed out is not pending");
    assert!(decoder.decode(&mut chunk).unwrap().is_none());
    assert!(decoder.has_pending());
    decoder.reset();
    assert!(!decoder.has_pending());
    let mut chunk = Chunk::from("\u{feff}data: b\n\n");
    let event = decoder.decode(&mut chunk).unwrap().unwrap();
    assert_eq!((event.id, event.data), ("1", "b"));
    assert_eq!(decoder.retry(), Some(Duration::from_millis(7)));
}

#[test]
fn an_event_in_one_slice_points_into_it() {
    let bytes = b"id: 1\nevent: add\ntopic: t\ndata: abc\n\n".to_vec();
    let mut decoder = Decoder::builder().capture("topic").build();
    let mut chunk = Chunk::new(&bytes);
    let event = decoder.decode(&mut chunk).unwrap().unwrap();
    for text in [event.event_type, event.data, event.id, event.field("topic").unwrap()] {
        assert!(bytes.as_ptr_range().contains(&text.as_ptr()), "{text} was copied");
    }
}

#[test]
fn what_is_left_of_a_slice_can_be_seen() {
    let mut decoder = Decoder::new();
    let mut chunk = Chunk::new(b"data: 1\n\nrest");
    assert!(decoder.decode(&mut chunk).unwrap().is_some());
    assert_eq!(chunk.rest(), b"rest");
}
