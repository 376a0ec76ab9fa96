//! The decoder vectors that the crate `sse-parse` ships with its tests, read from where cargo keeps its sources.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use headwater_event_stream::Decoder;
use serde_json::Value;
use support::{Seen, decode_with};

#[test]
fn every_vector_as_chunked_byte_by_byte_and_whole() {
    let text = std::fs::read_to_string(package_folder("sse-parse").join("tests/conformance-vectors.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(file["schema"], "sse-conformance-vectors/1");
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 36);
    for vector in vectors {
        let chunks = chunks(vector);
        let stream = chunks.concat();
        let chunkings: [Vec<&[u8]>; 3] =
            [chunks.iter().map(Vec::as_slice).collect(), stream.chunks(1).collect(), vec![&stream]];
        let expected = &vector["expected"];
        for chunking in chunkings {
            let outcome = decode_with(Decoder::new(), chunking);
            let name = &vector["id"];
            assert_eq!(outcome.results, events(&expected["events"]).into_iter().map(Ok).collect::<Vec<_>>(), "{name}");
            assert_eq!(outcome.last_event_id, expected["final_last_event_id"], "{name}");
            let retry = expected["retry_updates"].as_array().unwrap().last().map(number);
            assert_eq!(outcome.retry, retry.map(Duration::from_millis), "{name}");
        }
    }
}

/// Where cargo unpacked a dependency of this crate.
fn package_folder(name: &str) -> PathBuf {
    // Packages of other platforms may never have been downloaded, and offline that would be an error.
    let version = cargo(&["-vV"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let metadata =
        cargo(&["metadata", "--format-version=1", "--offline", "--filter-platform", host, "--manifest-path", manifest]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let package = metadata["packages"].as_array().unwrap().iter().find(|package| package["name"] == name).unwrap();
    let mut folder = PathBuf::from(package["manifest_path"].as_str().unwrap());
    folder.pop();
    folder
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn chunks(vector: &Value) -> Vec<Vec<u8>> {
    if let Some(chunks) = vector["chunks"].as_array() {
        return chunks.iter().map(chunk).collect();
    }
    let generator = &vector["generator"];
    let stream = match text(&generator["kind"]) {
        "repeat_stream" => text(&generator["unit_text"]).repeat(number(&generator["count"]) as usize),
        "long_line" => {
            let fill = text(&generator["fill_char"]).repeat(number(&generator["fill_count"]) as usize);
            [text(&generator["prefix"]), &fill, text(&generator["suffix"])].concat()
        }
        other => panic!("unknown generator {other}"),
    };
    stream.as_bytes().chunks(number(&generator["chunk_bytes"]) as usize).map(<[u8]>::to_vec).collect()
}

fn chunk(value: &Value) -> Vec<u8> {
    match value["hex"].as_str() {
        Some(hex) => (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect(),
        None => text(&value["text"]).as_bytes().to_vec(),
    }
}

fn events(value: &Value) -> Vec<Seen> {
    if let Some(list) = value.as_array() {
        return list.iter().map(|event| event_of(event, text(&event["data"]))).collect();
    }
    match text(&value["kind"]) {
        "repeat" => {
            let event = event_of(&value["event"], text(&value["event"]["data"]));
            vec![event; number(&value["count"]) as usize]
        }
        "single_fill_event" => {
            let data = text(&value["fill_char"]).repeat(number(&value["fill_count"]) as usize);
            vec![event_of(value, &data)]
        }
        other => panic!("unknown kind of events {other}"),
    }
}

fn event_of(value: &Value, data: &str) -> Seen {
    let or = |key: &str, default| value[key].as_str().unwrap_or(default).to_owned();
    Seen::new(&or("event", "message"), data, &or("id", ""))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}
