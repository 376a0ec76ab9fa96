//! Bytes are decoded as the standard says, at any split.

use std::iter;

use headwater_testkit::{StreamServer, TestService};
use serde_json::{Value, json};

use crate::services::{delay_ms, quick, quick_with};

scenarios!(
    every_vector_at_several_splits,
    the_reconnection_time_of_every_vector,
    type_data_id_and_topic,
    events_of_every_size,
    an_event_over_the_limit_is_told_as_a_gap,
    no_bytes_stop_a_client,
);

const VECTORS: &str = include_str!("../../../vectors/event-stream.json");
const MIB: usize = 1 << 20;

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

fn input(vector: &Value) -> Vec<u8> {
    let hex = vector["input_hex"].as_str().unwrap().as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.chunks(2).map(byte).collect()
}

fn every_vector_at_several_splits(service: &TestService) {
    let server = StreamServer::start();
    for vector in vectors() {
        let input = input(&vector);
        for size in [input.len(), 1, 2, 3, input.len().div_ceil(2)] {
            // The one failure that is allowed comes behind all events.
            let mut client = service.subscribe(&server.url("/"), json!({ "maxFailures": 1 }));
            let mut attempt = server.attempt();
            attempt.open();
            attempt.write_in_pieces(&input, size);
            attempt.finish();
            let items: Vec<Value> =
                iter::from_fn(|| Some(client.item()).filter(|item| item["kind"] != "error")).collect();
            let got: Vec<Value> = items.iter().map(|item| dispatched(&item["event"])).collect();
            assert_eq!(Value::from(got), vector["events"], "{} in pieces of {size}", vector["name"]);
        }
    }
}

/// An event as the vectors write it.
fn dispatched(event: &Value) -> Value {
    json!({ "event": event["type"], "data": event["data"], "id": event["id"] })
}

fn the_reconnection_time_of_every_vector(service: &TestService) {
    for vector in vectors().iter().filter(|vector| vector.get("retry").is_some()) {
        let server = StreamServer::start();
        let mut client = service.subscribe(&server.url("/"), quick());
        let mut attempt = server.attempt();
        attempt.open();
        attempt.write(input(vector));
        attempt.finish();
        let waiting = client.until_state("waiting");
        assert_eq!(delay_ms(&waiting), vector["retry"].as_f64().unwrap_or(0.0), "{}", vector["name"]);
    }
}

fn type_data_id_and_topic(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write("data: plain\n\n");
    let event = client.event();
    assert_eq!(dispatched(&event), json!({ "event": "message", "data": "plain", "id": "" }));
    assert!(event.get("topic").is_none_or(Value::is_null), "{event}");
    attempt.write("topic: orders/\u{f8}\nid: 7\nevent: paid\ndata: a\ndata: b\n\n");
    assert_eq!(client.event(), json!({ "type": "paid", "data": "a\nb", "id": "7", "topic": "orders/\u{f8}" }));
    // A topic is of its block only, as a type is; the id stays in force.
    attempt.write("data: c\n\n");
    let event = client.event();
    assert_eq!(dispatched(&event), json!({ "event": "message", "data": "c", "id": "7" }));
    assert!(event.get("topic").is_none_or(Value::is_null), "{event}");
}

fn events_of_every_size(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut attempt = server.attempt();
    attempt.open();
    // Around the sizes that buffers have.
    let around = |size: usize| [size - 1, size, size + 1];
    let sizes = [512, 1024, 4096, 8192, 16_384, 65_536].into_iter().flat_map(around).chain([1 << 18, MIB - 1, MIB]);
    for size in sizes {
        let data: String = (b'a'..=b'z').cycle().take(size).map(char::from).collect();
        // Cut where nothing else is cut, and not at all.
        for piece in [4093, usize::MAX] {
            attempt.write_in_pieces(format!("data: {data}\n\n"), piece);
            let event = client.event();
            assert!(event["data"] == data, "{} bytes came of {size}", event["data"].as_str().unwrap().len());
        }
    }
}

fn an_event_over_the_limit_is_told_as_a_gap(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick_with(json!({ "maxEvent": 1000 })));
    let mut attempt = server.attempt();
    attempt.open();
    let long = format!("id: long\ndata: {}\n\n", "x".repeat(1001));
    let many = format!("id: many\n{}\n", "data: ten bytes.\n".repeat(101));
    let mut before = "";
    for (oversized, piece, id) in
        [(&long, usize::MAX, "long"), (&many, 7, "many"), (&long, 100, "long"), (&many, usize::MAX, "many")]
    {
        attempt.write_in_pieces(oversized, piece);
        let gap = json!({ "reason": "oversized", "requested": before, "resumed_at": id });
        assert_eq!(client.of_kind("gap"), gap, "in pieces of {piece}");
        before = id;
        attempt.write("data: goes on\n\n");
        client.expect_data(&["goes on"]);
    }
    // It is not asked for again, which would bring it again for ever.
    attempt.write_in_pieces(&long, 7);
    attempt.finish();
    let mut attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some("long"));
    // One whose end does not come was no event, and leaves no gap.
    client.of_kind("gap");
    attempt.open();
    attempt.write_in_pieces(many.trim_end(), 7);
    attempt.finish();
    let mut attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some("long"));
    attempt.open();
    attempt.write("data: goes on\n\n");
    client.expect_data(&["goes on"]);
}

/// Bytes of which streams are made, and such as have no place in one; no digits, so that nothing is waited for.
const HOSTILE: &[&[u8]] = &[
    b"data",
    b"event",
    b"id",
    b"retry",
    b"topic",
    b":",
    b": ",
    b" ",
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    b"\0",
    b"\x01",
    b"\x7f",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3",
    b"\xf0\x9f",
    b"\xed\xa0\x80",
    b"\xe2\x80\xa8",
    b"\"{[",
    b"headwater.gap",
    b"event: headwater.closing\n",
    b"data: {}\n",
    b"data: null\n\n",
    b"id: \x01\x1b[31m\n\n",
    b"id: \xf0\x9f\x8c\x8a\n\n",
];

fn no_bytes_stop_a_client(service: &TestService) {
    let server = StreamServer::start();
    let mut client = service.subscribe(&server.url("/"), quick());
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..100 {
        let bytes: Vec<u8> = (0..200).flat_map(|_| random.choice(HOSTILE).unwrap().to_vec()).collect();
        let mut attempt = server.attempt();
        attempt.open();
        attempt.write_in_pieces(&bytes, random.usize(1..50));
        attempt.finish();
    }
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write("data: alive\n\n");
    while client.item()["event"]["data"] != "alive" {}
}
