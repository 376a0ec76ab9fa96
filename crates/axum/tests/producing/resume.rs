//! Going on where a client was.

use futures_util::stream;
use headwater_axum::{Event, EventStream};
use headwater_testkit::Request;

use crate::server::Served;

fn numbers() -> Served {
    Served::stream(|last| {
        EventStream::resume(last, |id| {
            let next = id.and_then(|id| id.as_str().parse().ok()).map_or(0, |last: u64| last + 1);
            stream::iter((next..5).map(|number| Event::new(number.to_string()).id(number)))
        })
    })
}

// FWK-01
#[test]
fn the_id_of_the_client_reaches_the_resume_function() {
    let served = numbers();
    assert_eq!(served.open().take_data(5), ["0", "1", "2", "3", "4"]);
    let request = Request::get("/events?lastEventId=0").header("Last-Event-ID", "2");
    assert_eq!(served.client.stream(&request).take_data(2), ["3", "4"], "the header wins");
    assert_eq!(served.client.stream(&Request::get("/events?last_event_id=3")).take_data(1), ["4"]);
    let unknown = Request::get("/events").header("Last-Event-ID", [b'\xff'; 500]);
    assert_eq!(served.client.stream(&unknown).take_data(5).len(), 5, "an id that is none of ours");
}

#[test]
fn a_stream_that_has_ended_is_not_begun_again() {
    let served = numbers();
    let mut events = served.open();
    events.until(|event| event.event == "headwater.end");
    let again = Request::get("/events").header("Last-Event-ID", events.cursor());
    let answer = served.client.send(&again).expect(204);
    assert_eq!((answer.body.len(), answer.header("cache-control")), (0, Some("no-store")));
}
