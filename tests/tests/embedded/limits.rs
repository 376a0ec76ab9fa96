//! Sessions within the process count for the limits.

use headwater_server::embedded::Read;
use headwater_testkit::Request;

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
