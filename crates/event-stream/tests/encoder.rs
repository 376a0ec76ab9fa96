//! What the encoder writes, requirement by requirement, and what its types refuse.

mod support;

use headwater_event_stream::{Encoder, EventId, EventType, Field, IdRef, IdText, InvalidField, Message, TypeRef};
use support::{Seen, decode};

fn encode(write: impl FnOnce(&mut Encoder<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut Encoder::new(&mut out));
    String::from_utf8(out).expect("FMT-01: what is written is UTF-8")
}

fn event(message: &Message<'_>) -> String {
    let text = encode(|encoder| {
        encoder.event(message);
    });
    assert_eq!(text.len(), message.encoded_len());
    text
}

/// The start of a stream, an event and a heartbeat, as every subscriber is promised them.
#[test]
fn the_blocks_of_a_stream() {
    let id = |text| IdText::new(text).unwrap();
    let topic = [Field::new("topic", "orders/42").unwrap()];
    let order_paid = EventType::new("order.paid").unwrap();
    let text = encode(|encoder| {
        encoder
            .retry(3187)
            .id_only(&id("1041-6f3a"))
            .event(&Message::new("{\"total\": 12}").id(&id("1042-6f3a")).event_type(&order_paid).fields(&topic))
            .comment("")
            .id_only(&id("1107-6f3a"));
    });
    assert_eq!(
        text,
        "retry: 3187\nid: 1041-6f3a\n\n\
         id: 1042-6f3a\nevent: order.paid\ntopic: orders/42\ndata: {\"total\": 12}\n\n\
         :\nid: 1107-6f3a\n\n"
    );
}

/// FMT-02, FMT-03, FMT-04: one line for each line of data, always a space, always a blank line at the end.
#[test]
fn data_becomes_one_line_for_each_of_its_lines() {
    for (data, lines, decoded) in [
        ("", "data: \n\n", ""),
        ("a", "data: a\n\n", "a"),
        (" a", "data:  a\n\n", " a"),
        ("a\n", "data: a\ndata: \n\n", "a\n"),
        ("\r", "data: \ndata: \n\n", "\n"),
        ("a\r\nb\rc\nd", "data: a\ndata: b\ndata: c\ndata: d\n\n", "a\nb\nc\nd"),
        ("\n\r", "data: \ndata: \ndata: \n\n", "\n\n"),
        ("data: x\n\nid: 1", "data: data: x\ndata: \ndata: id: 1\n\n", "data: x\n\nid: 1"),
        ("\u{feff}\0\u{2028}\u{85}\u{b}", "data: \u{feff}\0\u{2028}\u{85}\u{b}\n\n", "\u{feff}\0\u{2028}\u{85}\u{b}"),
    ] {
        assert_eq!(event(&Message::new(data)), lines);
        assert_eq!(decode(lines.as_bytes()).results, [Ok(Seen::new("message", decoded, ""))]);
    }
}

/// FMT-05, EVR-02: digits only, on a line of its own that dispatches nothing.
#[test]
fn retry_is_ascii_digits() {
    for millis in [0, 7, 3000, u64::MAX] {
        let text = encode(|encoder| {
            encoder.retry(millis).end_block();
        });
        assert_eq!(text, format!("retry: {millis}\n\n"));
        let outcome = decode(text.as_bytes());
        assert_eq!(outcome.retry, Some(std::time::Duration::from_millis(millis)));
        assert_eq!(outcome.results, []);
    }
}

/// FMT-06, T5: a line break in a comment begins another comment.
#[test]
fn comments_are_split_at_every_kind_of_line_end() {
    let text = encode(|encoder| {
        encoder.comment("hi\r\ndata: forged\rid: 1\n\nevent: x");
    });
    assert_eq!(text, ": hi\n: data: forged\n: id: 1\n:\n: event: x\n");
    assert_eq!(decode(format!("{text}\n").as_bytes()), decode(b""));
}

/// FMT-07
#[test]
fn the_default_type_takes_no_bytes() {
    assert_eq!(event(&Message::new("x").event_type(TypeRef::from_static("message"))), "data: x\n\n");
    assert_eq!(event(&Message::new("x").event_type(TypeRef::from_static("Message"))), "event: Message\ndata: x\n\n");
}

/// FMT-01: whatever comes first, the stream does not begin with a byte order mark.
#[test]
fn no_byte_order_mark_is_ever_written() {
    assert!(event(&Message::new("\u{feff}")).starts_with("data"));
    assert_eq!(Field::new("\u{feff}x", ""), Err(InvalidField::Name));
}

/// SEC-11, T5, IDG-10: a value that would end its line, and an id that would be ignored, cannot be made.
#[test]
fn no_field_can_hold_a_line_break_or_nul() {
    for forbidden in ['\r', '\n', '\0'] {
        for (text, at) in
            [(format!("{forbidden}"), 0), (format!("é{forbidden}data: x"), 2), (format!("1{forbidden}"), 1)]
        {
            let error = InvalidField::Forbidden(at);
            assert_eq!(EventType::new(&text), Err(error));
            assert_eq!(EventType::try_from(text.clone()), Err(error));
            assert_eq!(text.parse::<EventType>(), Err(error));
            assert_eq!(TypeRef::new(&text), Err(error));
            assert_eq!(EventId::new(&text), Err(error));
            assert_eq!(EventId::try_from(text.clone()), Err(error));
            assert_eq!(text.parse::<EventId>(), Err(error));
            assert_eq!(IdRef::new(&text), Err(error));
            assert_eq!(IdText::new(&text), Err(error));
            assert_eq!(Field::new("topic", &text), Err(error));
            assert_eq!(Field::new(&text, "x"), Err(InvalidField::Name));
        }
    }
    for name in ["", "data", "event", "id", "retry", "a:b", ":"] {
        assert_eq!(Field::new(name, "x"), Err(InvalidField::Name), "{name:?}");
    }
}

/// EVR-10: an empty id would reset the cursor of every receiver.
#[test]
fn an_empty_id_or_type_cannot_be_made() {
    assert_eq!(EventId::new(""), Err(InvalidField::Empty));
    assert_eq!(IdRef::new(""), Err(InvalidField::Empty));
    assert_eq!(IdText::new(""), Err(InvalidField::Empty));
    assert_eq!(EventType::new(""), Err(InvalidField::Empty));
    assert_eq!(TypeRef::new(""), Err(InvalidField::Empty));
    assert!(Field::new("topic", "").is_ok());
}

#[test]
fn an_id_on_the_stack_holds_what_fits() {
    let longest = "9".repeat(IdText::CAPACITY);
    assert_eq!(IdText::new(&longest).unwrap().as_str(), longest);
    assert_eq!(IdText::new(format_args!("{longest}9")), Err(InvalidField::TooLong(IdText::CAPACITY)));
    let id = IdText::new(format_args!("{}-{:04x}", u64::MAX, u32::MAX)).unwrap();
    assert_eq!(id.to_string(), "18446744073709551615-ffffffff");
    assert_eq!(EventId::from(id).as_str(), &*id);
}

#[test]
fn owned_and_borrowed_forms_are_the_same_text() {
    let id = EventId::new(" é 1").unwrap();
    assert_eq!(IdRef::from(&id).as_str(), " é 1");
    assert_eq!(event(&Message::new("x").id(&id)), "id:  é 1\ndata: x\n\n");
    assert_eq!(EventId::from(IdRef::from(&id)), id);
    assert_eq!(format!("{:>6}", EventType::new("ab").unwrap()), "    ab");
    assert_eq!(InvalidField::Forbidden(3).to_string(), "has a line break or NUL at byte 3");
}

#[test]
fn an_encoder_appends() {
    let mut out = b"kept\n\n".to_vec();
    Encoder::new(&mut out).event(&Message::new("x"));
    assert_eq!(out, b"kept\n\ndata: x\n\n");
}
