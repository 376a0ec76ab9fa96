//! Requests that mean one thing to one reader and another to the next. They stand in `requests.json`, each with the
//! statuses of its answers.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::bystanders::{LAST, attack};

const MIB: u64 = 1 << 20;

fn corpus(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("requests.json")).unwrap();
    all[name].as_array().unwrap().clone()
}

// T24: what two servers could read in two ways is refused, and nothing of what follows is done.
#[test]
fn t24_smuggled_requests() {
    let (corpus, passes) = (corpus("smuggling"), AtomicUsize::new(0));
    let statuses = |case: &Value| -> Vec<u16> {
        case["statuses"].as_array().unwrap().iter().map(|status| status.as_u64().unwrap() as u16).collect()
    };
    let hub = attack("", 16 * MIB, |target| {
        while target.goes_on() {
            for case in &corpus {
                let (mut bytes, mut expected) = (case["request"].as_str().unwrap().to_owned(), statuses(case));
                if expected.last().is_some_and(|status| *status < 400) {
                    bytes.push_str(LAST);
                    expected.push(200);
                }
                let (found, text) = target.exchange(bytes.as_bytes());
                assert_eq!(found, expected, "{}: {text}", case["name"]);
                assert!(found[0] < 400 || text.contains("application/problem+json"), "{}: {text}", case["name"]);
            }
            passes.fetch_add(1, Ordering::Relaxed);
        }
    });
    let honest = corpus.iter().filter(|case| statuses(case).len() == 2).count();
    let stored = hub.client().topic("smuggled").expect(200).json();
    assert_eq!(stored["events"], honest * passes.into_inner(), "something was smuggled in");
}

// T20: names that would lead out of a folder, hide, or mean another name once more decoded.
#[test]
fn t20_names_that_are_paths() {
    let corpus = corpus("traversal");
    drop(attack("", 16 * MIB, |target| {
        while target.goes_on() {
            for case in &corpus {
                let (path, status) = (case["target"].as_str().unwrap(), case["status"].as_u64().unwrap() as u16);
                let get = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
                let (found, text) = target.exchange(get.as_bytes());
                assert_eq!(found, [status], "{path}: {text}");
                // What is no topic cannot be published to, read or deleted, either.
                let Some(name) = path.strip_prefix("/v1/topics/").filter(|_| status == 400) else { continue };
                for method in ["POST", "DELETE"] {
                    let request =
                        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n{LAST}");
                    let (found, text) = target.exchange(request.as_bytes());
                    assert_eq!(found, [400, 200], "{method} {path}: {text}");
                }
                // There are patterns among them, which can be read.
                if !name.contains('*') && !name.contains("%2a") {
                    let get = format!("GET /v1/events?topic={name} HTTP/1.1\r\nHost: localhost\r\n\r\n{LAST}");
                    let (found, text) = target.exchange(get.as_bytes());
                    assert_eq!(found, [400, 200], "{get} {text}");
                }
            }
        }
    }));
}
