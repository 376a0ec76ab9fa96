//! How a stream ends when its reader did not end it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use headwater_server::embedded::{Hub, Item, Read};
use headwater_testkit::{Client, Request, until};
use serde_json::json;
use tempfile::TempDir;

use crate::app::{App, settings};

// KAL-07
#[test]
fn a_stopping_hub_tells_its_readers_and_gives_its_folder_back() {
    let app = App::start();
    let mut stream = app.client.stream(&Request::get("/orders"));
    let mut subscription = app.subscribe(Read::topics(["orders/*"]));
    let last = app.publish("orders/1", "1");
    assert_eq!((stream.next().id, app.event(&mut subscription).id), (last.clone(), last));
    app.hub.drain();
    let told: Vec<String> = stream.rest().into_iter().map(|event| event.event).collect();
    assert_eq!(told, ["headwater.closing"]);
    let Item::Closing(closing) = app.next(&mut subscription) else { panic!("no closing") };
    assert_eq!(closing.reason, "drain");
    assert_eq!(app.next_or_end(&mut subscription), None);
    app.wait(app.hub.stopped()).unwrap();
    assert_eq!(app.wait(app.hub.publish("orders/1", "2")).unwrap_err().status(), 503);
    assert_eq!(app.wait(app.hub.subscribe(Read::topics(["a"]).unwrap())).unwrap_err().status(), 503);
    assert_eq!(app.client.get("/orders").status(), 503);

    // The next one on the same folder, without a socket of its own, goes on where this one was.
    let next = Hub::open(settings("", &app.folder)).unwrap();
    assert_eq!(next.local_addr(), None);
    let mut back = app.wait(next.subscribe(Read::topics(["orders/*"]).unwrap().after(subscription.cursor()))).unwrap();
    let new = app.wait(next.publish("orders/1", "3")).unwrap().id;
    assert_eq!(app.event(&mut back).id, new);
    assert!(Hub::open(settings("", &app.folder)).is_err(), "the folder has one hub");
    // Nobody holds it any more: it stops at once.
    drop(next);
    assert_eq!(app.next_or_end(&mut back), None);
}

#[test]
fn a_hub_that_is_dropped_does_not_wait_for_its_clients() {
    let folder = TempDir::new().unwrap();
    let hub = Hub::listen(settings("", &folder)).unwrap();
    let address = hub.local_addr().unwrap();
    // A request whose body does not come to its end, and that the hub is reading: it asks for the rest.
    let mut request = TcpStream::connect(address).unwrap();
    let head = "POST /v1/tickets HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    write!(request, "{head}expect: 100-continue\r\ncontent-length: 100\r\n\r\n").unwrap();
    let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    request.read_exact(&mut go_on).unwrap();
    assert!(go_on.starts_with(b"HTTP/1.1 100"));
    let mut stream = Client::new(address).events("topic=a");

    // A worker of the application's runtime must not be held for as long as a stopping hub has patience with clients.
    let begun = Instant::now();
    drop(hub);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(stream.rest(), []);
    // All its threads have ended: the folder is free.
    drop(Hub::open(settings("", &folder)).unwrap());
}

#[test]
fn a_subscription_is_not_ended_for_its_age_nor_for_taking_its_time() {
    let app = App::with("max_age = \"1s\"\nheartbeat = \"1s\"\n[limits]\nstall_timeout = \"1s\"");
    let mut subscription = app.subscribe(Read::topics(["orders/*"]));
    let mut stream = app.client.stream(&Request::get("/orders"));
    let big = "x".repeat(100_000);
    let ids: Vec<String> = (0..3).map(|_| app.publish("orders/1", &big)).collect();
    let told = stream.rest();
    assert!(told.last().unwrap().data.contains("\"max_age\""), "{:?}", told.last());
    // It has not taken a piece since, for longer than a client may.
    let blocked = || app.own().get("/v1/admin/sessions").json()["sessions"][0]["blocked_seconds"].as_f64();
    until("it to wait for long", || blocked().filter(|seconds| *seconds > 2.0));
    for id in ids {
        assert_eq!(app.event(&mut subscription).id, id);
    }
    let last = app.publish("orders/1", "still here");
    assert_eq!(app.event(&mut subscription).id, last);
}

#[test]
fn what_the_reader_has_shown_ends() {
    let app = App::start();
    let until = SystemTime::now() + Duration::from_secs(2);
    let mut subscription = app.subscribe(Read::topics(["a"]).map(|read| read.subject("7").until(until)));
    let Item::Expiring(expiring) = app.next(&mut subscription) else { panic!("no warning") };
    assert!(expiring.session.contains('-') && expiring.expires_at.ends_with('Z'), "{expiring:?}");
    let Item::Closing(closing) = app.next(&mut subscription) else { panic!("no closing") };
    assert_eq!((closing.reason.as_str(), app.next_or_end(&mut subscription)), ("expired", None));
}

#[test]
fn a_revoked_subject_reads_no_more() {
    let app = App::start();
    let mut theirs = app.subscribe(Read::topics(["a"]).map(|read| read.subject("7")));
    let mut others = app.subscribe(Read::topics(["a"]).map(|read| read.subject("8")));
    let revoke = Request::post("/v1/admin/revocations", json!({ "subject": "7" }).to_string());
    assert_eq!(app.own().send(&revoke).status(), 201);
    let Item::Closing(closing) = app.next(&mut theirs) else { panic!("no closing") };
    assert_eq!(closing.reason, "revoked");
    let id = app.publish("a", "1");
    assert_eq!(app.event(&mut others).id, id);
}
