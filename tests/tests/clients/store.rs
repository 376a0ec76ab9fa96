//! A cursor that outlives its client.

use headwater_testkit::{StreamServer, TestService};
use serde_json::json;

use crate::services::{after_two, event, quick_with, store};

scenarios!(
    a_second_client_goes_on_where_the_first_was,
    what_was_not_handled_comes_again,
    an_id_without_data_is_stored,
    another_name_is_another_place,
);

fn a_second_client_goes_on_where_the_first_was(service: &TestService) {
    let server = StreamServer::start();
    let options = quick_with(json!({ "store": store() }));
    let (mut first, mut attempt) = after_two(service, &server, &options);
    assert_eq!(attempt.cursor(), None);
    // Asking for the third, it has handled the second; and that is seen when the third comes.
    attempt.write(event(3));
    first.expect_data(&["3"]);
    first.stop();
    let mut second = service.subscribe(&server.url("/"), options);
    let mut attempt = server.attempt();
    assert!(matches!(attempt.cursor(), Some("2" | "3")), "{:?}", attempt.request);
    attempt.open();
    attempt.write(event(4));
    second.expect_data(&["4"]);
}

fn what_was_not_handled_comes_again(service: &TestService) {
    let server = StreamServer::start();
    let options = quick_with(json!({ "store": store() }));
    let (mut first, mut attempt) = after_two(service, &server, &options);
    // The application fails in the middle of its work with the third, and asks for no more.
    first.hold();
    attempt.write(event(3) + &event(4) + &event(5));
    first.expect_data(&["3"]);
    first.stop();
    let mut second = service.subscribe(&server.url("/"), options);
    let mut attempt = server.attempt();
    assert_eq!(attempt.cursor(), Some("2"));
    attempt.open();
    attempt.write(event(3) + &event(4));
    second.expect_data(&["3", "4"]);
}

fn an_id_without_data_is_stored(service: &TestService) {
    let server = StreamServer::start();
    let options = quick_with(json!({ "store": store() }));
    let mut first = service.subscribe(&server.url("/"), options.clone());
    let mut attempt = server.attempt();
    attempt.open();
    attempt.write("id: 7\n\ndata: behind, and without an id of its own\n\n");
    drop(first.event());
    // It is handled when the next one is there.
    first.hold();
    attempt.write(event(8));
    first.expect_data(&["8"]);
    first.stop();
    let _second = service.subscribe(&server.url("/"), options);
    assert_eq!(server.attempt().cursor(), Some("7"));
}

fn another_name_is_another_place(service: &TestService) {
    let server = StreamServer::start();
    let (mut first, _attempt) = after_two(service, &server, &quick_with(json!({ "store": store() })));
    first.stop();
    let _second = service.subscribe(&server.url("/"), quick_with(json!({ "store": store() })));
    assert_eq!(server.attempt().cursor(), None);
}
