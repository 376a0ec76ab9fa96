//! A subscription within the process tells what a stream tells.

use headwater_server::embedded::{EndReason, Event, Item, Read, Since};

use http::Request;

use crate::app::App;

fn data(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.data.as_str()).collect()
}

#[test]
fn events_come_in_order_and_go_on_after_the_cursor() {
    let app = App::start();
    app.publish("orders/1", "before");
    let mut live = app.subscribe(Read::topics(["orders/*"]));
    let ids: Vec<String> = ["a", "b", "c"].iter().map(|data| app.publish("orders/1", data)).collect();
    app.publish("others", "not asked for");
    let first = app.event(&mut live);
    let expected = ("message", "a", ids[0].as_str(), "orders/1");
    assert_eq!((first.event_type.as_str(), first.data.as_str(), first.id.as_str(), first.topic.as_str()), expected);
    assert_eq!(live.cursor(), ids[0]);
    // Another one goes on where this one is.
    let cursor = live.cursor().to_owned();
    drop(live);
    let mut next = app.subscribe(Read::topics(["orders/*"]).map(|read| read.after(cursor)));
    assert_eq!(data(&[app.event(&mut next), app.event(&mut next)]), ["b", "c"]);
    let mut all = app.subscribe(Read::topics(["orders/*"]).map(|read| read.since(Since::Earliest)));
    assert_eq!(app.event(&mut all).data, "before");
}

#[test]
fn what_is_missing_and_what_ends_is_told() {
    let app = App::start();
    let last = app.publish("a", "1");
    let mut lost = app.subscribe(Read::topics(["a"]).map(|read| read.after("7-beef")));
    let Item::Gap(gap) = app.next(&mut lost) else { panic!("no gap") };
    assert_eq!((gap.reason.as_str(), gap.requested.as_str(), &gap.resumed_at), ("epoch", "7-beef", &last));
    let ended = app.wait(app.hub.finish("a", EndReason::Error)).unwrap().id;
    let Item::End(end) = app.next(&mut lost) else { panic!("no end") };
    assert_eq!((end.reason.as_str(), end.topic.as_str(), &end.id), ("error", "a", &ended));
    assert_eq!(app.next_or_end(&mut lost), None);
    assert_eq!(app.next_or_end(&mut lost), None, "the end is the end");
    // Who has had it all has nothing to wait for.
    let mut over = app.subscribe(Read::topics(["a"]).map(|read| read.after(&ended)));
    assert_eq!(app.next_or_end(&mut over), None);
}

#[test]
fn an_event_of_any_size_and_text_comes_whole() {
    let app = App::start();
    let mut live = app.subscribe(Read::topics(["a"]));
    let texts = ["ä€😀\n\n: data: x\nid: 7".repeat(10_000), String::new(), "x".repeat(262_144)];
    for text in &texts {
        app.publish("a", text);
    }
    for text in &texts {
        assert!(app.event(&mut live).data == *text);
    }
}

// What a request asks for can be read by the application as well, whatever form its client accepts.
#[test]
fn a_request_says_what_is_read() {
    let app = App::start();
    let first = app.publish("orders/1", "1");
    let request =
        Request::head("/orders?topic=orders/*").header("accept", "application/json").header("last-event-id", "");
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let mut asked = app.subscribe(Read::request(&parts, ["orders/**"]).map(|read| read.since(Since::Earliest)));
    assert_eq!(app.event(&mut asked).id, first);
    let request = Request::get("/?topic=ignored&since=earliest").header("last-event-id", &first);
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let mut after = app.subscribe(Read::topics(["orders/*"]).and_then(|read| read.asked_by(&parts)));
    let second = app.publish("orders/1", "2");
    assert_eq!(app.event(&mut after).id, second);
}

#[test]
fn no_more_than_what_is_a_topic_can_be_read() {
    for topics in [&[][..], &["a//b"]] {
        assert_eq!(Read::topics(topics).unwrap_err().status(), 400, "{topics:?}");
    }
    assert_eq!(Read::topics((0..101).map(|number| number.to_string())).unwrap_err().status(), 400);
    let app = App::start();
    let mut own = app.subscribe(Read::topics(["$hub/stats"]));
    assert_eq!(app.event(&mut own).topic, "$hub/stats");
}
