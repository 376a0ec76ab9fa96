//! Bounded lines, bounded events, linear time (FMT-08, FMT-17).

mod support;

use headwater_event_stream::{Chunk, DecodeError, Decoder, Limit};
use support::{decode_every_way, decode_with};

fn limits(error: &DecodeError) -> (Limit, usize) {
    match error {
        DecodeError::LimitExceeded(error) => (error.limit, error.max),
        other => panic!("{other}"),
    }
}

/// FMT-17
#[test]
fn a_line_over_the_limit_costs_its_block_and_nothing_else() {
    let decoder = || Decoder::builder().max_line(10).build();
    for long in ["data: 56789x", "id: 123456789", ": 3456789 1", "unknown: 1234567890", "12345678901"] {
        for end in ["\n", "\r", "\r\n"] {
            let input = format!("data: 6789{end}{end}id: 7{end}{long}{end}data: x{end}{end}data: ok{end}{end}");
            let outcome = decode_every_way(decoder, input.as_bytes());
            assert_eq!(outcome.data(), ["6789", "ok"], "{long}");
            assert_eq!(outcome.errors().iter().map(limits).collect::<Vec<_>>(), [(Limit::Line, 10)], "{long}");
            assert_eq!(outcome.last_event_id, "7", "{long}");
        }
    }
}

/// FMT-08, FMT-17: the limit counts what is kept, as it was received.
#[test]
fn an_event_over_the_limit_costs_its_block_and_nothing_else() {
    let decoder = || Decoder::builder().max_event(8).capture("topic").build();
    let ok = [
        "data: 12345678\n",
        "data: 123\ndata: 567\ndata\n",
        "event: 1234\ntopic: 56\ndata: 78\n",
        "event: 123456\nevent: 1\ndata: 1234567\n",
        "unknown: 123456789\ndata: 1\n",
    ];
    let over = [
        "data: 123456789\n",
        "data: 123\ndata: 567\ndata\ndata\n",
        "event: 1234\ntopic: 56\ndata: 789\n",
        "id: 12345678\ndata: 9\n",
    ];
    for block in ok {
        assert_eq!(decode_every_way(decoder, format!("{block}\n").as_bytes()).errors(), [], "{block}");
    }
    // Eight bytes as received, whatever U+FFFD makes of them.
    assert_eq!(decode_every_way(decoder, b"data: \xff\xff\xff\xff\xff\xff\xff\xff\n\n").data()[0].len(), 24);
    for block in over {
        let outcome = decode_every_way(decoder, format!("{block}data: x\n\ndata: ok\n\n").as_bytes());
        assert_eq!(outcome.data(), ["ok"], "{block}");
        assert_eq!(outcome.errors().iter().map(limits).collect::<Vec<_>>(), [(Limit::Event, 8)], "{block}");
    }
}

/// FMT-17: where the refused block ends, whatever it was refused for and however it is cut.
#[test]
fn a_refused_block_can_be_skipped_to_its_end() {
    let over = [
        "data: 123456789\n",
        "data: 1\r\ndata: 23456789\r\n",
        "id: 8\rdata: 123456789\rdata: x\r",
        "data: 1\nunknown: 123456789 12\n",
    ];
    for block in over {
        for id in ["", "id: 8\n"] {
            let input = format!("id: 7\ndata: a\n\n{block}{id}\n\ndata: b\n\n");
            let after = if input.contains("id: 8") { "8" } else { "7" };
            for size in 1..=input.len() {
                let mut decoder = Decoder::builder().max_event(8).max_line(20).build();
                let mut seen = Vec::new();
                let mut refused = false;
                for bytes in input.as_bytes().chunks(size) {
                    let mut chunk = Chunk::new(bytes);
                    loop {
                        if refused {
                            if !decoder.skip_refused(&mut chunk) {
                                assert!(chunk.rest().is_empty());
                                break;
                            }
                            refused = false;
                            seen.push(format!("up to {}", decoder.last_event_id()));
                        }
                        match decoder.decode(&mut chunk) {
                            Ok(Some(event)) => seen.push(event.data.to_owned()),
                            Ok(None) => break,
                            Err(_) => {
                                refused = true;
                                seen.push(format!("after {}", decoder.last_event_id()));
                            }
                        }
                    }
                }
                assert_eq!(seen, ["a", "after 7", &format!("up to {after}"), "b"], "{input:?} in pieces of {size}");
            }
        }
    }
}

/// Without a refused block there is nothing to skip.
#[test]
fn what_is_not_refused_is_not_skipped() {
    let mut decoder = Decoder::new();
    let mut chunk = Chunk::from("data: a\n\n");
    assert!(decoder.skip_refused(&mut chunk));
    assert_eq!(decoder.decode(&mut chunk).unwrap().unwrap().data, "a");
}

/// A stream of the smallest lines grows an event too.
#[test]
fn empty_data_lines_count() {
    let decoder = Decoder::builder().max_event(1000).build();
    let outcome = decode_with(decoder, std::iter::repeat_n(&b"data\n"[..], 10_000));
    assert_eq!(outcome.errors().iter().map(limits).collect::<Vec<_>>(), [(Limit::Event, 1000)]);
}

#[test]
fn a_long_line_without_end_is_reported_as_soon_as_it_is_too_long() {
    let mut decoder = Decoder::builder().max_line(100).build();
    let results: Vec<_> =
        (0..1000).map(|_| decoder.decode(&mut Chunk::new(b"0123456789")).map(|event| event.is_some())).collect();
    assert_eq!(results.iter().position(Result::is_err), Some(10));
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    assert!(decoder.has_pending());
}

#[test]
fn errors_name_the_limit_and_the_way_out() {
    let error = Decoder::builder().max_line(3).build().decode(&mut Chunk::from("data: x\n")).unwrap_err();
    assert_eq!(error.to_string(), "line is larger than 3 bytes; send less, or raise `max_line`");
    let error = Decoder::builder().max_event(0).build().decode(&mut Chunk::from("data: x\n")).unwrap_err();
    assert_eq!(error.to_string(), "event is larger than 0 bytes; send less, or raise `max_event`");
    let error = Decoder::builder().strict_utf8(true).build().decode(&mut Chunk::new(b"data: \xff\n")).unwrap_err();
    assert_eq!(error.to_string(), "line is not UTF-8 at byte 6; an event stream is always UTF-8");
}

/// FMT-17: with any step that looks back over the line, the byte-by-byte pass would take hours.
#[test]
fn a_line_of_one_mebibyte_is_one_event_in_linear_time() {
    const LEN: usize = 1 << 20;
    let line = [b"data: ".as_slice(), &vec![b'x'; LEN], b"\n\n"].concat();
    for size in [1, 2, 1447, 16 * 1024, line.len()] {
        let outcome = decode_with(Decoder::new(), line.chunks(size));
        assert_eq!(outcome.data().iter().map(|data| data.len()).collect::<Vec<_>>(), [LEN], "slices of {size}");
    }
}

/// FMT-17: as above, for an event of many lines, and for one that replaces a large value again and again.
#[test]
fn many_lines_in_one_block_take_linear_time() {
    let lines = [b"data: x\n".repeat(1 << 17), b"\n".to_vec()].concat();
    assert_eq!(decode_with(Decoder::new(), lines.chunks(1)).data()[0].len(), (2 << 17) - 1);

    let large = [b"data: ".as_slice(), &vec![b'x'; 1 << 20], b"\n"].concat();
    let replaced = [large, b"event: y\nid: 1\n".repeat(1 << 16), b"\n".to_vec()].concat();
    let outcome = decode_with(Decoder::new(), replaced.chunks(1000));
    assert_eq!(outcome.events()[0].event, "y");
}
