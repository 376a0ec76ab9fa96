//! Sessions within the process count for the limits.

use std::fs;

use headwater_server::embedded::Read;
use headwater_testkit::{Request, until};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::app::App;

#[test]
fn a_session_too_many_is_sent_away() {
    let app = App::with("[limits]\nsessions = 1");
    let taken = app.subscribe(Read::topics(["orders/1"]));
    let refusal = app.wait(app.hub.subscribe(Read::topics(["a"]).unwrap())).unwrap_err();
    assert_eq!(refusal.status(), 503);
    // EventSource gets a clean end and comes back, as from the hub's own socket.
    let mut sent_away = app.client.stream(&Request::get("/orders"));
    assert_eq!(sent_away.rest(), []);
    assert!(sent_away.retry().unwrap().as_secs() >= 30, "{}", sent_away.raw());
    drop(taken);
    app.figures("a place", |figures| figures.sessions() == 0.0);
    app.subscribe(Read::topics(["a"]));
}

// OBS-02
#[test]
fn who_is_refused_on_a_route_of_the_application_has_a_line_in_the_access_log() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("access.log");
    let app = App::with(&format!("access_log = {file:?}\n[limits]\nsubject_sessions = 1"));
    assert_eq!(app.client.get("/mine?topic=users/8/orders").status(), 403);
    let _mine = app.client.stream(&Request::get("/mine?topic=public"));
    assert_eq!(app.client.stream(&Request::get("/mine?topic=public")).rest(), []);
    let lines = until("two lines", || {
        let text = fs::read_to_string(&file).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (lines.len() == 2).then_some(lines)
    });
    for (line, status, reason, topic) in
        [(&lines[0], 403, "forbidden", "users/8/orders"), (&lines[1], 200, "sent_away", "public")]
    {
        let told =
            json!([line["kind"], line["status"], line["reason"], line["topics"], line["subject"], line["address"]]);
        assert_eq!(told, json!(["session", status, reason, [topic], "7", "192.0.2.7"]), "{line}");
    }
}

#[test]
fn a_subject_has_so_many_wherever_they_come_from() {
    let app = App::with("[limits]\nsubject_sessions = 1\ntopics = 2");
    let _mine = app.client.stream(&Request::get("/mine?topic=public"));
    let read = |subject: &str| app.wait(app.hub.subscribe(Read::topics(["a"]).unwrap().subject(subject)));
    assert_eq!(read("7").unwrap_err().status(), 429);
    assert!(read("8").is_ok());
    let many = app.wait(app.hub.subscribe(Read::topics(["a", "b", "c"]).unwrap()));
    assert_eq!(many.unwrap_err().status(), 400);
}
