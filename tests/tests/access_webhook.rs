//! The application that is asked who may read what, in place of a token (SEC-05): it fails closed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::mpsc;
use std::thread;

use headwater_testkit::{Answer, Application, Incoming, LocalHub, Request, Scripted, until};
use serde_json::{Value, json};

const ORIGIN: &str = "https://app.example";

fn config(application: &Application) -> String {
    format!(
        "[access]\norigins = [\"{ORIGIN}\"]\nanonymous = {{ subscribe = [\"public/**\"] }}\n\
         [access.webhook]\nurl = {:?}\nca = {:?}\ntimeout = \"500ms\"\n",
        application.url("/headwater?from=hub"),
        application.ca()
    )
}

fn events(topic: &str) -> Request {
    Request::get(&format!("/v1/events?topic={topic}"))
}

fn with_cookie(request: Request, cookie: &str) -> Request {
    request.header("Cookie", format!("session={cookie}")).header("Origin", ORIGIN)
}

fn reason(answer: &Answer) -> (u16, String) {
    (answer.status(), answer.json()["reason"].as_str().unwrap_or("").to_owned())
}

fn question(asked: &Incoming) -> Value {
    serde_json::from_slice(&asked.body).unwrap()
}

/// Knows ada, who may read her orders, and bob, who may read nothing.
fn by_cookie(asked: &Incoming) -> Scripted {
    let user = asked.header("cookie").and_then(|cookie| cookie.strip_prefix("session="));
    match (user, asked.header("authorization")) {
        (Some("ada"), _) | (_, Some("Bearer opaque")) => {
            Scripted::json(&json!({ "subscribe": ["orders/**"], "subject": "ada", "ttl": 600 }))
        }
        (user, _) => Scripted::status(if user == Some("bob") { 403 } else { 401 }),
    }
}

#[test]
fn sec_05_the_application_says_who_may_read_what() {
    let application = Application::start(by_cookie);
    let hub = LocalHub::with(&config(&application));
    let client = hub.client();
    drop(client.stream(&with_cookie(events("orders/42&topic=orders/*/lines"), "ada")));
    let asked = application.seen().remove(0);
    assert_eq!((&*asked.method, &*asked.target), ("POST", "/headwater?from=hub"));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("origin"), None, "nothing but what was chosen: {asked:?}");
    assert_eq!(question(&asked), json!({ "subscribe": ["orders/*/lines", "orders/42"], "address": "127.0.0.1" }));
    drop(client.stream(&events("orders/42").header("Authorization", "Bearer opaque")));
    let refused = |request: Request| reason(&client.send(&request));
    assert_eq!(refused(with_cookie(events("orders/42"), "bob")), (403, "webhook-refused".to_owned()));
    assert_eq!(refused(with_cookie(events("orders/42"), "eve")), (401, "webhook-refused".to_owned()));
    assert_eq!(refused(with_cookie(events("**"), "ada")), (403, "no-right-to-subscribe".to_owned()));
    assert_eq!(refused(events("orders/42")), (401, "webhook-refused".to_owned()));
    // T1: a cookie that any page may have sent along is not shown to it.
    assert_eq!(refused(events("orders/42").header("Cookie", "session=ada")), (401, "webhook-refused".to_owned()));
    assert_eq!(application.seen().last().unwrap().header("cookie"), None);
    // Only reading is asked about, and nothing that everybody may read.
    let before = application.seen().len();
    assert_eq!(refused(with_cookie(Request::post("/v1/topics/orders/42", "x"), "ada")), (401, "missing".to_owned()));
    drop(client.stream(&events("public/news")));
    assert_eq!(client.send(&events("a//b")).status(), 400);
    assert_eq!(application.seen().len(), before);
}

#[test]
fn t4_a_stream_ends_with_what_the_application_granted() {
    let application = Application::start(|_| Scripted::json(&json!({ "subscribe": ["a"], "ttl": 2, "cache": 60 })));
    let hub = LocalHub::with(&config(&application));
    let mut stream = hub.client().stream(&with_cookie(events("a"), "ada"));
    assert_eq!(stream.next().event, "headwater.expiring");
    let closing = stream.next();
    assert_eq!((closing.event.as_str(), closing.json()["reason"].as_str()), ("headwater.closing", Some("expired")));
    assert!(stream.next_or_end().is_none());
    // Nothing is kept beyond its end.
    drop(hub.client().stream(&with_cookie(events("a"), "ada")));
    assert_eq!(application.seen().len(), 2);
}

#[test]
fn answers_are_kept_as_long_as_they_say_for_the_same_question() {
    let answer = |cache: u64| Scripted::json(&json!({ "subscribe": ["**"], "ttl": 600, "cache": cache }));
    let application = Application::start(move |_| answer(60));
    let hub = LocalHub::with(&config(&application));
    let client = hub.client();
    let asked = |request: Request| {
        drop(client.stream(&request));
        application.seen().len()
    };
    assert_eq!(asked(with_cookie(events("a&topic=b"), "ada")), 1);
    assert_eq!(asked(with_cookie(events("b&topic=a"), "ada")), 1, "the order makes no difference");
    assert_eq!(asked(with_cookie(events("a"), "ada")), 2, "other topics do");
    assert_eq!(asked(with_cookie(events("a"), "bob")), 3, "and another caller");
    application.answer(move |_| answer(0));
    assert_eq!(asked(with_cookie(events("c"), "ada")), 4);
    assert_eq!(asked(with_cookie(events("c"), "ada")), 5, "not kept unless it says so");
}

#[test]
fn the_same_question_is_asked_once_at_a_time() {
    let (release, wait) = mpsc::channel::<()>();
    let application = Application::start(move |_| {
        wait.recv().unwrap();
        Scripted::json(&json!({ "subscribe": ["**"], "ttl": 600, "cache": 60 }))
    });
    let hub = LocalHub::with(&config(&application).replace("500ms", "20s"));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| drop(hub.client().stream(&with_cookie(events("a"), "ada"))));
        }
        until("the question", || (!application.seen().is_empty()).then_some(()));
        release.send(()).unwrap();
    });
    assert_eq!(application.seen().len(), 1);
}

#[test]
fn without_an_answer_nobody_reads_and_everybody_comes_back() {
    let application = Application::start(|_| Scripted::Silence);
    let hub = LocalHub::with(&config(&application));
    let client = hub.client();
    let asked = || with_cookie(events("orders/1"), "ada");
    let bad = [
        Scripted::Silence,
        Scripted::HangUp,
        Scripted::status(500),
        Scripted::status(204),
        Scripted::Answer(302, vec![format!("location: {}", application.url("/"))], String::new()),
        Scripted::Answer(200, Vec::new(), "{\"subscribe\":[\"**\"]}".to_owned()),
        Scripted::Answer(200, Vec::new(), "x".repeat(100_000)),
    ];
    for scripted in bad {
        let said = scripted.clone();
        application.answer(move |_| said.clone());
        let answer = client.send(&asked());
        assert_eq!(answer.status(), 200, "{scripted:?}");
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        assert_eq!(answer.header("headwater-cursor"), None, "nothing of what is there");
        let retry = answer.text().strip_prefix("retry: ").and_then(|text| text.strip_suffix("\n\n").map(str::to_owned));
        assert!((5_000..=15_000).contains(&retry.unwrap().parse().unwrap()), "{:?}", answer.text());
    }
    for form in ["application/x-ndjson", "application/json"] {
        let answer = client.send(&asked().header("Accept", form));
        assert_eq!(answer.status(), 503);
        assert!(answer.header("retry-after").is_some());
        assert_eq!(answer.json()["type"], "urn:headwater:problem:access-undecided");
    }
    application.answer(by_cookie);
    drop(client.stream(&asked()));
}
