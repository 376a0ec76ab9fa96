//! A reader that takes nothing holds nothing up and nothing in memory.

use headwater_server::embedded::{Read, Since};
use headwater_testkit::{Connection, Process, Request};

use crate::app::App;

// RUN-05, guarantee 6
#[test]
fn slow_readers_are_further_back_in_the_log() {
    let app = App::with("tail = \"1MiB\"\n[limits]\nstall_timeout = \"1s\"");
    let mut slow: Vec<_> = (0..20).map(|_| app.subscribe(Read::topics(["orders/*"]))).collect();
    let mut stalled: Vec<_> = (0..20).map(|_| Connection::with_receive_buffer(app.client.address(), 4 << 10)).collect();
    for connection in &mut stalled {
        connection.request(&Request::get("/orders"));
        assert_eq!(connection.head().status, 200);
    }
    let process = Process(std::process::id());
    let before = process.resident();
    // 48 MB that nobody has read: they cannot be anywhere but in the log.
    let (batches, events, data) = (48, 10, "x".repeat(100_000));
    for _ in 0..batches {
        app.wait(app.hub.publish_all((0..events).map(|_| ("orders/1", data.as_str())))).unwrap();
    }
    let grown = process.resident().saturating_sub(before);
    // The tail, what hyper and the kernel hold for the 20 connections, and what the publishes themselves took.
    assert!(grown < 36 << 20, "the process has grown by {grown} bytes");
    // A client that takes nothing is given up; code of this process may take its time.
    app.figures("the connections to be given up", |figures| figures.closed("stalled") == 20.0);
    let all = batches * events;
    let mut last = None;
    for _ in 0..all {
        let event = app.event(&mut slow[0]);
        assert!(event.data == data && last.as_ref() != Some(&event.id));
        last = Some(event.id);
    }
    let mut again = app.subscribe(Read::topics(["orders/*"]).map(|read| read.since(Since::Earliest)));
    let ids: Vec<String> = (0..all).map(|_| app.event(&mut again).id).collect();
    assert_eq!(ids.last(), last.as_ref());
}
