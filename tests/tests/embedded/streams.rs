//! The application's own routes answer as the hub's socket would.

use headwater_server::embedded::EndReason;
use headwater_testkit::{Request, Sse, until};

use crate::app::App;

/// The stream without what differs from reader to reader: the first line, which is the reconnect delay.
fn body(stream: &mut Sse, last: &str) -> String {
    let raw = stream.until_raw(|raw| raw.contains(last));
    raw.split_once('\n').unwrap().1.to_owned()
}

// FWK-06
#[test]
fn a_route_writes_the_same_bytes_as_the_hubs_own_socket() {
    let app = App::start();
    let first = app.publish("orders/1", "1");
    app.publish("others", "x");
    for id in ["", &first, "9-beef", "nonsense"] {
        let mut own = app.own().resume("topic=orders/*", id);
        let mut route = app.client.stream(&Request::get("/orders").header("Last-Event-ID", id));
        assert!(route.raw().is_empty() || route.raw().starts_with("retry: "));
        for name in
            ["cache-control", "x-accel-buffering", "headwater-cursor", "headwater-heartbeat", "x-content-type-options"]
        {
            assert_eq!(route.head.header(name), own.head.header(name), "{name} after {id:?}");
        }
        let last = app.publish("orders/2", "multi\nline");
        let end = format!("id: {last}\ntopic: orders/2\ndata: multi\ndata: line\n\n");
        assert_eq!(body(&mut route, &end), body(&mut own, &end), "after {id:?}");
    }
}

#[test]
fn a_route_has_the_other_forms_of_the_same_read() {
    let app = App::start();
    let last = app.publish("orders/1", "1");
    let poll =
        app.client.send(&Request::get("/orders?since=earliest").header("Accept", "application/json")).expect(200);
    assert_eq!((poll.json()["events"][0]["data"].as_str(), poll.json()["cursor"].as_str()), (Some("1"), Some(&*last)));
    let head = app.client.send(&Request::new("HEAD", "/orders"));
    assert_eq!((head.status(), head.header("headwater-cursor")), (200, Some(&*last)));
    let refused = app.client.send(&Request::get("/orders").header("Accept", "text/html")).expect(406);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    let page = "/mine?topic=public";
    app.wait(app.hub.finish("public", EndReason::Done)).unwrap();
    let end = app.client.stream(&Request::get(&format!("{page}&since=earliest"))).rest();
    assert_eq!(end[0].event, "headwater.end");
    let done = app.client.send(&Request::get(page).header("Last-Event-ID", &end[0].id));
    assert_eq!(done.status(), 204, "EventSource does not come back after this");
}

#[test]
fn heartbeats_carry_the_cursor_on() {
    let app = App::with("heartbeat = \"1s\"");
    let mut stream = app.client.stream(&Request::get("/orders"));
    let last = app.publish("others", "x");
    stream.until_cursor(|cursor| cursor == last);
    stream.until_raw(|raw| raw.contains("\n:\n"));
}

#[test]
fn a_request_reads_no_more_than_the_application_allows() {
    let app = App::start();
    for allowed in ["topic=public", "topic=users/7/orders&topic=public", "topic=users/7/**"] {
        app.client.stream(&Request::get(&format!("/mine?{allowed}")));
    }
    for topic in ["users/8/orders", "users/**", "**", "*", "$hub/stats", "$hub/**"] {
        let refused = app.client.get(&format!("/mine?topic=public&topic={topic}")).expect(403);
        assert_eq!(refused.json()["reason"], "no-right-to-subscribe", "{topic}");
    }
    assert_eq!(app.client.get("/mine").status(), 400, "it names none");
}

// RUN-01
#[test]
fn a_session_is_listed_and_goes_with_its_reader() {
    // No heartbeat finds out that nobody is there.
    let app = App::with("heartbeat = \"60s\"");
    let stream = app.client.stream(&Request::get("/mine?topic=public"));
    let subscription = app.subscribe(headwater_server::embedded::Read::topics(["a/*"]));
    let listed = app.own().get("/v1/admin/sessions").expect(200).json()["sessions"].clone();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
    let mine = listed.iter().find(|session| session["subject"] == "7").unwrap();
    assert_eq!((&mine["address"], &mine["topics"][0]), (&"192.0.2.7".into(), &"public".into()));
    drop(subscription);
    app.figures("the subscription to be gone", |figures| figures.sessions() == 1.0);
    drop(stream);
    app.figures("the stream to be gone", |figures| figures.sessions() == 0.0 && figures.closed("client") == 2.0);
    until("nobody to be listed", || {
        app.own().get("/v1/admin/sessions").json()["sessions"].as_array().unwrap().is_empty().then_some(())
    });
}
