//! Publishing from within is publishing: the same checks, the same log.

use headwater_server::embedded::{EndReason, NewEvent, Read, Since};
use headwater_testkit::until;

use crate::app::App;

#[test]
fn an_event_is_as_if_it_had_come_over_http() {
    let app = App::start();
    let mut stream = app.own().events("topic=orders/**");
    let event = NewEvent::json(&[1, 2]).unwrap().event_type("order.paid").key("k").idempotency_key("once");
    let first = app.wait(app.hub.publish("orders/42", event.clone())).unwrap();
    let again = app.wait(app.hub.publish("orders/42", event)).unwrap();
    assert!(!first.duplicate && again.duplicate && first.id == again.id);
    let batch = app.wait(app.hub.publish_all([("orders/1", "a"), ("orders/2", "b\nc")])).unwrap();
    let ended = app.wait(app.hub.finish("orders/42", EndReason::Cancelled)).unwrap();
    let seen = stream.take(4);
    assert_eq!((seen[0].event.as_str(), seen[0].data.as_str()), ("order.paid", "[1,2]"));
    assert_eq!((seen[2].topic.as_str(), seen[2].data.as_str()), ("orders/2", "b\nc"));
    assert_eq!((seen[3].event.as_str(), seen[3].id.as_str()), ("headwater.end", ended.id.as_str()));
    let ids: Vec<&str> = seen[..3].iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids, [&first.id, &batch[0].id, &batch[1].id]);
    app.figures("all to be counted", |figures| {
        figures.get("headwater_events_stored_total") == 4.0 && figures.get("headwater_duplicates_total") == 1.0
    });
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let app = App::with("[[class]]\ntopics = [\"slow\"]\npublish_rate = 1");
    let refused = |topic: &str, event: NewEvent| {
        let refusal = app.wait(app.hub.publish_all([("good", NewEvent::new("")), (topic, event)])).unwrap_err();
        (refusal.status().as_u16(), refusal.to_string())
    };
    assert_eq!(refused("a//b", "".into()).0, 400);
    assert_eq!(refused("$hub/stats", "".into()).0, 403);
    assert_eq!(refused("a", NewEvent::new("").event_type("headwater.gap")).0, 400);
    assert_eq!(refused("a", NewEvent::new("").key("a\nb")).0, 400);
    let (status, sentence) = refused("a", "x".repeat(300 << 10).into());
    assert_eq!(status, 413);
    assert_eq!(sentence, "The data of the event is larger than 262144 bytes, the most this hub takes.");
    app.wait(app.hub.finish("over", EndReason::Done)).unwrap();
    assert_eq!(refused("over", "".into()).0, 409);
    assert_eq!(app.wait(app.hub.publish_all::<&str, &str>([])).unwrap_err().status(), 400);
    // Two pass at once, and one more in every second.
    let limited = until("one too many", || app.wait(app.hub.publish("slow", "")).err());
    assert_eq!(limited.status(), 429);
    let mut all = app.subscribe(Read::topics(["good", "slow"]).map(|read| read.since(Since::Earliest)));
    assert_eq!(app.event(&mut all).topic, "slow");
}
